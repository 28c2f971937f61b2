"""Finds how one line of a recipe, a shell script or a README runs a script of the repository."""

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from agent.project.recipes import MAX_COMMAND, Reader
from agent.project.toml_text import load_toml
from agent.project.variables import fault_of_variable
from sandbox.ground.record import Record

PYPROJECT = "pyproject.toml"
LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "mpirun", "horovodrun")
SOURCE = "src/"
MAIN = "__main__.py"
MAX_POINTS = 100
"""Commands that an installation makes."""
_BEFORE = (
    ("uv", "run"),
    ("poetry", "run"),
    ("pipenv", "run"),
    ("pdm", "run"),
    ("hatch", "run"),
    ("pixi", "run"),
    ("conda", "run"),
    ("time",),
    ("nohup",),
    ("exec",),
    ("$",),
    (">",),
)
"""Words before a command that are no part of what it does."""
_SETTLED = ("source", ".", "conda", "pip", "pip3", "set", "mkdir", "uv", "poetry", "module")
"""Programs before a command that only make it ready."""
_ENDS = ("|", ">", ">>", "2>", "2>&1", "&>", "&")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PLACED = re.compile(r"CUDA_VISIBLE_DEVICES|OMP_NUM_THREADS|PYTHONUNBUFFERED")
"""Variables of the machine, and no part of what a command does."""
_PYTHON = re.compile(r"(?:[\w./\-]*/)?(python[0-9.]*|py)")


class Use(Record):
    """How one script is run."""

    script: str
    command: str
    where: str
    """The file that says so."""
    declared: bool = False
    """Whether a recipe or an entry point says so, and no text for people."""
    needed: bool = False
    """Whether the script may not run by its path alone: it is launched, or needs more around it."""


class EntryPoint(Record):
    """A function that an installation of the project makes a command of."""

    script: str
    words: tuple[str, ...]
    """What runs it without an installation."""


@lru_cache(maxsize=8)
def _targets(text: str) -> tuple[tuple[str, str], ...]:
    """Return the commands of a pyproject.toml and what each calls: `module:function`."""
    try:
        data = load_toml(text)
    except (ValueError, RecursionError):
        return ()
    tables = [data.get("project"), data.get("tool")]
    if isinstance(tables[1], dict):
        tables.append(tables[1].get("poetry"))
    targets: dict[str, str] = {}
    for table in tables:
        scripts = table.get("scripts") if isinstance(table, dict) else None
        if isinstance(scripts, dict):
            targets |= {key: value for key, value in scripts.items() if isinstance(value, str)}
    return tuple(targets.items())[:MAX_POINTS]


def entry_points(files: tuple[str, ...], read: Reader) -> dict[str, EntryPoint]:
    """Return the commands that an installation of the project makes, by name."""
    targets = _targets(read(PYPROJECT)) if PYPROJECT in files else ()
    points = {name: _point(target, files, read) for name, target in targets}
    return {name: point for name, point in points.items() if point}


def _point(target: str, files: tuple[str, ...], read: Reader) -> EntryPoint | None:
    """Return what runs `module:function` of the project; None for anything else."""
    module, _, function = target.partition(":")
    script = file_of(module, files)
    if not (script and function.isidentifier()):
        return None
    words: tuple[str, ...] = ("python", "-c", f"from {module} import {function}; {function}()")
    if "__main__" in read(script):
        words = ("python", "-m", module)
    return EntryPoint(script=script, words=words)


def _started(program: str, files: tuple[str, ...], read: Reader) -> EntryPoint | None:
    """Return what a program is, where an installation of the project makes it."""
    targets = dict(_targets(read(PYPROJECT))) if PYPROJECT in files else {}
    return _point(targets.get(program, ""), files, read)


def entered(line: str, folder: str, files: tuple[str, ...]) -> str:
    """Return the folder of the repository where the next line runs: `cd` alone changes it."""
    words = line.removeprefix("$").split()
    if len(words) != 2 or words[0] != "cd":
        return folder
    return _inside(folder, words[1], files)


def _inside(folder: str, path: str, files: tuple[str, ...]) -> str:
    """Return a folder of the repository that `cd` enters; "" for its root, and for another one."""
    parts: list[str] = []
    for part in PurePosixPath(folder, path.strip("'\"")).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    place = "/".join(parts)
    return place if any(name.startswith(f"{place}/") for name in files) else ""


