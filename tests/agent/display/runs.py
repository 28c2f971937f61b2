"""Trials and events of a night, some of them hostile, for tests of every display."""

import math

from agent.records.edits import SetConstant
from agent.records.events import (
    Event,
    Judged,
    Note,
    Progress,
    Proposed,
    Proposing,
    RunStarted,
    Scoring,
    TrialStarted,
)
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Change, Result, Score, Trial

HOSTILE = "[bold]deeper[/bold] \x1b[31mred\x1b[0m \u202eesrever :smile: \r\n\x07 α → β"


def curve(final: float, points: int = 20) -> tuple[tuple[float, float], ...]:
    """Return a loss that falls from 5.5 to `final`."""
    return tuple(
        ((i + 1) / points, final + (5.5 - final) * math.exp(-6 * i / points)) for i in range(points)
    )


def proposal(hypothesis: str, method: str = "tpe", **by: object) -> Proposal:
    """Return a proposal that sets DEPTH."""
    provenance = Provenance.model_validate({"method": method, "origin": "search"} | by)
    return Proposal(
        hypothesis=hypothesis, edits=(SetConstant(name="DEPTH", value="6"),), by=provenance
    )


def scored(
    number: int,
    status: str,
    value: float,
    hypothesis: str,
    delta: float | None = None,
    repeats: int = 1,
) -> Trial:
    """Return a trial with `repeats` scores, 0.001 apart around `value`."""
    proposed = (
        proposal(hypothesis, "baseline", origin="baseline")
        if status == "baseline"
        else proposal(hypothesis)
    )
    scores = tuple(
        Score(value=value + 0.001 * (i - (repeats - 1) / 2), seed=i, kind="sealed")
        for i in range(repeats)
    )
    result = Result(
        status="scored",
        scores=scores,
        curve=curve(value * 2),
        seconds=20.4 * repeats,
        score_seconds=2.0,
        peak_memory_mb=812.4,
        parameters=3_400_000,
        facts={"num_steps": 142},
        tier="A",
    )
    return Trial.model_validate(
        {
            "number": number,
            "status": status,
            "proposal": proposed,
            "reason": "not better" if delta else "noise",
            "result": result,
            "delta": delta,
            "changes": (Change(name="DEPTH", before=4, after=6),),
            "attempt": f"{number:040x}",
            "verdict": f"{number + 1000:040x}",
            "at": "2026-11-24T15:04:05+00:00",
        }
    )


def failed(number: int, status: str, hypothesis: str, detail: str) -> Trial:
    """Return a trial that ended without a score."""
    result = Result.model_validate(
        {"status": status, "seconds": 3.2, "detail": detail, "tier": "A", "curve": curve(4.0, 3)}
    )
    return Trial.model_validate(
        {
            "number": number,
            "status": status,
            "proposal": proposal(hypothesis),
            "reason": detail,
            "result": result,
            "attempt": "0" * 40,
        }
    )


def refused(number: int, hypothesis: str) -> Trial:
    """Return a proposal of a model that was paid for and never trained."""
    by = {
        "origin": "llm",
        "model": "opus",
        "input_tokens": 12_345,
        "output_tokens": 678,
        "cost": 0.1234,
    }
    return Trial(
        number=number,
        status="refused",
        proposal=proposal(hypothesis, "code", **by),
        reason="unknown-name: DEPHT (DEPTH)",
    )


def night() -> tuple[Trial, ...]:
    """Return trials with one of each verdict."""
    return (
        scored(0, "baseline", 1.912345, "train.py as it is", repeats=3),
        scored(1, "discard", 1.923456, "narrower: more steps in the same time", 0.011111),
        scored(2, "keep", 1.880001, "deeper: DEPTH 4 → 6", -0.032344),
        failed(
            3,
            "crash",
            "a wider head, with a very long explanation of why that should be better than it was",
            "ValueError",
        ),
        failed(4, "oom", "BATCH 2**13 → 2**19", "killed at 4.0 GB"),
        failed(5, "timeout", "train for ever", "killed after 62 s"),
        refused(6, "misspell a constant"),
        scored(7, "discard", 1.890000, HOSTILE, 0.009999),
    )


def started(trials: tuple[Trial, ...] = ()) -> RunStarted:
    """Return the first event of a run."""
    return RunStarted("nov24", "autoresearch/nov24", "tpe", None, "20s", "A", 2, trials, 12)


def begins(number: int, hypothesis: str, slot: int = 0) -> TrialStarted:
    """Return the event that a trial begins to train."""
    return TrialStarted(
        Attempt(number=number, commit="c", parent="p", proposal=proposal(hypothesis)), slot, 42, 1
    )


def morning() -> tuple[Event, ...]:
    """Return the events of a run with history, two trials in training and one being proposed."""
    return (
        started(night()),
        Note("tier A: bubblewrap"),
        Proposing("tpe"),
        Proposed(proposal("even deeper: DEPTH 6 → 8")),
        begins(8, "even deeper: DEPTH 6 → 8"),
        Proposing("tpe"),
        Proposed(proposal(HOSTILE)),
        begins(9, HOSTILE, 1),
        *(Progress(8, fraction, loss) for fraction, loss in curve(3.70)[:13]),
        *(Progress(9, f, loss, 1) for f, loss in curve(3.9)),
        Scoring(9, 1),
        Proposing("tpe"),
    )


def verdict() -> Judged:
    """Return trial 9's verdict."""
    return Judged(scored(9, "keep", 1.870000, HOSTILE, -0.010001))
