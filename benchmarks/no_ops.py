"""Real training of edits that change nothing: `python -m benchmarks.no_ops --verdict sequential`.

The bundled workspace, small enough that a trial takes seconds on a CPU: real git, sandbox, training
and sealed scores. Each edit draws some unused random numbers before the model is made: another
program to the ledger, other initial weights under the same seed, and on average exactly the same
model. Whatever is kept is a false keep; `--verdict greedy` shows how many that rule keeps. Each
edit draws STRIDE more than the one before: a few more would move the weights of that one by a few
places, and give almost its score. With the same seed on a CPU and a budget in steps, an edit that
left the random numbers alone would score the same to the last digit.
"""

import argparse
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.cli.scaffold import scaffold
from agent.display.format import USUAL
from agent.display.plain import verdict_line
from agent.edit import Applied, apply
from agent.errors import ModelFault
from agent.evaluate.bench import Bench
from agent.evaluate.slots import make_slots, this_machine
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.judge.decide import VerdictRule
from agent.judge.noise import noise_of
from agent.project.data import file_source, prepare_data
from agent.propose import Context
from agent.records.edits import Edit, ReplaceStatements, SetConstant
from agent.records.events import Judged
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
from benchmarks.small_runs import plan_of, project_of, settings_of
from sandbox.ground.budget import Budget
from sandbox.tiers.choose import choose_runner

SMALL = {
    "workspace/prepare.py": {
        "TOKENIZER": "'byte'",
        "SEQUENCE_LENGTH": "64",
        "VAL_TOKENS": "2**13",
        "TRAIN_BYTES": "2**22",
    },
    "workspace/train.py": {
        "DEPTH": "1",
        "ASPECT_RATIO": "32",
        "HEAD_DIM": "16",
        "SHORT_WINDOW": "16",
        "TOTAL_BATCH_SIZE": "2**9",
    },
}
STRIDE = 1009
MADE = 'model = build_model(meta["vocab_size"]).to(device)'


def no_op(number: int) -> Proposal:
    """Return an edit that leaves the model as it is, on average."""
    draws = STRIDE * number
    edit = ReplaceStatements(old=MADE, new=f"torch.rand({draws})\n{MADE}", within="train")
    return listed(f"draw {draws} random numbers and forget them", edit)


def listed(hypothesis: str, *edits: Edit) -> Proposal:
    """Return a proposal that a person wrote down."""
    by = Provenance(method="list", origin="scripted")
    return Proposal(hypothesis=hypothesis, edits=edits, by=by)


class Listed:
    """Proposes from a list. An edit whose place is gone, because its like was kept, is refused."""

    name = "list"
    looks_ahead = False

    def __init__(self, proposals: Iterable[Proposal]) -> None:
        self._proposals = iter(proposals)

    def propose(self, context: Context) -> Proposal:
        """Return the next of the list; raise ModelFault at its end."""
        proposal = next(self._proposals, None)
        if proposal is None:
            raise ModelFault("the list is at its end", None)
        return proposal


def small_workspace(folder: Path) -> Path:
    """Make a repository with the bundled workspace at a size that trains in a second."""
    for _ in scaffold(folder, "cpu"):
        pass
    return shrunk(folder)


def shrunk(folder: Path) -> Path:
    """Shrink the bundled workspace in `folder`, and commit that."""
    for name, constants in SMALL.items():
        edits = [SetConstant(name=constant, value=value) for constant, value in constants.items()]
        applied = apply((folder / name).read_text(), edits)
        assert isinstance(applied, Applied), applied
        (folder / name).write_text(applied.source)
    Plumbing(folder)("commit", "-qam", "Shrink it")
    return folder


@contextmanager
def small_run(
    folder: Path, verdict: VerdictRule, steps: int, seed: int = 0, tag: str = "small"
) -> Iterator[tuple[History, Bench]]:
    """Begin a run on the small workspace in `folder`, and give it with its bench."""
    project = project_of(folder)
    sandbox = choose_runner()
    with prepare_data(file_source(folder / "workspace/prepare.py"), sandbox.runner) as data:
        pass  # the bundled one leaves whole data as it is
    run = settings_of(
        project,
        tag=tag,
        budget=Budget(amount=steps, unit="steps"),
        seed=seed,
        baseline_repeats=3,
        data_fingerprint=data.fingerprint,
        score="sealed",
        verdict=verdict,
    )
    plan = plan_of(run, data.data)
    with History.create(project, run) as history:
        slots = make_slots(1, this_machine()[0][-1:], ())
        home = folder / ".autoresearch" / "runs" / tag / "trials"
        yield history, Bench(plan, sandbox.runner, slots, home, history.export)


def verdicts(
    history: History, bench: Bench, proposals: Iterable[Proposal], trials: int
) -> Iterator[Trial]:
    """Try `trials` of the proposals, and yield each verdict."""
    ledger = Ledger(history, read_space)
    bounds = Bounds(trials=trials)
    loop = Loop(ledger, bench, Listed(proposals), bounds, threading.Event())
    for event in loop.events():
        if isinstance(event, Judged):
            yield event.trial


def main() -> None:
    """Print each verdict, and how many edits were kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdict", choices=("sequential", "greedy"), default="sequential")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="the harness's first seed")
    options = parser.parse_args()
    proposals = map(no_op, range(1, 10_000))
    with tempfile.TemporaryDirectory() as name:
        folder = small_workspace(Path(name) / "r")
        with small_run(folder, options.verdict, options.steps, options.seed) as (history, bench):
            for trial in verdicts(history, bench, proposals, options.trials):
                print(verdict_line(trial, USUAL), flush=True)
            trials = history.trials
    kept = sum(trial.status in ("keep", "simplify") for trial in trials)
    runs = sum(len(trial.result.scores) for trial in trials if trial.result)
    what = f"{kept} of {options.trials} edits that change nothing were kept, in {runs} runs"
    print(f"{options.verdict}: {what}")
    print(f"noise: {noise_of(trials, history.run.sense)}")


if __name__ == "__main__":
    main()
