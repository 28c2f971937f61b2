"""The interpreter of a run: recorded at its start, and the same one on every resume."""

import os
import sys
from pathlib import Path
from shlex import quote

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.interpreter import IN_WORDS, Interpreter, interpreter_of, repair_of
from agent.project.settings import RunSettings, Settings
from agent.records.objective import Python


def recorded_python(project: Project, settings: Settings) -> Python:
    """Return the interpreter of a project's trainings as a run's first commit keeps it.

    Inside the repository its path is relative, so that it holds in every clone.
    """
    interpreter = interpreter_of(project, settings)
    path = Path(interpreter.path)
    root = Path(project.root)
    if path.is_relative_to(root):
        path = path.relative_to(root)
    return Python(path=str(path), version=interpreter.version, origin=interpreter.origin)


def settings_of_run(
    project: Project, settings: Settings, run: RunSettings, typed: str | None = None
) -> Settings:
    """Return the settings with the interpreter that a run began with.

    typed: another one, by its owner's word. Raise ProjectFault where the run's own is gone, or is
    another Python by now.
    """
    if typed is not None:
        given = settings.model_copy(update={"python": typed})
        interpreter_of(project, given)
        return given
    recorded = run.interpreter
    if recorded is None:
        return settings
    here = _here(project, settings)
    path = _path_of(recorded, project)
    if isinstance(here, Interpreter) and here.path == path:
        _refuse_changed(recorded, here)
        return settings
    held = settings.model_copy(update={"python": path})
    try:
        interpreter = interpreter_of(project, held)
    except ProjectFault as fault:
        now = ""
        if isinstance(here, Interpreter):
            now = f" A new run would have {here.label}."
        raise ProjectFault(
            f"This run's trainings ran on {in_words(recorded)}. {fault.message}{now}",
            _way_back(recorded, path, here, project),
        ) from None
    _refuse_changed(recorded, interpreter)
    return held


def in_words(recorded: Python) -> str:
    """Return a recorded interpreter in words: its path, version, and how it was found."""
    version = f"Python {recorded.version}, " if recorded.version else ""
    how = next((words for name, words in IN_WORDS.items() if name == recorded.origin), "")
    return f"{recorded.path} ({version}{how or 'found in an unknown way'})"


def _here(project: Project, settings: Settings) -> Interpreter | ProjectFault:
    """Return the interpreter that a new run would have, or why there is none."""
    try:
        return interpreter_of(project, settings)
    except ProjectFault as fault:
        return fault


def _path_of(recorded: Python, project: Project) -> str:
    """Return the path of a recorded interpreter here; the harness's own is that of this harness."""
    if recorded.origin == "harness":
        return sys.executable
    # Links are kept: an environment's python is one.
    return os.path.abspath(Path(project.root) / recorded.path)  # noqa: PTH100


def _refuse_changed(recorded: Python, present: Interpreter) -> None:
    """Raise ProjectFault where an interpreter is of another version than at the start."""
    before = recorded.version.split(".")[:2]
    now = present.version.split(".")[:2]
    if recorded.version and present.version and before != now:
        raise ProjectFault(
            f"This run's trainings ran on {in_words(recorded)}; {present.path} is Python "
            f"{present.version} now, so that scores from here on would not compare.",
            f"autoresearch resume --python {quote(present.path)}   # or start a new run",
        )


def _way_back(
    recorded: Python, path: str, here: Interpreter | ProjectFault, project: Project
) -> str:
    """Return what to type where a run's interpreter is gone."""
    if recorded.origin == "project":
        return repair_of(Path(path), "project", project)
    if isinstance(here, Interpreter):
        return f"autoresearch resume --python {quote(here.path)}"
    return "autoresearch resume --python PATH"
