"""Finds how a repository runs its scripts and programs: recipes, shell scripts and READMEs."""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from agent.project.chains import Part, chained
from agent.project.recipes import DVC, MAKEFILES, MAX_COMMAND, Reader, recipes_in, shell_lines
from agent.project.variables import fault_of_variable
from sandbox.ground.record import Record

READMES = ("README.md", "readme.md", "README.rst", "README")
TARGETS = ("train", "fit", "run", "experiment", "finetune", "pretrain", "bench", "all")
MORE_TARGETS = ("learn", "tune", "search", "solve", "optim", "evolve", "simul", "start", "pipeline")
PYPROJECT = "pyproject.toml"
MAX_SCRIPTS = 40
"""Shell scripts that are read."""
LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "mpirun", "horovodrun")
SOURCE = "src/"
MAIN = "__main__.py"
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
_RUNS = re.compile(r"(?:^|[;&]\s*|\s)(?:\./|bin/|build/)[\w./\-]+")
_OUTPUT = re.compile(r"\s-o\s+([\w./\-]+)")
_COMPILES = re.compile(r"(?m)^\s*(?:\w+=\S+\s+)*(?:g\+\+|gcc|cc|c\+\+|clang(?:\+\+)?|nvcc|rustc)\s")
_INLINE = re.compile(r"`([^`\n]{3,500})`")


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


Uses = dict[str, Use]


def uses_in(
    files: tuple[str, ...], read: Reader, prints: Callable[[str], bool] = lambda _: True
) -> Uses:
    """Return how scripts of a repository are run, by script; a Makefile comes first.

    prints: whether a script prints a result; behind one that does not comes one that does, where a
    recipe has it.
    """
    uses: Uses = {}
    for use in _all_uses(files, read, prints):
        uses.setdefault(use.script, use)
    return uses


def _all_uses(files: tuple[str, ...], read: Reader, prints: Callable[[str], bool]) -> Iterator[Use]:
    yield from _recipe_uses(files, read, prints)
    yield from _entry_points(files, read)
    for name in _shell_scripts(files):
        yield from _shell_uses(name, read(name), files, read)
    for name in READMES:
        if name in files:
            yield from _readme_uses(name, read(name), files, read)
    yield from _packages(files)


def program_command(files: tuple[str, ...], read: Reader) -> str:
    """Return the command that builds and runs a compiled program; "" for none.

    By a Makefile, by cargo or go, or by a shell script that compiles.
    """
    makefile = next((name for name in MAKEFILES if name in files), None)
    recipes = [recipe for recipe in recipes_in(files, read) if recipe.where == makefile]
    recipes.sort(key=lambda recipe: _rank(recipe.name))
    for recipe in recipes:
        if any(_RUNS.search(line) for line in recipe.lines):
            return f"make -s {recipe.name}"
    for recipe in recipes:
        for line in recipe.lines:
            output = _OUTPUT.search(line)
            if output:
                return f"sh -c {shlex.quote(f'make -s {recipe.name} && ./{output[1]}')}"
    compiling = (name for name in _shell_scripts(files) if _COMPILES.search(read(name)))
    script = next(compiling, None)
    if script:
        return f"bash {shlex.quote(script)}"
    if "Cargo.toml" in files:
        return "cargo run --quiet --release --offline"
    return "go run ." if "go.mod" in files else ""


def _rank(target: str) -> int:
    """Return a sort key of a target by its name: low if it probably runs the training."""
    ranks = [place for place, word in enumerate(TARGETS) if word in target.lower()]
    return min(ranks, default=len(TARGETS))


def _shell_scripts(files: tuple[str, ...]) -> list[str]:
    """Return the shell scripts that are read, those near the root first."""
    return sorted((name for name in files if name.endswith(".sh")), key=_depth)[:MAX_SCRIPTS]


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


# ---------------------------------------------------------------- where commands stand


def _recipe_uses(
    files: tuple[str, ...], read: Reader, prints: Callable[[str], bool]
) -> Iterator[Use]:
    recipes = recipes_in(files, read)
    for recipe in recipes:
        name = recipe.name.lower()
        is_stage = recipe.where == DVC
        if not is_stage and not any(word in name for word in (*TARGETS, *MORE_TARGETS)):
            continue
        for place, line in enumerate(recipe.lines):
            use = _use(line, recipe.where, files, read)
            if use is None:
                continue
            part = Part(recipe=recipe, place=place, command=use.command)
            beside = [other for other in recipes if other.where == recipe.where]
            whole = chained(part, beside, files, _reporter(files, read, prints, use.script))
            needed = use.needed or whole != use.command
            yield use.model_copy(update={"command": whole, "declared": True, "needed": needed})


