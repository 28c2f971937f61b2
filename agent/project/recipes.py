"""Reads the recipes of a repository's task runner: what each is called, needs and runs.

Makefile, justfile, Taskfile, dvc.yaml, tox.ini, noxfile.py, and the tasks in pyproject.toml,
pixi.toml and mise.toml. None of these programs is run, or has to be installed.
"""

import ast
import configparser
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from agent.project.scripts import tree_of
from agent.project.toml_text import load_toml
from agent.records.edits import Refused
from sandbox.ground.record import Record

Reader = Callable[[str], str]
"""Returns the text of a file of the repository; "" for one that cannot be read."""

MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
DVC = "dvc.yaml"
PARAMS = "params.yaml"
"""Holds the values that dvc.yaml writes as ${train.lr}."""
MAX_RECIPES = 500
MAX_LINES = 2_000
"""Commands of all recipes."""
MAX_NESTED = 10
"""Tasks inside tasks."""
MAX_SCRIPT_LINES = 5_000
"""Lines of a shell script."""
MAX_EXPANDED = 5
"""Variables inside variables."""
MAX_COMMAND = 2_000
MAX_VALUE = 500
"""Characters of a variable that is put in."""
_BUILT_IN = {"PYTHON": "python", "PY": "python", "MAKE": "make", "CC": "cc", "CXX": "c++"}
_TARGET = re.compile(r"^((?:[A-Za-z]|\$[({]\w+[)}])[\w./\-]*)\s*:(?!=)([^#=]*)")
_JUST = re.compile(r"^@?([A-Za-z_][\w\-]*)((?:\s+[+*$]?\w+(?:=\S+)?)*)\s*:(?!=)([^#]*)")
_JUST_SET = re.compile(r"^(?:export\s+)?(\w+)\s*:=\s*(.*)$")
_SET = re.compile(
    r"^(?:export\s+)?([A-Za-z_]\w*)(?:\s+[:?]?=\s*(.*)|[:?]?=(\S*|\".*\"|'.*')\s*(?:#.*)?)$"
)
"""What sets a variable; `NAME=value python …` sets it for one command only."""
_NAME = re.compile(r"\$\((\w+)\)|\$\{([\w.]+)\}|\{\{\s*\.?([\w.]+)\s*\}\}|\$(\w+)")
_PASSED = re.compile(r"\{posargs(?::[^{}]*)?\}|\{\{\s*\.?(?:CLI_ARGS|args)\s*\}\}")
"""What stands for the words that somebody types behind a task."""


class Recipe(Record):
    """A named list of commands."""

    where: str
    """The file that has it."""
    name: str
    needs: tuple[str, ...] = ()
    """Names of recipes that come first."""
    lines: tuple[str, ...] = ()
    """Its commands, with variables put in."""


def recipes_in(files: tuple[str, ...], read: Reader) -> tuple[Recipe, ...]:
    """Return the recipes of a repository, those of a Makefile first. No file raises."""
    present = set(files)
    makefile = next((name for name in MAKEFILES if name in present), "")
    names = [makefile, *(name for name in _READERS if name in present)]
    every = chain.from_iterable(_read(name, present, read) for name in filter(None, names))
    recipes: list[Recipe] = []
    left = MAX_LINES
    for recipe in islice(every, MAX_RECIPES):
        if (recipe.lines or recipe.needs) and len(recipe.lines) <= left:
            left -= len(recipe.lines)
            recipes.append(recipe)
    return tuple(recipes)


def _read(name: str, present: set[str], read: Reader) -> Iterator[Recipe]:
    if name == DVC:
        return _dvc(name, read(name), read(PARAMS) if PARAMS in present else "")
    return _READERS.get(name, _makefile)(name, read(name))


def put_in(line: str, values: Mapping[str, str]) -> str:
    """Return a line with the variables that are known in their places.

    One for which the line would get too long stays as it is written.
    """
    room = MAX_COMMAND

    def value(match: re.Match[str]) -> str:
        nonlocal room
        text = values.get(match[1] or match[2] or match[3] or match[4], match[0])
        if len(text) > room:
            return match[0]
        room -= len(text)
        return text

    line = _PASSED.sub("", line)
    for _ in range(MAX_EXPANDED):
        if not _NAME.search(line) or len(line) > MAX_COMMAND:
            break
        line = _NAME.sub(value, line)
    return line


