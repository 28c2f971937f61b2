"""Checks that the packages which a project's trainings import are installed."""

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.interpreter import Interpreter

WORKSPACE = ("pyarrow", "rustbpe", "safetensors", "tiktoken", "torch")
"""What the extra `workspace` brings."""
SCORING = ("safetensors", "torch")
"""What a sealed score is computed with."""


def require_packages(project: Project, source: str, interpreter: Interpreter) -> None:
    """Return if trainings can import what they name of the extra `workspace`.

    source: the train.py that is run. Its prepare.py is read from the folder. An interpreter of the
    project's own needs what scores are computed with, where they are sealed; all else is the
    project's matter. Raise ProjectFault, which says what to install, before anything runs.
    """
    if interpreter.is_own:
        _require_scoring(project, interpreter)
        return
    named = {*packages_of([source, _prepare(project)])}
    if project.score == "sealed":
        named.update(SCORING)
    missing = sorted(name for name in named if importlib.util.find_spec(name) is None)
    if missing:
        raise ProjectFault(
            f"{project.train} cannot be trained and scored without {', '.join(missing)}:"
            " not installed here",
            'python -m pip install "autoresearch[workspace]"',
        )


def _require_scoring(project: Project, interpreter: Interpreter) -> None:
    missing = [name for name in SCORING if not interpreter.has(name)]
    if project.score == "sealed" and missing:
        raise ProjectFault(
            f"{project.train} cannot be scored without {', '.join(missing)}: "
            f"not installed for {interpreter.label}",
            f"{quote(interpreter.path)} -m pip install {' '.join(missing)}   # or `uv add` them",
        )


def packages_of(sources: Iterable[str]) -> set[str]:
    """Return the packages of the extra `workspace` that Python sources import at their top."""
    text = "\n".join(sources)
    return {name for name in WORKSPACE if re.search(rf"^(import|from) {name}\b", text, re.M)}


def _prepare(project: Project) -> str:
    if project.prepare is None:
        return ""
    path = Path(project.root) / project.prepare
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
