"""Real training of edits that change nothing: `python -m benchmarks.no_ops --verdict sequential` (and `greedy`).

The bundled workspace, small enough that a trial takes seconds on a CPU: real git, sandbox, training and sealed scores. Each
edit draws some unused random numbers before the model is made: another program to the ledger, other initial weights under
the same seed, and on average exactly the same model. Whatever is kept is a false keep. Each draws STRIDE more than the one
before: a few more would move the weights of that one by a few places, and give almost its score. With the same seed on a CPU
and a budget in steps, an edit that left the random numbers alone would score the same to the last digit.
"""

import argparse
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.cli.scaffold import scaffold
from agent.display.plain import verdict_line
from agent.edit import Applied, apply
from agent.errors import ModelFault
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots, this_machine
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.runs import head_of
from agent.judge.decide import VerdictRule, noise_of
from agent.project.data import file_source, prepare_data
from agent.project.find import find_project
from agent.project.settings import RunSettings, read_settings
from agent.propose import Context
from agent.records.edits import Edit, ReplaceStatements, SetConstant
from agent.records.events import Judged
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.run.bounds import Bounds
from agent.run.ledger import Ledger
from agent.run.loop import Loop
from agent.space import read_space
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
    """An edit that leaves the model as it is, on average."""
    edit = ReplaceStatements(old=MADE, new=f"torch.rand({STRIDE * number})\n{MADE}", within="train")
    return listed(f"draw {STRIDE * number} random numbers and forget them", edit)


def listed(hypothesis: str, *edits: Edit) -> Proposal:
    """A proposal that a person wrote down."""
    return Proposal(
        hypothesis=hypothesis, edits=edits, by=Provenance(method="list", origin="scripted")
    )


class Listed:
    """Proposes from a list. An edit whose place is gone, because its like was kept, is refused."""

    name, looks_ahead = "list", False

    def __init__(self, proposals: Iterable[Proposal]) -> None:
        self._proposals = iter(proposals)

    def propose(self, context: Context) -> Proposal:
        """The next of the list."""
        proposal = next(self._proposals, None)
        if proposal is None:
            raise ModelFault("the list is at its end", None)
        return proposal


def small_workspace(folder: Path) -> Path:
    """The bundled workspace at a size that trains in a second, committed in a new repository."""
    for _ in scaffold(folder, "cpu"):
        pass
    return shrunk(folder)


def shrunk(folder: Path) -> Path:
    """The bundled workspace in `folder`, made so small, and committed."""
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
    """A new run on the small workspace in `folder`, with all that it takes to train."""
    project = find_project(folder, read_settings(folder))
    sandbox = choose_runner()
    with prepare_data(file_source(folder / "workspace/prepare.py"), sandbox.runner) as data:
        pass  # the bundled one leaves whole data as it is
    run = RunSettings(
        tag=tag,
        method="list",
        model=None,
        budget=Budget(amount=steps, unit="steps"),
        seed=seed,
        workers=1,
        trials=None,
        hours=None,
        max_cost=None,
        baseline_repeats=3,
        data_fingerprint=data.fingerprint,
        start_commit=head_of(project),
        score="sealed",
        verdict=verdict,
    )
    plan = Plan(
        score="sealed",
        train="train.py",
        data=data.data,
        read_only=(),
        budget=run.budget,
        memory_bytes=None,
    )
    with History.create(project, run) as history:
        slots, home = (
            make_slots(1, this_machine()[0][-1:], ()),
            folder / ".autoresearch" / "runs" / tag / "trials",
        )
        yield history, Bench(plan, sandbox.runner, slots, home, history.export)


def play(
    history: History, bench: Bench, proposals: Iterable[Proposal], trials: int
) -> Iterator[Trial]:
    """Try `trials` of the proposals; yields each verdict."""
    loop = Loop(
        Ledger(history, read_space),
        bench,
        Listed(proposals),
        Bounds(trials=trials),
        threading.Event(),
    )
    yield from (event.trial for event in loop.events() if isinstance(event, Judged))


def main() -> None:
    """Print each verdict, and what came of it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verdict", choices=("sequential", "greedy"), default="sequential")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="the harness's first seed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = small_workspace(Path(name) / "r")
        with small_run(folder, options.verdict, options.steps, options.seed) as (history, bench):
            for trial in play(history, bench, map(no_op, range(1, 10_000)), options.trials):
                print(verdict_line(trial), flush=True)
            trials = history.trials
    kept = sum(trial.status in ("keep", "simplify") for trial in trials)
    runs = sum(len(trial.result.scores) for trial in trials if trial.result)
    print(
        f"{options.verdict}: {kept} of {options.trials} edits that change nothing were kept, in {runs} runs"
    )
    print(f"noise: {noise_of(trials)}")


if __name__ == "__main__":
    main()
