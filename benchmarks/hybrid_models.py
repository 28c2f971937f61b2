"""What `hybrid` makes of models of graded quality: `python -m benchmarks.hybrid_models`.

The tasks are those of agent/contest/tasks/ with a function in the file that a clever edit improves, in five steps of 0.003.
The models are simulated. `useless` draws constants at random and breaks the code; `middling` moves two constants at random, and
one edit in ten helps; `good` tries 20 neighbours in its head, without the noise, and every third edit helps. `none` is the
optimiser alone. Printed is the gain on the baseline, mean over seeds, and the share of turns of each arm.
"""

import argparse
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Literal

import numpy as np

from agent.benchmark.tasks.fourteen import SOURCE, SPACE, Objective
from agent.edit import Applied, apply
from agent.llm.model import Reply, Request
from agent.propose import Context, Unreadable
from agent.propose.hybrid import Hybrid
from agent.propose.search.grid import Grid
from agent.propose.search.scale import draw
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.records.results import Result, Score, Trial
from agent.space import Space, read_constants, read_space
from benchmarks.functions import FUNCTIONS

CODE = SOURCE + "\n\ndef trick():\n    return 0\n"
STEPS, STEP_GAIN = 5, 0.003
TRAINING_SECONDS, QUESTION_SECONDS = 300.0, 20.0
HELPS = {"useless": 0.0, "middling": 0.1, "good": 0.33}


class Simulated:
    """A model of `quality` that answers both tools; it reads the incumbent off `space` and `level`, which play() keeps up."""

    origin: Literal["llm", "scripted"] = "scripted"
    name = "simulated"

    def __init__(self, quality: str, objective: Objective, seed: int) -> None:
        self._quality, self._objective, self._rng = (
            quality,
            objective,
            np.random.default_rng(seed + 77),
        )
        self.space, self.level = SPACE, 0

    def estimate(self, request: Request) -> float | None:
        """It has no price."""
        return None

    def complete(self, request: Request) -> Reply:
        """Constants or an edit, as the tool asks."""
        answer = (
            self._edit() if "edits" in request.tool.parameters["properties"] else self._constants()
        )
        return Reply(model=self.name, arguments=answer, seconds=QUESTION_SECONDS)

    def _edit(self) -> dict[str, Any]:
        helps = self._rng.random() < HELPS[self._quality]
        value = self.level + 1 if helps else -1 if self._quality == "useless" else self.level - 0.5
        edit = {
            "kind": "replace_definition",
            "name": "trick",
            "code": f"def trick():\n    return {value + 1e-9 * self._rng.random()}\n",
        }
        return {"hypothesis": "a better trick", "edits": [edit]}

    def _constants(self) -> dict[str, Any]:
        if self._quality == "useless":
            return {"reason": "", "configuration": draw(self.space, self._rng)}
        grid, centre = Grid(self.space), self.space.default
        tried = grid.neighbours(grid.points([centre]), 20, 2.0, (0.05, 0.15), self._rng)
        configurations = [self.space.repair(grid.configuration(point)) for point in tried]
        if self._quality == "good":
            configurations.sort(
                key=lambda c: 9.0 if (value := self._objective(c)) is None else value
            )
        return {"reason": "", "configuration": configurations[0]}


def play(task: str, quality: str, seed: int, trials: int) -> tuple[list[float], Counter[str]]:
    """The gain on the baseline after each trial, true and not as measured, and how often each arm had its turn."""
    make, deviation = FUNCTIONS[task]
    objective, noise = make(seed), np.random.default_rng(seed + 1_000)
    model = None if quality == "none" else Simulated(quality, objective, seed)
    method, source, ledger, gains = Hybrid(model), CODE, [], [0.0]
    start = _true(CODE, SPACE, objective)
    assert start is not None
    ledger.append(
        _trial(
            0,
            "baseline",
            Proposal(hypothesis="as it is", by=Provenance(method="baseline", origin="baseline")),
            CODE,
            start,
        )
    )
    kept = start
    while len(gains) <= trials:
        space = read_space(source)
        if model:
            model.space, model.level = space, round(_level(source))
        made = method.propose(
            Context("", source, space, tuple(ledger), (), seed * 1_000_003 + len(ledger), "300s")
        )
        applied = (
            Applied(source=source) if isinstance(made, Unreadable) else apply(source, made.edits)
        )
        if (
            isinstance(made, Unreadable)
            or not isinstance(applied, Applied)
            or applied.source == source
        ):
            ledger.append(
                _trial(
                    len(ledger), "refused", Proposal(hypothesis="refused", by=made.by), source, None
                )
            )
            gains.append(gains[-1])
            continue
        true = _true(applied.source, SPACE, objective)
        value = None if true is None else true + deviation * float(noise.standard_normal())
        better = value is not None and value < kept - 2 * deviation
        status = "crash" if value is None else "keep" if better else "discard"
        delta = None if value is None else value - kept
        ledger.append(_trial(len(ledger), status, made, applied.source, value, delta))
        if better and value is not None and true is not None:
            source, kept = applied.source, value
        gains.append(start - min(start - gains[-1], true if true is not None and better else start))
    return gains, Counter(trial.proposal.by.method for trial in ledger[1:])


def _level(source: str) -> float:
    found = re.search(r"return (-?[\d.e-]+)", source)
    return float(found[1]) if found else 0.0


def _true(source: str, space: Space, objective: Objective) -> float | None:
    constants = read_constants(source)
    configuration: Configuration = {name: constants[name] for name in space.names}
    value, level = objective(configuration), _level(source)
    return None if value is None or level < -0.9 else value - STEP_GAIN * min(level, STEPS)


def _trial(
    number: int,
    status: Any,
    proposal: Proposal,
    source: str,
    value: float | None,
    delta: float | None = None,
) -> Trial:
    by = proposal.by.model_copy(update={"seconds": QUESTION_SECONDS if proposal.by.model else 0.0})
    scores = () if value is None else (Score(value=value, seed=0, kind="sealed"),)
    result = Result(status="scored" if scores else "crash", scores=scores, seconds=TRAINING_SECONDS)
    return Trial(
        number=number,
        status=status,
        proposal=proposal.model_copy(update={"by": by}),
        reason="simulated",
        result=None if status == "refused" else result,
        delta=delta,
        configuration={}
        if status == "refused"
        else {n: v for n, v in read_constants(source).items() if n in SPACE.names},
    )


def main() -> None:
    """Play all, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="valley,scaling")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [
        (t, q, seed)
        for t in asked.tasks.split(",")
        for q in ("none", *HELPS)
        for seed in range(200, 200 + asked.seeds)
    ]
    with ProcessPoolExecutor(asked.workers) as pool:
        played = list(pool.map(play, *zip(*jobs, strict=True), [asked.trials] * len(jobs)))
    points = [point for point in (15, 30, 60, 100) if point <= asked.trials]
    for task in asked.tasks.split(","):
        print(
            f"\n{task}, gain on the baseline, mean of {asked.seeds} seeds\nmodel   "
            + "".join(f"{p:>9}" for p in points)
            + "   turns"
        )
        for quality in ("none", *HELPS):
            runs = [
                run for job, run in zip(jobs, played, strict=True) if job[:2] == (task, quality)
            ]
            turns = sum((arms for _, arms in runs), Counter())
            shares = ", ".join(
                f"{arm} {count / turns.total():.0%}" for arm, count in turns.most_common()
            )
            print(
                f"{quality:8}"
                + "".join(f"{np.mean([gains[p] for gains, _ in runs]):9.4f}" for p in points)
                + f"   {shares}"
            )


if __name__ == "__main__":
    main()
