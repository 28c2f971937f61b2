"""Puts what a recipe needs before it, and what prints the score behind it, into one command."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence

from agent.project.recipes import MAKEFILES, Recipe
from sandbox.ground.record import Record

_INSTALLS = re.compile(
    r"\b(?:pip3?|conda|mamba|uv|poetry|pdm|npm|apt|apt-get)\s+(?:install|sync|add|create|env|venv)"
    r"|-m\s+(?:pip|venv)|virtualenv"
)
"""What makes the environment: no training may install, and it has its interpreter."""
PREPARES = re.compile(
    rf"{_INSTALLS.pattern}|activate\b|(?:uv|poetry|pdm|pixi|conda) run\b|\bwget\b|\bcurl\b"
)
"""What a script of commands has that cannot work in the sandbox."""
_NO_PART = re.compile(r"(?i)(install|setup|venv|env|deps|requirements|clean|lint|format|help)")
_IDLE = re.compile(r"(?:echo|printf|time)\b(?!.*[>|])")
_WRAPPER = re.compile(r"(?:(?:uv|poetry|pipenv|pdm|hatch|pixi) run|nohup|exec|time)\s+")
_PYTHON = re.compile(r"(?<![\w./\-])(?:[\w./\-]*/)?(?:python[0-9.]*|py)(?=\s)")
_UNCLEAR = ("$", "{{")
MAX_LINES = 20


class Part(Record):
    """The line of a recipe that runs a script."""

    recipe: Recipe
    place: int
    """Which of its lines."""
    command: str


def chained(
    part: Part,
    recipes: Sequence[Recipe],
    files: tuple[str, ...],
    reports: Callable[[str], bool] | None,
) -> str:
    """Return the command of a part with the lines before it, and with those that report.

    recipes: those of the same file. reports: whether a line prints the score; None where the part
    itself does. A Makefile whose lines are not clear is left to make.
    """
    named = {recipe.name: recipe for recipe in recipes if recipe.name not in files}
    own = part.recipe
    before = [*_needed(own, named), *own.lines[: part.place]]
    after: list[str] = []
    goals = [own.name]
    if reports:
        after = _up_to(own.lines[part.place + 1 :], reports)
        reporter = next((other for other in recipes if any(map(reports, other.lines))), None)
        if not after and reporter:
            done = (*before, *own.lines)
            more = [*_needed(reporter, named), *_up_to(reporter.lines, reports)]
            after = [line for line in more if line not in done]
            goals.append(reporter.name)
    lines = [*_plain(before), part.command, *_plain(after)]
    if len(lines) == 1:
        return part.command
    whole = " && ".join(lines)
    if len(lines) <= MAX_LINES and not any(sign in whole for sign in _UNCLEAR):
        return f"sh -c {shlex.quote(whole)}"
    return shlex.join(["make", "-s", *goals]) if own.where in MAKEFILES else part.command


def _needed(recipe: Recipe, named: dict[str, Recipe]) -> list[str]:
    """Return the lines of all recipes that one needs, each recipe once, the first needed first."""
    lines: list[str] = []
    seen = {recipe.name}

    def visit(names: Iterable[str]) -> None:
        for name in names:
            need = named.get(name)
            if need is None or name in seen or _NO_PART.fullmatch(name):
                continue
            seen.add(name)
            visit(need.needs)
            lines.extend(need.lines)

    visit(recipe.needs)
    return lines


def _up_to(lines: Iterable[str], reports: Callable[[str], bool]) -> list[str]:
    """Return the lines up to the first that reports; none where no line does."""
    taken: list[str] = []
    for line in lines:
        taken.append(line)
        if reports(line):
            return taken
    return []


def _plain(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as a shell is to run them in the sandbox, without those that only prepare it."""
    for line in lines:
        if not _INSTALLS.search(line) and not _IDLE.match(line):
            yield _PYTHON.sub("python", _WRAPPER.sub("", line))
