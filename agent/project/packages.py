"""Which packages the trainings of a project import that a small installation lacks."""

import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from agent.errors import ProjectFault
from agent.project.find import Project

WORKSPACE = ("pyarrow", "rustbpe", "safetensors", "tiktoken", "torch")
"""What the extra `workspace` brings."""
SCORING = ("safetensors", "torch")
"""What a sealed score is computed with."""


def require_packages(project: Project, source: str) -> None:
    """Return if trainings can import what they name of the extra `workspace`.

    source: the train.py that is run. Its prepare.py is read from the folder. Raise ProjectFault,
    which says what to install, before anything runs.
    """
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


def packages_of(sources: Iterable[str]) -> set[str]:
    """Return the packages of the extra `workspace` that Python sources import at their top."""
    text = "\n".join(sources)
    return {name for name in WORKSPACE if re.search(rf"^(import|from) {name}\b", text, re.M)}


def _prepare(project: Project) -> str:
    if project.prepare is None:
        return ""
    path = Path(project.root) / project.prepare
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