def use_of(
    line: str,
    where: str,
    files: tuple[str, ...],
    read: Reader,
    folder: str = "",
    exported: Mapping[str, str] = {},
) -> Use | None:
    """Return how a line runs a script of the repository; None for any other line."""
    *before, words = _groups(line) or [[]]
    variables = dict(exported)
    for group in before:
        if group[:1] == ["cd"] and len(group) == 2:
            folder = _inside(folder, group[1], files)
        elif group[:1] == ["export"]:
            variables |= _assigned(group[1:])
        elif group and group[0] not in _SETTLED:
            return None
    words, own = _bare(words)
    variables |= own
    if not words:
        return None
    point = _started(words[0], files, read)
    if point:
        script = point.script
        words = [*point.words, *words[1:]]
    else:
        script, words = _run_by(words, files, folder)
    if not script:
        return None
    is_launched = words[0] != "python"
    handed = {name: value for name, value in variables.items() if _is_read(name, read(script))}
    command = _composed(words, folder, handed)
    needed = is_launched or bool(point or folder or handed)
    declared = point is not None
    return Use(script=script, command=command, where=where, declared=declared, needed=needed)


def _run_by(words: list[str], files: tuple[str, ...], folder: str) -> tuple[str, list[str]]:
    """Return the script that a command runs, "" for none, and the command's words for a sandbox.

    They begin with `python`, where no launcher starts it.
    """
    if words[0].endswith(".py"):  # behind `uv run`, or by its first line
        words = ["python", *words]
    is_python = bool(_PYTHON.fullmatch(words[0]))
    if not (is_python or words[0] in LAUNCHERS):
        return "", words
    script = _script(words, files, folder)
    return script, ["python", *words[1:]] if is_python else words


def _is_read(name: str, text: str) -> bool:
    return re.search(rf"['\"]{name}['\"]", text) is not None and not fault_of_variable(name)


def _composed(words: list[str], folder: str, variables: Mapping[str, str]) -> str:
    """Return a command that is started at the root of the repository."""
    given = [f"{name}={value}" for name, value in variables.items() if "$" not in value]
    words = ["env", *given, *words] if given else words
    if not folder:
        return shlex.join(words)
    return f"sh -c {shlex.quote(f'cd {shlex.quote(folder)} && {shlex.join(words)}')}"


def _groups(line: str) -> list[list[str]] | None:
    """Return the words of each command of a line that `&&` joins; None where it is not clear."""
    if len(line) > MAX_COMMAND:
        return None
    try:
        words = [word for word in shlex.split(line, comments=True) if word not in ("$@", "$*")]
    except ValueError:
        return None
    groups: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            groups.append([])
        else:
            groups[-1].append(word)
    last = groups[-1]
    ends = [place for place, word in enumerate(last) if word in _ENDS and place]
    groups[-1] = last[: ends[0]] if ends else last
    unclear = any(
        word == "||" or word.endswith(";") or ("$" in word and word != "$") or "{{" in word
        for word in groups[-1]
    )
    return None if unclear else groups


def _bare(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the words of a command without what is before it, and the variables that it sets."""
    variables: dict[str, str] = {}
    while words:
        before = next((part for part in _BEFORE if tuple(words[: len(part)]) == part), None)
        if before:
            words = words[len(before) :]
        elif _ASSIGNED.fullmatch(words[0]):
            variables |= _assigned(words[:1])
            words = words[1:]
        else:
            break
    return words, variables


def _assigned(words: list[str]) -> dict[str, str]:
    matches = filter(None, map(_ASSIGNED.fullmatch, words))
    return {match[1]: match[2] for match in matches if not _PLACED.fullmatch(match[1])}


def _script(words: list[str], files: tuple[str, ...], folder: str) -> str:
    """Return the script of the repository that a command runs; "" for none."""
    for place, word in enumerate(words[1:], start=1):
        if word == "-c":
            return ""
        if word == "-m" and place + 1 < len(words):
            script = file_of(words[place + 1], files, folder)
            if script:
                return script
        own = str(PurePosixPath(folder, word))
        if own.endswith(".py") and own in files:
            return own
    return ""


def file_of(module: str, files: tuple[str, ...], folder: str = "") -> str:
    """Return the file that Python runs for a module of the project; "" for none."""
    inside = module.replace(".", "/")
    for root in (folder, SOURCE):
        for name in (f"{inside}.py", f"{inside}/{MAIN}"):
            path = str(PurePosixPath(root, name))
            if path in files:
                return path
    return ""
