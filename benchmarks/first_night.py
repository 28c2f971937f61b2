"""What a first night gives: `python -m benchmarks.first_night --starts 20`.

Each start is what `make start` does, in a new folder and under another seed: `autoresearch init`,
then `autoresearch start --model none --trials 4 --budget 20s`. Then as many starts on the same
training with constants that nothing reads: whatever is kept there is a false keep.

The scores of a budget in seconds depend on the machine; what else it does meanwhile counts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from agent.display.format import Formatter, duration
from agent.display.learnt import learnt
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.records.results import TAKEN, Trial
from agent.space import Parameter, read_space
from agent.space.constants import written
from benchmarks.small_runs import project_of

TAG = "first"
TRAIN = "workspace/train.py"
SETTINGS = "autoresearch.toml"


@dataclass(frozen=True)
class Night:
    """One start, and what came of it."""

    seed: int
    seconds: float
    trials: tuple[Trial, ...]

    @property
    def kept(self) -> tuple[Trial, ...]:
        """The trials whose change was taken."""
        return tuple(trial for trial in self.trials if trial.status in TAKEN)

    @property
    def runs(self) -> int:
        """The trainings of all trials."""
        return sum(len(trial.result.scores) for trial in self.trials if trial.result)

    def __str__(self) -> str:
        kept = f"kept {len(self.kept)}" if self.kept else "kept nothing"
        lesson = learnt(self.trials, Formatter())
        return f"seed {self.seed}: {kept} in {duration(self.seconds)}, {self.runs} runs: {lesson}"


def night(folder: Path, seed: int, options: argparse.Namespace, effect: bool) -> Night:
    """Start once in `folder`, a new one, and return what came of it."""
    began = time.monotonic()
    autoresearch("init", str(folder), here=folder.parent)
    if not effect:
        without_effect(folder)
    words = ["start", "--model", "none", "--tag", TAG, "--seed", str(seed)]
    words += ["--trials", str(options.trials), "--budget", options.budget]
    autoresearch(*words, here=folder)
    seconds = time.monotonic() - began
    with History.read(project_of(folder), TAG) as history:
        return Night(seed, seconds, history.trials)


def autoresearch(*words: str, here: Path) -> None:
    """Run a command as a person does; show what it printed if it fails."""
    command = [sys.executable, "-m", "autoresearch", *words]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def without_effect(folder: Path) -> None:
    """Give the constants that are searched to copies that nothing reads, and commit that."""
    train = folder / TRAIN
    source = train.read_text(encoding="utf-8")
    searched = read_space(source).parameters
    head, mark, rest = source.partition("\n# Model.")
    copies = "".join(f"UNUSED_{p.name} = {written(p.default)}  # {_range(p)}\n" for p in searched)
    train.write_text(f"{head}\n{copies}{mark}{rest}", encoding="utf-8")
    fixed = "".join(f'{parameter.name} = "fixed"\n' for parameter in searched)
    (folder / SETTINGS).write_text(f"[ranges]\n{fixed}", encoding="utf-8")
    git = Plumbing(folder)
    git("add", "--force", "--", TRAIN, SETTINGS)
    git("commit", "--quiet", "--no-verify", "--message=Search constants without an effect")


def _range(parameter: Parameter) -> str:
    if parameter.kind == "categorical":
        return f"[{' | '.join(map(str, parameter.choices))}]"
    scale = " log" if parameter.log else ""
    if parameter.power_of_two:
        scale = " pow2"
    return f"[{parameter.low} .. {parameter.high}{scale}]"


def report(what: str, nights: Sequence[Night]) -> str:
    """Return how many kept something, and how long a start took."""
    kept = sum(bool(start.kept) for start in nights)
    usual = duration(median(start.seconds for start in nights))
    return f"{what}: {kept} of {len(nights)} starts kept something, {usual} a start (median)"


def main() -> None:
    """Print each start, and how many kept something."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--budget", default="20s")
    parser.add_argument("--only", choices=("effect", "no-effect"), help="one half of it")
    options = parser.parse_args()
    for what in ("effect", "no-effect"):
        if options.only in (None, what):
            nights = []
            for seed in range(options.first, options.first + options.starts):
                with tempfile.TemporaryDirectory() as name:
                    nights.append(night(Path(name) / "r", seed, options, what == "effect"))
                print(f"{what}, {nights[-1]}", flush=True)
            print(report(what, nights), flush=True)


if __name__ == "__main__":
    main()