def _reporter(
    files: tuple[str, ...], read: Reader, prints: Callable[[str], bool], script: str
) -> Callable[[str], bool] | None:
    """Return what tells whether a line prints the number that a script does not; else None."""
    if prints(script):
        return None

    def reports(line: str) -> bool:
        use = _use(line, "", files, read)
        return use is not None and use.script != script and prints(use.script)

    return reports


def _entry_points(files: tuple[str, ...], read: Reader) -> Iterator[Use]:
    """Yield the functions that an installation of the project makes commands of."""
    points = _points(read(PYPROJECT)) if PYPROJECT in files else {}
    for name, target in points.items():
        module, colon, function = target.partition(":")
        script = _file_of(module, files)
        is_one = len(points) == 1 or any(word in name for word in (*TARGETS, *MORE_TARGETS))
        if not (colon and script and function.isidentifier() and is_one):
            continue
        call = f"from {module} import {function}; {function}()"
        command = f"python -c {shlex.quote(call)}"
        if "__main__" in read(script):
            command = f"python -m {module}"
        yield Use(script=script, command=command, where=PYPROJECT, declared=True, needed=True)


def _points(text: str) -> dict[str, str]:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
    tables = [data.get("project"), data.get("tool")]
    if isinstance(tables[1], dict):
        tables.append(tables[1].get("poetry"))
    points = {}
    for table in tables:
        scripts = table.get("scripts") if isinstance(table, dict) else None
        if isinstance(scripts, dict):
            points.update({key: value for key, value in scripts.items() if isinstance(value, str)})
    return points


def _shell_uses(where: str, text: str, files: tuple[str, ...], read: Reader) -> Iterator[Use]:
    folder = ""
    for line, exported in shell_lines(text):
        folder = _entered(line, folder, files)
        use = _use(line, where, files, read, folder, exported)
        if use:
            yield use


def _readme_uses(where: str, text: str, files: tuple[str, ...], read: Reader) -> Iterator[Use]:
    for block in _blocks(text):
        folder = ""
        for line in block:
            folder = _entered(line, folder, files)
            use = _use(line, where, files, read, folder)
            if use:
                yield use


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of the blocks of code in a README, fenced or indented; then what is inline.

    A line alone is a block, too.
    """
    inside = False
    block: list[str] = []
    for line in [*text.replace("\\\n", " ").splitlines(), "end"]:
        is_fence = line.lstrip().startswith("```")
        is_code = inside or line.startswith(("    ", "\t"))
        if is_code and not is_fence:
            block.append(line.strip())
        elif block and line.strip():
            yield block
            block = []
        inside ^= is_fence
    yield from ([span] for span in _INLINE.findall(text))


def _packages(files: tuple[str, ...]) -> Iterator[Use]:
    """Yield the packages that `python -m` runs."""
    for name in files:
        path = PurePosixPath(name)
        if path.name == MAIN and f"{path.parent}/__init__.py" in files:
            module = str(path.parent).removeprefix(SOURCE).replace("/", ".")
            command = f"python -m {module}"
            yield Use(script=name, command=command, where=command, needed=True)


# ---------------------------------------------------------------- one line


def _entered(line: str, folder: str, files: tuple[str, ...]) -> str:
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


def _use(
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
    if len(words) < 2:
        return None
    launched = words[0] in LAUNCHERS or words[1:3] == ["-m", "torch.distributed.run"]
    is_python = bool(_PYTHON.fullmatch(words[0]))
    script = _script(words, files, folder) if is_python or launched else ""
    if not script:
        return None
    if is_python:
        words[0] = "python"
    text = read(script) if variables else ""
    handed = {name: value for name, value in variables.items() if _is_read(name, text)}
    command = _composed(words, folder, handed)
    needed = launched or bool(folder or handed)
    return Use(script=script, command=command, where=where, needed=needed)


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
            script = _file_of(words[place + 1], files, folder)
            if script:
                return script
        own = str(PurePosixPath(folder, word))
        if own.endswith(".py") and own in files:
            return own
    return ""


def _file_of(module: str, files: tuple[str, ...], folder: str = "") -> str:
    """Return the file that Python runs for a module of the project; "" for none."""
    inside = module.replace(".", "/")
    for root in (folder, SOURCE):
        for name in (f"{inside}.py", f"{inside}/{MAIN}"):
            path = str(PurePosixPath(root, name))
            if path in files:
                return path
    return ""