def shell_lines(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the lines of a shell script that set nothing, with variables put in.

    Beside each are the variables that were exported before it.
    """
    values = dict(_BUILT_IN)
    exported: dict[str, str] = {}
    for line in joined_lines(text)[:MAX_SCRIPT_LINES]:
        settings = _exports(line) or dict(filter(None, [_setting(line)]))
        if not settings:
            yield put_in(line.rstrip(), values), dict(exported)
        for name, value in settings.items():
            values[name] = put_in(value, values)
            if line.startswith("export") or name in exported:
                exported[name] = values[name]


def _exports(line: str) -> dict[str, str]:
    """Return what a line `export A=1 B=2` sets."""
    words = line.split("#")[0].split()
    if words[:1] != ["export"] or len(words) < 3 or not all("=" in word for word in words[1:]):
        return {}
    pairs = (word.partition("=") for word in words[1:])
    return {name: value.strip("'\"") for name, _, value in pairs}


def joined_lines(text: str) -> list[str]:
    """Return the lines of a text, those that a backslash continues as one."""
    return re.sub(r"\\\n[ \t]*", " ", text).splitlines()


def _setting(line: str) -> tuple[str, str] | None:
    """Return the variable that a line sets, and its value."""
    match = _SET.match(line)
    if match is None:
        return None
    value = match[3] if match[2] is None else match[2]
    return match[1], value[:MAX_VALUE].partition(" #")[0].strip().strip("'\"")


# ---------------------------------------------------------------- one file of each kind


def _makefile(name: str, text: str) -> Iterator[Recipe]:
    """Yield the targets; a variable holds everywhere, wherever it is set."""
    lines = joined_lines(text)
    settings = filter(None, map(_setting, lines))
    values = {**_BUILT_IN, **dict(settings)}
    yield from _indented(name, lines, values, _TARGET)


def _justfile(name: str, text: str) -> Iterator[Recipe]:
    lines = joined_lines(text)
    values: dict[str, str] = {}
    for line in lines:
        match = _JUST_SET.match(line)
        header = _JUST.match(line)
        if match:
            values[match[1]] = match[2].strip().strip("'\"")
        elif header:
            pairs = (word.lstrip("+*$").partition("=") for word in header[2].split())
            values |= {key: value.strip("'\"") for key, sign, value in pairs if sign}
    yield from _indented(name, lines, values, _JUST)


def _indented(
    where: str, lines: list[str], values: Mapping[str, str], header: re.Pattern[str]
) -> Iterator[Recipe]:
    """Yield the recipes of a file whose commands are indented below their names."""
    name = ""
    needs: tuple[str, ...] = ()
    own: list[str] = []
    for line in [*lines, "end:"]:
        match = header.match(line)
        if match:
            if name:
                yield Recipe(where=where, name=name, needs=needs, lines=tuple(own))
            name = put_in(match[1], values)
            needs = tuple(put_in(match[match.re.groups], values).split())
            own = []
        elif line[:1] in ("\t", " ") and name and line.strip():
            own.append(put_in(line.strip().lstrip("@-"), values))


def _tasks(name: str, text: str) -> Iterator[Recipe]:
    """Yield the tasks of a Taskfile."""
    values: dict[str, str] = {}
    tasks: dict[str, list[str]] = {}
    needs: dict[str, list[str]] = {}
    for keys, value in _yaml(text):
        match keys:
            case ("vars", key):
                values[key] = value
            case ("tasks", task, "vars", key):
                values.setdefault(key, value)
            case ("tasks", task, "deps", *_) | ("tasks", task, "cmds", _, "task"):
                needs.setdefault(task, []).append(value)
            case ("tasks", task) | ("tasks", task, "cmds" | "cmd", *_):
                tasks.setdefault(task, []).append(value)
    for task in dict.fromkeys([*needs, *tasks]):
        lines = _commands(tasks.get(task, []), values)
        yield Recipe(where=name, name=task, needs=tuple(needs.get(task, ())), lines=lines)


def _dvc(name: str, text: str, params: str = "") -> Iterator[Recipe]:
    """Yield the stages of dvc.yaml: one needs those whose outputs it reads.

    params: the text of the file of parameters.
    """
    values = {".".join(keys): value for keys, value in _yaml(params)}
    stages: dict[str, list[str]] = {}
    reads: dict[str, list[str]] = {}
    leaves: dict[str, str] = {}
    for keys, value in _yaml(text):
        match keys:
            case ("vars", _, *path) if path:
                values[".".join(path)] = value
            case ("stages", stage, "cmd", *_):
                stages.setdefault(stage, []).append(value)
            case ("stages", stage, "deps", *_):
                reads.setdefault(stage, []).append(value)
            case ("stages", stage, "outs", _, *more):
                leaves[more[0] if more else value] = stage
    for stage, commands in stages.items():
        needs = [leaves[path] for path in reads.get(stage, ()) if path in leaves]
        lines = _commands(commands, values)
        yield Recipe(where=name, name=stage, needs=tuple(dict.fromkeys(needs)), lines=lines)


def _tox(name: str, text: str) -> Iterator[Recipe]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in parser.sections():
        if section.startswith("testenv"):
            commands = parser.get(section, "commands", fallback="")
            lines = _commands([commands.replace("{envpython}", "python")], {})
            yield Recipe(where=name, name=section.partition(":")[2] or section, lines=lines)


def _sessions(name: str, text: str) -> Iterator[Recipe]:
    """Yield the functions of a noxfile.py or of invoke's tasks.py."""
    tree = tree_of(text)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef):
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            lines = [_run_by(call) for call in calls]
            yield Recipe(where=name, name=node.name, lines=tuple(filter(None, lines)))


