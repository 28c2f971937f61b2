"""What `hybrid` gains with models of graded quality: `python -m benchmarks.hybrid_models`.

The tasks are those of agent/benchmark/tasks/, with a function in the file that a clever edit
improves, in five steps of 0.003. The models are simulated. `useless` draws constants at random and
breaks the code; `middling` moves two constants at random, and one edit in ten helps; `good` tries
20 neighbours in its head, without the noise, and every third edit helps. `none` is the optimiser
alone. Printed is the gain on the baseline, mean over seeds, and the share of turns of each arm.
"""

import argparse
import re
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any, Literal

import numpy as np

from agent.benchmark.tasks.fourteen import SOURCE, SPACE, Objective
from agent.edit import Applied, apply
from agent.edit.files import Sources
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
STEPS = 5
STEP_GAIN = 0.003
TRAINING_SECONDS = 300.0
QUESTION_SECONDS = 20.0
HELPS = {"useless": 0.0, "middling": 0.1, "good": 0.33}


class Simulated:
    """A model of `quality` that answers both tools.

    It knows the incumbent by `space` and `level`, which simulate() keeps up to date.
    """

    origin: Literal["llm", "scripted"] = "scripted"
    name = "simulated"

    def __init__(self, quality: str, objective: Objective, seed: int) -> None:
        self._quality = quality
        self._objective = objective
        self._rng = np.random.default_rng(seed + 77)
        self.space = SPACE
        self.level = 0

    def estimate(self, request: Request) -> float | None:
        """Return no price."""
        return None

    def complete(self, request: Request) -> Reply:
        """Return constants or an edit, as the tool asks."""
        wants_edits = "edits" in request.tool.parameters["properties"]
        answer = self._edit() if wants_edits else self._constants()
        return Reply(model=self.name, arguments=answer, seconds=QUESTION_SECONDS)

    def _edit(self) -> dict[str, Any]:
        helps = self._rng.random() < HELPS[self._quality]
        value = self.level - 0.5
        if helps:
            value = self.level + 1
        elif self._quality == "useless":
            value = -1
        edit = {
            "kind": "replace_definition",
            "name": "trick",
            "code": f"def trick():\n    return {value + 1e-9 * self._rng.random()}\n",
        }
        return {"hypothesis": "a better trick", "edits": [edit]}

    def _constants(self) -> dict[str, Any]:
        if self._quality == "useless":
            return {"reason": "", "configuration": draw(self.space, self._rng)}
        grid = Grid(self.space)
        centre = grid.points([self.space.default])
        tried = grid.neighbours(centre, 20, 2.0, (0.05, 0.15), self._rng)
        configurations = [self.space.repair(grid.configuration(point)) for point in tried]
        if self._quality == "good":
            configurations.sort(key=self._loss)
        return {"reason": "", "configuration": configurations[0]}

    def _loss(self, configuration: Configuration) -> float:
        value = self._objective(configuration)
        return 9.0 if value is None else value


def simulate(task: str, quality: str, seed: int, trials: int) -> tuple[list[float], Counter[str]]:
    """Return the true gain on the baseline after each trial, and how many turns each arm had."""
    make, deviation = FUNCTIONS[task]
    objective = make(seed)
    noise = np.random.default_rng(seed + 1_000)
    model = None if quality == "none" else Simulated(quality, objective, seed)
    method = Hybrid(model)
    source = CODE
    gains = [0.0]
    start = _true(CODE, SPACE, objective)
    assert start is not None
    by = Provenance(method="baseline", origin="baseline")
    ledger = [_trial(0, "baseline", Proposal(hypothesis="as it is", by=by), CODE, start)]
    kept = start
    while len(gains) <= trials:
        space = read_space(source)
        if model:
            model.space = space
            model.level = round(_level(source))
        draw_seed = seed * 1_000_003 + len(ledger)
        made = method.propose(
            Context("", Sources.of(source), space, tuple(ledger), (), draw_seed, "300s")
        )
        edited = _edited(source, made)
        if isinstance(made, Unreadable) or edited is None:
            refused = Proposal(hypothesis="refused", by=made.by)
            ledger.append(_trial(len(ledger), "refused", refused, source, None))
            gains.append(gains[-1])
            continue
        true = _true(edited, SPACE, objective)
        if true is None:
            ledger.append(_trial(len(ledger), "crash", made, edited, None))
            gains.append(gains[-1])
            continue
        value = true + deviation * float(noise.standard_normal())
        better = value < kept - 2 * deviation
        status = "keep" if better else "discard"
        ledger.append(_trial(len(ledger), status, made, edited, value, value - kept))
        if better:
            source = edited
            kept = value
        gains.append(max(gains[-1], start - true) if better else gains[-1])
    return gains, Counter(trial.proposal.by.method for trial in ledger[1:])


def _edited(source: str, made: Proposal | Unreadable) -> str | None:
    """Return the source after a proposal's edits; None if they change nothing or do not apply."""
    if isinstance(made, Unreadable):
        return None
    applied = apply(source, made.edits)
    if not isinstance(applied, Applied) or applied.source == source:
        return None
    return applied.source


def _level(source: str) -> float:
    """Return how far the function in the file has been improved."""
    match = re.search(r"return (-?[\d.e-]+)", source)
    return float(match[1]) if match else 0.0


def _true(source: str, space: Space, objective: Objective) -> float | None:
    """Return the score without noise; None for a crash."""
    constants = read_constants(source)
    configuration: Configuration = {name: constants[name] for name in space.names}
    value = objective(configuration)
    level = _level(source)
    if value is None or level < -0.9:
        return None
    return value - STEP_GAIN * min(level, STEPS)


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
    constants = read_constants(source)
    ran = status != "refused"
    return Trial(
        number=number,
        status=status,
        proposal=proposal.model_copy(update={"by": by}),
        reason="simulated",
        result=result if ran else None,
        delta=delta,
        configuration={name: constants[name] for name in SPACE.names if ran},
    )


def main() -> None:
    """Simulate all, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="valley,scaling")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    tasks = asked.tasks.split(",")
    seeds = range(200, 200 + asked.seeds)
    jobs = list(product(tasks, ("none", *HELPS), seeds))
    with ProcessPoolExecutor(asked.workers) as pool:
        runs = list(pool.map(simulate, *zip(*jobs, strict=True), [asked.trials] * len(jobs)))
    results = dict(zip(jobs, runs, strict=True))
    points = [point for point in (15, 30, 60, 100) if point <= asked.trials]
    for task in tasks:
        print(f"\n{task}, gain on the baseline, mean of {asked.seeds} seeds")
        print("model   " + "".join(f"{point:>9}" for point in points) + "   turns")
        for quality in ("none", *HELPS):
            each = [results[task, quality, seed] for seed in seeds]
            means = [np.mean([gains[point] for gains, _ in each]) for point in points]
            turns = sum((arms for _, arms in each), Counter[str]())
            shares = [f"{arm} {count / turns.total():.0%}" for arm, count in turns.most_common()]
            numbers = "".join(f"{mean:9.4f}" for mean in means)
            print(f"{quality:8}{numbers}   {', '.join(shares)}")


if __name__ == "__main__":
    main()
