"""Turns the outcome of a training into a result, and adds it to the attempt's earlier runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.evaluate.machine import Conditions
from agent.records.guards import Check
from agent.records.objective import Sense
from agent.records.results import MAX_TAIL_CHARACTERS, Order, Result, Score, Trial
from agent.records.slots import Slot
from sandbox.ground.budget import Budget
from sandbox.ground.text import one_line
from sandbox.score.checking import Failed, Passed
from sandbox.score.measure import Measured, Stopped, Unscored
from sandbox.score.metric import Reading
from sandbox.score.printed import thin_curve

OTHERS = {"incumbent": "the incumbent", "reference": "the first baseline"}
"""Whose run another role than the attempt's own is."""


OWN_ROLES = frozenset({"candidate", "fresh"})
"""Roles of runs of the attempt itself."""


@dataclass(frozen=True)
class Pruned:
    """A training that was stopped because its curve was hopeless."""

    why: str
    stopped: Stopped
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Scored:
    """A training with a score, and the state of the machine during it."""

    measured: Measured
    conditions: Conditions


Outcome = Scored | Unscored | Stopped | Pruned
"""What one training came to; Stopped was cancelled and is no result."""


def failed_result(run: Unscored, slot: Slot, tier: str) -> Result:
    """Return the result of a run without a score."""
    return Result(
        status=run.status,
        curve=_short(run.curve),
        seconds=round(run.seconds, 2),
        peak_memory_mb=_megabytes(run.peak_memory_bytes),
        facts=run.facts,
        tier=tier,
        machine=slot.machine,
        detail=run.detail,
        tail=run.tail[-MAX_TAIL_CHARACTERS:],
        overshot=run.overshot,
        took=round(run.seconds, 2) if run.status == "over-limit" else None,
    )


def pruned_result(run: Pruned, slot: Slot, tier: str) -> Result:
    """Return the result of a pruned training: its curve, without a score."""
    return Result(
        status="pruned",
        curve=_short(run.curve),
        seconds=round(run.stopped.seconds, 2),
        peak_memory_mb=_megabytes(run.stopped.peak_memory_bytes),
        tier=tier,
        machine=slot.machine,
        detail=run.why,
    )


def scored_result(
    run: Scored, order: Order, slot: Slot, budget: Budget | None, tier: str
) -> Result:
    """Return the result of a run in `slot` that has a score."""
    measured = run.measured
    score = Score(
        value=measured.value,
        seed=order.seed,
        kind=measured.score,
        role=order.role,
        machine=slot.machine,
        speed=_speed(measured, budget),
        clock=run.conditions.clock,
        celsius=run.conditions.celsius,
        seconds=round(measured.seconds, 2),
        startup=None if measured.startup is None else round(measured.startup, 2),
        answering=measured.answering,
        cores=len(slot.cpus) or None,
        cut=measured.cut,
        also=measured.also,
        also_units=measured.units,
        **_reading_fields(measured.reading),
    )
    # A finer figure could be a message: scoring has seen hidden data.
    score_seconds = float(round(measured.score_seconds))
    return Result(
        status="scored",
        scores=(score,),
        curve=_short(measured.curve),
        seconds=round(measured.seconds, 2),
        score_seconds=score_seconds,
        peak_memory_mb=_megabytes(measured.peak_memory_bytes),
        parameters=measured.parameters,
        facts=measured.facts,
        tier=tier,
    )


def check_record(command: str, outcome: Passed | Failed) -> Check:
    """Return the record of a check."""
    seconds = round(outcome.seconds, 2)
    if isinstance(outcome, Passed):
        return Check(command=command, passed=True, seconds=seconds)
    return Check(
        command=command,
        passed=False,
        reason=outcome.reason,
        tail=outcome.tail[-MAX_TAIL_CHARACTERS:],
        seconds=seconds,
    )


def _reading_fields(reading: Reading | None) -> dict[str, Any]:
    """Return the fields of a score that say where it was read."""
    if reading is None:
        return {}
    return {
        "line": reading.line,
        "unit": reading.unit,
        "summaries": reading.blocks,
        "times": reading.times,
    }


def on_scale(result: Result, sense: Sense) -> Result:
    """Return `result`, or an invalid result if its score is not on the metric's scale."""
    off = [score.value for score in result.scores if not sense.has(score.value)]
    if not off:
        return result
    detail = f"{off[0]:g} is not on the scale {sense.scale} that the run's metric has"
    return result.model_copy(update={"status": "invalid", "scores": (), "detail": detail})


def with_guarded(result: Result, metrics: Sequence[str]) -> Result:
    """Return `result`, or a failed result if a metric that a guard needs is missing."""
    for score in result.scores:
        for name in metrics:
            if name not in score.also:
                detail = f"a guard needs {name}, which came with no score"
                update = {"status": "crash", "scores": (), "detail": detail}
                return result.model_copy(update=update)
    return result


def crashed(result: Result | None, why: str) -> Result:
    """Return the result of a crashed attempt; its earlier scores are dropped."""
    if result is None:
        return Result(status="crash", detail=why)
    return result.model_copy(update={"status": "crash", "scores": (), "detail": why})


def first_score(trials: Sequence[Trial], measured: Result | None) -> Score | None:
    """Return the first score of a run, in whose units all others are; None before there is one.

    measured: what is recorded of the attempt that is under way, which may be the first baseline.
    """
    results = [*(trial.result for trial in trials), measured]
    return next((result.scores[0] for result in results if result and result.scores), None)


