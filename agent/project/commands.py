"""Finds how a repository runs its scripts and programs: recipes, shell scripts and READMEs."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice, pairwise
from pathlib import PurePosixPath

from agent.project.chains import PREPARES, Part, chained
from agent.project.command_lines import (
    MAIN,
    PYPROJECT,
    SOURCE,
    Use,
    entered,
    entry_points,
    use_of,
)
from agent.project.recipes import (
    DVC,
    MAKEFILES,
    MAX_SCRIPT_LINES,
    Reader,
    recipes_in,
    shell_lines,
)

READMES = ("README.md", "readme.md", "README.rst", "README")
TARGETS = ("train", "fit", "run", "experiment", "finetune", "pretrain", "bench", "all")
MORE_TARGETS = ("learn", "tune", "search", "solve", "optim", "evolve", "simul", "start", "pipeline")
MAX_SCRIPTS = 40
"""Shell scripts that are read."""
_RUNS = re.compile(r"(?:^|[;&]\s*|\s)(?:\./|bin/|build/)[\w./\-]+")
_OUTPUT = re.compile(r"\s-o\s+([\w./\-]+)")
_COMPILES = re.compile(
    r"(?m)^[ \t]*(?:\w+=\S+[ \t]+)*(?:g\+\+|gcc|cc|c\+\+|clang(?:\+\+)?|nvcc|rustc)\s"
)
_LEAVES = re.compile(r"(?i)(?:-o|.*(?:out|save|dest|dst|dump|export|write|to|cache).*)")
"""An option that says where a program writes."""
_INLINE = re.compile(r"`([^`\n]{3,500})`")


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
    names = [name for name in READMES if name in files]
    told: list[Use] = []
    for name in names:
        told += _readme_uses(name, read(name), files, read)
    yield from (use for use in told if use.declared)
    yield from _entry_points(files, read)
    for name in _shell_scripts(files):
        yield from _shell_uses(name, files, read, prints)
    yield from told
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
    built = next(filter(None, (_built(name, read, files) for name in READMES)), "")
    if built:
        return built
    if "Cargo.toml" in files:
        return "cargo run --quiet --release --offline"
    return "go run ." if "go.mod" in files else ""


def _built(readme: str, read: Reader, files: tuple[str, ...]) -> str:
    """Return the command by which a README compiles a program and runs it; "" for none."""
    for block in _blocks(read(readme)) if readme in files else ():
        lines = [line.removeprefix("$ ") for line in block]
        compiling = next((place for place, line in enumerate(lines) if _COMPILES.match(line)), None)
        if compiling is None:
            continue
        output = _OUTPUT.search(lines[compiling])
        program = f"./{output[1]}" if output else "./a.out"
        running = next((line for line in lines[compiling:] if line.startswith(program)), program)
        return f"sh -c {shlex.quote(f'{lines[compiling]} && {running}')}"
    return ""


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

    @cache
    def script_of(line: str) -> str:
        use = use_of(line, "", files, read)
        return use.script if use else ""

    for recipe in recipes:
        name = recipe.name.lower()
        is_stage = recipe.where == DVC
        if not is_stage and not any(word in name for word in (*TARGETS, *MORE_TARGETS)):
            continue
        for place, line in enumerate(recipe.lines):
            use = use_of(line, recipe.where, files, read)
            if use is None:
                continue
            part = Part(recipe=recipe, place=place, command=use.command)
            beside = [other for other in recipes if other.where == recipe.where]
            whole = chained(part, beside, files, _reporter(script_of, prints, use.script))
            yield use.model_copy(update={"command": whole, "declared": True})


def _reporter(
    script_of: Callable[[str], str], prints: Callable[[str], bool], script: str
) -> Callable[[str], bool] | None:
    """Return what tells whether a line prints the number that a script does not; else None."""
    if prints(script):
        return None

    def reports(line: str) -> bool:
        other = script_of(line)
        return other not in ("", script) and prints(other)

    return reports


def _entry_points(files: tuple[str, ...], read: Reader) -> Iterator[Use]:
    """Yield the functions that an installation of the project makes commands of."""
    points = entry_points(files, read)
    for name, point in points.items():
        if len(points) == 1 or any(word in name for word in (*TARGETS, *MORE_TARGETS)):
            command = shlex.join(point.words)
            yield Use(
                script=point.script, command=command, where=PYPROJECT, declared=True, needed=True
            )


def _shell_uses(
    where: str, files: tuple[str, ...], read: Reader, prints: Callable[[str], bool]
) -> Iterator[Use]:
    """Yield what a shell script runs; all of it, where one line does not stand for itself."""
    folder = ""
    uses: list[Use] = []
    for line, exported in shell_lines(read(where)):
        folder = entered(line, folder, files)
        use = use_of(line, where, files, read, folder, exported)
        if use:
            uses.append(use)
    whole = _whole(where, uses, read)
    last = max((place for place, use in enumerate(uses) if prints(use.script)), default=-1)
    left: set[str] = set()
    for place, use in enumerate(uses):
        words = {word.rpartition("=")[2] for word in shlex.split(use.command)}
        if words & left or (place < last and not prints(use.script)):
            yield use.model_copy(update={"command": whole, "needed": True})
        else:  # it needs none before it, and prints the score or none behind it does
            yield use
        left |= _left(use.command, files)


def _left(command: str, files: tuple[str, ...]) -> set[str]:
    """Return the paths that a command is told to write to, and that git has not."""
    words = shlex.split(command)
    pairs = [*pairwise(words), *(word.split("=", 1) for word in words if "=" in word)]
    paths = {value for option, value in pairs if option[:1] == "-" and _LEAVES.fullmatch(option)}
    return {path for path in paths if path[:1] != "-" and path not in files}


def _whole(where: str, uses: Sequence[Use], read: Reader) -> str:
    """Return the command that does all that a shell script does."""
    if not PREPARES.search(read(where)):
        return f"bash {shlex.quote(where)}"
    return f"sh -c {shlex.quote(' && '.join(use.command for use in uses))}"


def _readme_uses(where: str, text: str, files: tuple[str, ...], read: Reader) -> Iterator[Use]:
    for block in _blocks(text):
        folder = ""
        for line in block:
            folder = entered(line, folder, files)
            use = use_of(line, where, files, read, folder)
            if use:
                yield use


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines of the blocks of code in a README, fenced or indented; then what is inline.

    A line alone is a block, too.
    """
    inside = False
    block: list[str] = []
    lines = text.replace("\\\n", " ").splitlines()[:MAX_SCRIPT_LINES]
    for line in [*lines, "end"]:
        is_fence = line.lstrip().startswith("```")
        is_code = inside or line.startswith(("    ", "\t"))
        if is_code and not is_fence:
            block.append(line.strip())
        elif block and line.strip():
            yield block
            block = []
        inside ^= is_fence
    spans = islice(_INLINE.finditer(text), MAX_SCRIPT_LINES)
    yield from ([span[1]] for span in spans)


def _packages(files: tuple[str, ...]) -> Iterator[Use]:
    """Yield the packages that `python -m` runs."""
    for name in files:
        path = PurePosixPath(name)
        if path.name == MAIN and f"{path.parent}/__init__.py" in files:
            module = str(path.parent).removeprefix(SOURCE).replace("/", ".")
            command = f"python -m {module}"
            yield Use(script=name, command=command, where=command, needed=True)
