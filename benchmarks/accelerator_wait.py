"""How long the accelerator waits while a model thinks: `python -m benchmarks.accelerator_wait`.

A model takes `--answer` seconds for each proposal; a trial trains (here: a scripted runner sleeps,
on one slot) for `--train` seconds. Printed: the share of the time from the first trial's start to
the last verdict in which nothing trained, with the next proposal written ahead (as always) and, for
comparison, only when the slot is free. karpathy/autoresearch's published H100 run did not train for
13 % of its wall time.
"""

import argparse
import tempfile
import time
from pathlib import Path

from agent.history.history import History
from agent.propose import Context
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal, Provenance
from benchmarks.small_runs import loop_of, project_of, repository, settings_of
from sandbox.ground.outcome import Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner


class SlowModel:
    """Thinks for `answer` seconds and proposes a constant that was not tried."""

    name = "slow-model"

    def __init__(self, answer: float, looks_ahead: bool) -> None:
        self._answer = answer
        self.looks_ahead = looks_ahead
        self._asked = 0

    def propose(self, context: Context) -> Proposal:
        """Return the next proposal, after `answer` seconds."""
        time.sleep(self._answer)
        self._asked += 1
        edit = SetConstant(name="LR", value=str(0.1 + self._asked / 1000))
        by = Provenance(method=self.name, origin="scripted")
        return Proposal(hypothesis="slightly more", edits=(edit,), by=by)


class Training:
    """A scripted training that sleeps, and remembers when."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.spans: list[tuple[float, float]] = []

    def __call__(self, spec: RunSpec) -> tuple[Outcome, str]:
        began = time.monotonic()
        time.sleep(self._seconds)
        self.spans.append((began, time.monotonic()))
        return Finished(usage=Usage(seconds=self._seconds)), "---\nval_bpb: 1.0\n"


def waste(answer: float, train: float, trials: int, looks_ahead: bool) -> float:
    """Return the share of the time, from first start to last end, in which nothing trained."""
    training = Training(train)
    with tempfile.TemporaryDirectory() as name:
        project = project_of(repository(Path(name), "LR = 0.1\n"))
        run = settings_of(project, method="code", model="slow")
        with History.create(project, run) as history:
            model = SlowModel(answer, looks_ahead)
            for _ in loop_of(history, model, ScriptedRunner(training), trials).events():
                pass
    trained = sum(end - began for began, end in training.spans[1:])
    return 1 - trained / (training.spans[-1][1] - training.spans[0][1])


def main() -> None:
    """Print both shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer", type=float, default=20.0, help="seconds a proposal takes")
    parser.add_argument(
        "--train", type=float, default=60.0, help="seconds a trial trains; 300 for the real thing"
    )
    parser.add_argument("--trials", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{options.trials} trials of {options.train:g} s, proposals of {options.answer:g} s; "
        "nothing trained for"
    )
    for looks_ahead, name in ((True, "written ahead"), (False, "when the slot is free")):
        share = waste(options.answer, options.train, options.trials, looks_ahead)
        print(f"  {share:6.2%}  proposals {name}")


if __name__ == "__main__":
    main()
