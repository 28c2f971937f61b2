"""Turns a verdict into a trial, that is, an entry of the ledger. Nothing else does."""

from dataclasses import dataclass
from datetime import UTC, datetime

from agent.edit.files import Sources, fingerprint_of, touched_files
from agent.judge.decision import Baseline, Compared, Keep, Simplify, Verdict
from agent.judge.suspicion import RECHECKED
from agent.records.objective import LOWER, Sense
from agent.records.results import Attempt, Pair, Result, Trial
from agent.space import changes, read_constants


@dataclass(frozen=True)
class Tried:
    """The measurements and files behind a verdict on an attempt that ran."""

    result: Result | None
    """None for a trial that was skipped."""
    before: Sources
    """The files at the attempt's parent."""
    after: Sources
    """The files of the attempt."""
    incumbent: Trial | None
    """The trial that it was compared with; None for a baseline."""
    pairs: tuple[Pair, ...] = ()
    sense: Sense = LOWER
    """Of the run's metric."""


def trial_of(attempt: Attempt, verdict: Verdict, tried: Tried | None) -> Trial:
    """Return the ledger's entry for an attempt with its verdict.

    tried: None for an attempt that never ran.
    """
    at = _now()
    if tried is None:
        return Trial(
            number=attempt.number,
            status=verdict.kind,
            proposal=attempt.proposal,
            reason=verdict.reason,
            at=at,
        )
    compared = verdict if isinstance(verdict, Compared) else None
    delta = compared.delta if compared else None
    incumbent = tried.incumbent
    return Trial(
        number=attempt.number,
        status=verdict.kind,
        proposal=attempt.proposal,
        reason=_reason(verdict, tried.result),
        result=tried.result,
        against=incumbent.number if incumbent else None,
        pairs=tried.pairs,
        delta=delta,
        interval=compared.interval if compared else None,
        estimate=_estimate(incumbent, delta, tried.sense),
        charge=verdict.charge if isinstance(verdict, Simplify) else None,
        target=verdict.target if isinstance(verdict, Baseline | Keep | Simplify) else None,
        guards=verdict.guards if isinstance(verdict, Baseline | Compared) else (),
        changes=changes(tried.before, tried.after),
        touched=touched_files(tried.before, tried.after),
        configuration=read_constants(tried.after),
        fingerprint=fingerprint_of(tried.after),
        at=at,
    )


def _reason(verdict: Verdict, result: Result | None) -> str:
    reason = verdict.reason
    if result is None:
        return reason
    if result.recheck == "passed" and result.own:
        reason += f"; {RECHECKED[result.own[-1].kind]}"
    if any(score.cut for score in result.own):
        reason += " (its training was ended at its deadline)"
    return reason


def _estimate(incumbent: Trial | None, delta: float | None, sense: Sense) -> float | None:
    """Return the estimated score: the incumbent's, better or worse by `delta`."""
    if incumbent is None or incumbent.value is None or delta is None:
        return None
    return sense.value(sense.loss(incumbent.value) + delta)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