def _run_by(call: ast.Call) -> str:
    """Return the command that `session.run("python", "fit.py")` or `c.run("…")` runs."""
    is_run = isinstance(call.func, ast.Attribute) and call.func.attr in ("run", "run_always")
    texts = [part.value for part in call.args if isinstance(part, ast.Constant)]
    words = [text for text in texts if isinstance(text, str)]
    if not is_run or len(words) < len(call.args) or not words:
        return ""
    return words[0] if len(words) == 1 else shlex.join(words)


def _toml(name: str, text: str) -> Iterator[Recipe]:
    """Yield the tasks of pixi, poe, pdm, hatch, taskipy and mise, by the tables they stand in."""
    try:
        data = load_toml(text)
    except (ValueError, RecursionError):
        return
    for table in _task_tables(data):
        for task, value in table.items():
            texts, needs = _task(value)
            lines = _commands(texts, {})
            yield Recipe(where=name, name=task, needs=tuple(needs), lines=lines)


def _task_tables(data: dict[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the tables `tasks`, and the tables `scripts` of tools: project.scripts is another."""
    for key, value in data.items():
        if not isinstance(value, dict) or depth > MAX_EXPANDED:
            continue
        if key == "tasks" or (key == "scripts" and depth > 1):
            yield value
        elif key not in ("project", "poetry"):
            yield from _task_tables(value, depth + 1)


def _task(value: Any, depth: int = 0) -> tuple[list[str], list[str]]:
    """Return the commands of a task and the names of those that it needs."""
    if isinstance(value, str):
        return [value], []
    if isinstance(value, list):
        parts = [part for part in value[:MAX_RECIPES] if not isinstance(part, list)]
        return list(chain.from_iterable(_task(part, depth + 1)[0] for part in parts)), []
    if not isinstance(value, dict) or depth > MAX_NESTED:
        return [], []
    texts: list[str] = []
    for key in ("cmd", "shell", "run", "composite"):
        texts += _task(value.get(key), depth + 1)[0]
    needs = value.get("depends-on") or value.get("depends_on") or value.get("deps") or []
    needs = needs if isinstance(needs, list) else [needs]
    return texts, [need for need in needs if isinstance(need, str)]


def _yaml(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the values of a YAML file with their keys, all as text."""
    from agent.edit.values import document_of  # libcst takes long to load

    document = document_of("yaml", text)
    if not isinstance(document, Refused):
        yield from _leaves(document.tree)


def _leaves(tree: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the scalars of a tree, which are written `float 0.1` and `str 'a'`."""
    if isinstance(tree, str):
        kind, _, value = tree.partition(" ")
        is_written = kind in ("str", "int")
        yield above, str(ast.literal_eval(value)) if is_written else value
        return
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, part in parts:
        yield from _leaves(part, (*above, str(key)))


def _commands(texts: list[str], values: Mapping[str, str]) -> tuple[str, ...]:
    lines = chain.from_iterable(map(joined_lines, texts))
    return tuple(put_in(line.strip(), values) for line in lines if line.strip())


_READERS: Mapping[str, Callable[[str, str], Iterator[Recipe]]] = {
    **dict.fromkeys(("justfile", "Justfile", ".justfile"), _justfile),
    **dict.fromkeys(("Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml"), _tasks),
    DVC: _dvc,
    "tox.ini": _tox,
    **dict.fromkeys(("noxfile.py", "tasks.py"), _sessions),
    **dict.fromkeys(("pyproject.toml", "pixi.toml", "mise.toml", ".mise.toml"), _toml),
}
TASK_FILES = (*MAKEFILES, *_READERS)
