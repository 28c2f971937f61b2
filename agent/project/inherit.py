"""The objective of a run that begins at a state of another run.

The other run's record holds for all that nobody changed since that run began. What the files that
govern say otherwise now than they did then is the new run's, and what is typed comes before both.
"""

from typing import Any

from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.objective import ASKED, checked_objective
from agent.records.objective import Objective


def inherited(
    project: Project, record: Objective, then: Objective, now: Objective, flags: Flags
) -> Objective:
    """Return the objective of the new run.

    record: the other run's. then, now: what the files said when that run began, and what those that
    govern say now, without anything typed. The limit of a training is an option like its budget.
    Raise UsageFault where the parts do not fit.
    """
    parts: dict[str, Any] = {}
    for name in Objective.model_fields:
        changed = getattr(then, name) != getattr(now, name)
        parts[name] = getattr(now if changed else record, name)
    for name in ASKED:
        typed = getattr(flags, name)
        if typed is not None:
            parts[name] = typed
    parts["limit"] = None
    return checked_objective(project, parts)
