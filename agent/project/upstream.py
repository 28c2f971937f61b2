"""What the layout of karpathy/autoresearch fixes: how long its train.py trains."""

import math
from pathlib import Path

from agent.git.plumbing import Plumbing, content_of
from agent.project.find import Project
from agent.space import read_constants
from sandbox.ground.budget import Budget

MAX_TIME_BUDGET = 30 * 24 * 3600
"""Seconds; a constant beyond a month is no budget."""


def time_budget(project: Project, commit: str | None = None) -> Budget | None:
    """Return the TIME_BUDGET of a prepare.py in upstream's layout, which train.py keeps to.

    commit: whose prepare.py counts; None for the checkout's. None where the score is sealed, or the
    constant is missing or no sensible number of seconds.
    """
    if project.score == "sealed" or project.prepare is None:
        return None
    if commit is None:
        data = (Path(project.root) / project.prepare).read_bytes()
    else:
        data = content_of(Plumbing(Path(project.root)), f"{commit}:{project.prepare}")
    source = data.decode("utf-8", "replace")
    seconds = read_constants(source).get("TIME_BUDGET")
    if isinstance(seconds, str | bool | None) or not 0 < seconds < MAX_TIME_BUDGET:
        return None
    return Budget(amount=math.ceil(seconds))
