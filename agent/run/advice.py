"""Warnings about a baseline: it fails on this machine, or its speed varies."""

from agent.errors import ProjectFault
from agent.judge.pairing import unsteady
from agent.records.objective import Objective
from agent.records.results import Result, Trial, also_of


def unsteadiness(baseline: Trial) -> str | None:
    """Return a warning if the runs of a timed `baseline` differ too much in speed, else None."""
    result = baseline.result
    if result is None:
        return None
    steps = result.facts.get("num_steps")
    sealed = all(score.kind == "sealed" for score in result.own)
    share = unsteady(result.own)
    if not sealed or share is None or not isinstance(steps, int):
        return None
    return (
        f"the baseline's runs differ by {share:.0%} in speed, so scores also measure how busy "
        f"this machine is; --budget {steps}steps avoids that"
    )


def missing_metrics(objective: Objective, baseline: Trial) -> str | None:
    """Return a warning if the baseline gave no value of a metric of `also`, else None."""
    measured = also_of(baseline)
    missing = [name for name in objective.further if name not in measured]
    if not missing or baseline.result is None:
        return None
    return f"the baseline gives no {', '.join(missing)}, so nothing is recorded there: see `also`"


def baseline_fault(result: Result) -> ProjectFault:
    """Return the fault for a baseline that fails on this machine and runs on another."""
    message = f"the baseline fails on this machine ({result.status}): {result.detail}"
    next_command = "autoresearch start   # a new run, with a train.py that runs here"
    return ProjectFault(message, next_command)
