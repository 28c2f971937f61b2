"""Describes a run's conditions for a keep (guards, checks, a target) and how they are met."""

from collections.abc import Iterator, Sequence

from agent.judge.decide import incumbent_of
from agent.records.guards import Guard
from agent.records.objective import Objective
from agent.records.results import Trial, also_of


def guard_lines(trials: Sequence[Trial], objective: Objective) -> Iterator[tuple[str, str]]:
    """Yield a line for each guard, with the best trial's metric and how many broke it.

    One for the checks and one for the target follow; each begins with a name.
    """
    best = incumbent_of(trials)
    values = also_of(best) if best else {}
    for guard in objective.guards:
        broke = sum(_breaks(trial, guard) for trial in trials)
        value = f", {values[guard.metric]:.6g} at the best" if guard.metric in values else ""
        yield "guards", f"{guard}{value}; {_times(broke, 'broke it')}"
    failed = sum(bool(trial.result and trial.result.failed_check) for trial in trials)
    if objective.checks:
        yield "checks", f"{', '.join(objective.checks)}; {_times(failed, 'failed one')}"
    if objective.target is not None and best:
        yield "target", str(best.target or f"{objective.target:g}, not near yet")


def _breaks(trial: Trial, guard: Guard) -> bool:
    return any(result.guard == guard and result.finding == "outside" for result in trial.guards)


def _times(count: int, what: str) -> str:
    return f"{count} trial{'s' if count != 1 else ''} {what}"