def in_units(result: Result, first: Score | None, guarded: Sequence[str]) -> Result:
    """Return a result in the units of the run's first score; else an invalid one.

    guarded: the metrics of guards. Others in another unit are left out.
    """
    if first is None:
        return result
    scores = []
    for score in result.scores:
        if not _is_in_unit_of(score.unit, first):
            return _in_other_unit(result, one_line(score.line), score.unit, first.unit)
        mixed = [name for name in score.also if not _is_alike(name, score, first)]
        broken = next((name for name in mixed if name in guarded), None)
        if broken is not None:
            units = (score.also_units.get(broken, ""), first.also_units.get(broken, ""))
            return _in_other_unit(result, broken, *units)
        also = {name: value for name, value in score.also.items() if name not in mixed}
        scores.append(score.model_copy(update={"also": also}))
    return result.model_copy(update={"scores": tuple(scores)})


def _is_in_unit_of(unit: str, first: Score) -> bool:
    """Return whether a unit is that of a run's first score.

    An older version knew fewer units: then the line that it read has it.
    """
    if unit == first.unit:
        return True
    behind = re.search(rf"[0-9][ ]?{re.escape(unit)}(?!\w)", first.line)
    return not first.unit and behind is not None


class Units:
    """Holds runs that are compared with each other to the units of the first one with a score."""

    def __init__(self, guarded: Sequence[str] = ()) -> None:
        self._guarded = guarded
        self._first: Score | None = None

    def held(self, result: Result) -> Result:
        """Return a result as in_units does."""
        if self._first is None:
            self._first = first_score((), result)
        return in_units(result, self._first, self._guarded)


def _is_alike(name: str, score: Score, first: Score) -> bool:
    """Return whether a further metric has the unit of the run's first score, if that is known."""
    if name not in first.also_units:
        return True
    return score.also_units.get(name, "") == first.also_units[name]


def _in_other_unit(result: Result, what: str, unit: str, usual: str) -> Result:
    detail = (
        f"it printed {what}: in {unit or 'no unit'}, "
        f"where this run's scores are in {usual or 'no unit'}"
    )
    return result.model_copy(update={"status": "invalid", "scores": (), "detail": detail})


def _megabytes(size: int | None) -> float | None:
    return None if size is None else round(size / 2**20, 1)


def _short(curve: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return a curve with few enough points and digits for a commit message."""
    return tuple((round(fraction, 4), round(loss, 6)) for fraction, loss in thin_curve(curve))


def _speed(run: Measured, budget: Budget | None) -> float | None:
    """Return steps a second, from a budget in steps or from the steps that train.py printed."""
    counted = budget is not None and budget.unit == "steps"
    steps = budget.amount if budget and counted else run.facts.get("num_steps")
    if isinstance(steps, bool) or not isinstance(steps, int | float):
        return None
    if steps <= 0 or run.seconds <= 0:
        return None
    return float(f"{steps / run.seconds:.4g}")


# ---------------------------------------------------------------- several runs


def add_run(before: Result | None, run: Result, order: Order) -> Result:
    """Return the result of an attempt after one more run.

    A failure of its own becomes the result; a failure of the incumbent is noted in `detail`. Curve,
    parameters and facts are those of its own first run. An implausible score that the full audit
    refutes stays on record, with recheck `failed`.
    """
    if before is None:
        return run
    if before.status not in ("scored", "over-limit"):  # another run of it was under way
        return before.model_copy(update={"seconds": round(before.seconds + run.seconds, 2)})
    if order.role == "candidate" and not before.own:
        return _first_own_run(before, run)
    spent: dict[str, object] = {
        "seconds": round(before.seconds + run.seconds, 2),
        "score_seconds": round(before.score_seconds + run.score_seconds, 2),
    }
    if order.role == "candidate":
        peaks = [peak for peak in (before.peak_memory_mb, run.peak_memory_mb) if peak is not None]
        spent["peak_memory_mb"] = max(peaks, default=None)
    if _is_recheck(before, order):
        if run.status == "invalid" and not run.overshot:
            refuted = {"recheck": "failed", "recheck_seed": order.seed, "detail": run.detail}
            return before.model_copy(update={**spent, **refuted})
        if run.status == "scored":
            spent["recheck"] = "passed"
    if before.status == "over-limit":
        return _timed_beside(before, run, spent)
    spent["detail"] = _failure(run, order)
    if run.status != "scored" and order.role in OWN_ROLES:
        others = [score for score in before.scores if score.role not in OWN_ROLES]
        kept = tuple(others) if run.status == "over-limit" else ()
        failed = {"status": run.status, "scores": kept, "took": run.took}
        return before.model_copy(update={**spent, **failed})
    return before.model_copy(update={**spent, "scores": (*before.scores, *run.scores)})


def _timed_beside(before: Result, run: Result, spent: dict[str, object]) -> Result:
    """Return the result of a run over its limit, after one of the incumbent's."""
    if run.status != "scored":
        return before.model_copy(update={**spent, "recheck": "failed"})
    return before.model_copy(update={**spent, "scores": (*before.scores, *run.scores)})


def _first_own_run(before: Result, run: Result) -> Result:
    """Return the result after an attempt's own first run, which follows runs of the baseline."""
    seconds = round(before.seconds + run.seconds, 2)
    if run.status == "over-limit":
        return run.model_copy(update={"seconds": seconds, "scores": before.scores})
    if run.status != "scored":
        return run.model_copy(update={"seconds": seconds})
    scores = (*before.scores, *run.scores)
    return run.model_copy(update={"scores": scores, "seconds": seconds})


def _is_recheck(before: Result, order: Order) -> bool:
    return order.audit == "full" and order.role == "candidate" and before.recheck is None


def _failure(run: Result, order: Order) -> str:
    if run.status == "scored":
        return ""
    if order.role == "neutral":
        return f"it failed with every searched float moved by a millionth: {run.detail}"
    whose = OTHERS.get(order.role, "it")
    return f"{whose} failed when it was run again under seed {order.seed}: {run.detail}"
