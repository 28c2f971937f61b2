"""The objective of a new run: what is measured, which way is better, and what edits may touch."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from agent.errors import UsageFault
from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.program import FrontMatter
from agent.project.settings import FILE, RunSettings, Settings, problem_of
from agent.records.objective import VAL_BPB, Objective
from sandbox.score.metric import BITS_PER_BYTE, Metric

ASKED = ("metric", "direction")
"""What may be typed, or stand in the front matter; the rest is said by autoresearch.toml alone."""
STATED = (
    "scale",
    "pattern",
    "also",
    "guards",
    "checks",
    "target",
    "noise",
    "seed_argument",
    "keep_seeds",
    "command",
)


def objective_of(
    project: Project, settings: Settings, front_matter: FrontMatter, flags: Flags
) -> Objective:
    """Return the objective: flag > front matter > autoresearch.toml > default.

    Raise UsageFault where its parts do not fit each other or the way in which scores are computed.
    """
    parts: dict[str, Any] = {
        "metric": VAL_BPB.metric,
        "files": project.files,
        "folder": project.recorded_folder,
        "evaluate": project.evaluate,
    }
    for name in (*ASKED, *STATED):
        value = getattr(settings, name)
        if value not in (None, ()):
            parts[name] = value
    if any(name in parts for name in ("guards", "checks", "target")):
        parts["version"] = 2
    for source in (front_matter, flags):
        for name in ASKED:
            value = getattr(source, name)
            if value is not None:
                parts[name] = value
    return checked_objective(project, parts)


def checked_objective(project: Project, parts: Mapping[str, Any]) -> Objective:
    """Return the objective of these parts; raise UsageFault where they do not fit."""
    try:
        objective = Objective(**parts)
        metric_of(objective)
    except ValidationError as error:
        where, problem = problem_of(error)
        message = f"{where}: {problem}" if where else f"{FILE}: {problem}"
        raise UsageFault(message, f"$EDITOR {FILE}") from None
    _refuse_unfit(project, objective)
    return objective


def _refuse_unfit(project: Project, objective: Objective) -> None:
    target = objective.target
    if target is not None and not objective.sense.has(target):
        values = "a number above 0" if objective.scale == "log" else "one between 0 and 1"
        raise UsageFault(
            f"{FILE}: target: {target:g} is not on the scale {objective.scale}: write {values}.",
            f"$EDITOR {FILE}",
        )
    fits = {
        "files": (),
        "also": (),
        "version": 1,
        "guards": (),
        "checks": (),
        "target": None,
        "folder": None,
        "noise": "measured",
        "seed_argument": None,
        "keep_seeds": (),
    }
    usual = objective.model_copy(update=fits)
    if project.score == "sealed" and usual != VAL_BPB:
        raise UsageFault(
            f"{objective.metric} ({objective.direction}) cannot be sealed: the harness itself "
            "computes only val_bpb, from saved weights. A metric of your own is printed.",
            f'$EDITOR {FILE}   # score = "printed"',
        )


def metric_of(objective: Objective) -> Metric:
    """Return what a run is to print."""
    further = {"also": objective.further, "required": objective.guarded_metrics}
    if objective.metric == VAL_BPB.metric and objective.pattern is None:
        return BITS_PER_BYTE.model_copy(update=further)
    return Metric(name=objective.metric, pattern=objective.pattern, **further)


def recorded(objective: Objective) -> Objective | None:
    """Return the objective as a run's record has it: None for val_bpb of train.py alone."""
    return None if objective == VAL_BPB else objective


def left_behind(run: RunSettings, now: Objective, where: str = "this run") -> list[str]:
    """Return in what autoresearch.toml and the front matter now differ from a run's record.

    The record governs for the run's life. where: what messages call the run.
    """
    lines = []
    for name in Objective.model_fields:
        then = getattr(run.goal, name)
        other = getattr(now, name)
        if then != other and name != "version":
            lines.append(f"{name}: {_in_words(other)} here now, {_in_words(then)} in {where}")
    return lines


def stated_otherwise(
    run: RunSettings, project: Project, settings: Settings, front_matter: FrontMatter
) -> list[str]:
    """Return one note where autoresearch.toml or the front matter differs from a run's record.

    What they leave out says nothing: it may have been typed at the start.
    """
    stated: dict[str, Any] = {}
    for name in (*ASKED, *STATED):
        value = getattr(settings, name)
        if value not in (None, ()):
            stated[name] = value
    for name in ASKED:
        value = getattr(front_matter, name)
        if value is not None:
            stated[name] = value
    limit = front_matter.limit or settings.limit
    if limit is not None:
        stated["limit"] = str(limit)
    if project.files or run.goal.files:
        stated["files"] = project.files
    if project.evaluate or run.goal.evaluate:
        stated["evaluate"] = project.evaluate
    different = left_behind(run, run.goal.model_copy(update=stated))
    if run.train not in (None, project.train):
        different.insert(0, f"train: {project.train} here now, {run.train} in this run")
    if not different:
        return []
    return [
        f"{FILE} or program.md says otherwise than this run's record, which counts: "
        f"{'; '.join(different)}. `autoresearch start --from {run.tag}` begins a run at its newest "
        "state with what they say."
    ]


def _in_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
