"""Finds the scripts of a repository that may be its training, by reading and never running them."""

import ast
import os
import re
import shlex
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path, PurePosixPath

from agent.git.plumbing import Plumbing
from agent.project.command_lines import Use
from agent.project.commands import program_command, uses_in
from agent.project.evolved import evolved_in
from agent.project.measured import measured_in
from agent.project.numbers import Number, likely, numbers_in, words_of
from agent.project.prose import prose_in
from agent.project.recipes import MAKEFILES, Reader
from agent.project.scripts import (
    TRAINS,
    calls_of,
    frameworks_of,
    imports_of,
    is_script,
    needs_arguments,
    printed_lines,
    tree_of,
)
from sandbox.ground.plain_files import is_file, start_of
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain

MAX_READ = 300
"""Scripts of a repository that are read, those with the likeliest names first."""
MAX_BYTES = 1 << 19
MAX_ALL = 1 << 22
"""Characters of all scripts that are read."""
LEAST = 30
"""What a file must weigh to be named."""
MAX_DEPTH = 15
"""What folders take off the weight of a name."""
CODE = (".py", ".c", ".cc", ".cpp", ".cu", ".rs", ".go", ".jl", ".r", ".R", ".sh", ".java", ".js")
COMPILED = (".c", ".cc", ".cpp", ".cxx", ".rs", ".go")
_INTERPRETERS = {
    ".js": "node",
    ".sh": "bash",
    ".jl": "julia",
    ".r": "Rscript",
    ".R": "Rscript",
}
_BEST_NAME = re.compile(r"(.*[_\-])?(pre|fine[_\-]?)?(train|tune|fit|training|trainer)([_\-].*)?")
_GOOD_NAME = re.compile(
    r"(.*[_\-])?(main|run|experiment|search|solve|solver|optimi[sz]e|evolve|backtest|simulate|"
    r"benchmark|bench|exp)([_\-].*)?"
)
_BAD_NAME = re.compile(
    r"(.*[_\-])?(data|dataset|datasets|prepare|download|preprocess|utils?|helpers?|plot|eval|"
    r"evaluate|predict|infer|inference|sample|generate|models?|configs?|serve|app|export|convert|"
    r"deploy|visuali[sz]e|demo|metrics?)([_\-].*)?"
)
_EVALUATORS = ("eval*.py", "score.py", "scorer.py", "grade*.py", "judge*.py")
_NO_SCRIPT = re.compile(r"(test_.*|.*_test|conftest|setup|__init__|noxfile|fabfile|tasks)")
_NO_FOLDER = words_of("tests test docs doc site-packages node_modules build dist")
MAX_HEADERS = 40
_INCLUDE = re.compile(r'(?m)^[ \t]{0,40}#[ \t]{0,40}include[ \t]{0,40}"([^"\n]{1,200})"')
_MEASURES = re.compile(r"(?i)(.*[_\-])?(bench|benchmark|main|test|check|time|timer|driver|verify)")
"""Names of sources that measure others."""


class Candidate(Record):
    """A script that may be the training."""

    path: str
    """Relative to the folder that was looked at."""
    why: tuple[str, ...]
    weight: int = 0
    command: str = ""
    """What the repository runs it with; empty where nothing but its path is known."""
    files: tuple[str, ...] = ()
    """What edits may well touch, where that is not found by reading Python."""

    @property
    def reason(self) -> str:
        """Why it may be the training, in one line."""
        return ", ".join(self.why)


class Found(Record):
    """What a repository may train with."""

    scripts: tuple[Candidate, ...]
    """The likeliest first."""
    notebooks: tuple[str, ...]
    code: tuple[str, ...] = ()
    """What else may be run or compiled."""
    guess: tuple[str, str] | None = None
    """Where no script looks like a training: the likeliest one of any language, and its command."""

    @property
    def best(self) -> Candidate | None:
        """The likeliest script."""
        return self.scripts[0] if self.scripts else None


def way_out(notebook: str) -> str:
    """Return the command that makes a script of a notebook."""
    return f"jupyter nbconvert --to script {shlex.quote(notebook)}"


def files_of(folder: Path) -> tuple[str, ...]:
    """Return the files below a folder of a repository, relative to it, without ignored ones.

    Raise HistoryFault where git cannot list them.
    """
    options = ("-z", "--cached", "--others", "--exclude-standard")
    listing = Plumbing(folder)("ls-files", *options).split("\0")
    # What cannot be printed cannot be named in a file of settings either.
    names = [name for name in dict.fromkeys(listing) if is_plain(name)]
    plain = [name for name in names if _is_plain(folder / name)]
    return tuple(sorted(plain))


def find_candidates(folder: Path) -> Found:
    """Return what the folder of a repository may train with. Raise HistoryFault as files_of."""
    files = files_of(folder)
    read = partial(text_in, folder)
    named = [name for name in files if name.endswith(".py") and not is_no_script(name)]
    named.sort(key=lambda name: (-_of_name(name)[0], name.count("/"), name))
    likeliest = _within_bounds(named, read)
    uses = uses_in(files, read, _printing(likeliest, read))
    measured = measured_in(likeliest, read)
    weighed = []
    for name in likeliest:
        weighed.append(_weighed(folder, name, uses.get(name), measured.get(name, ""), files))
    scripts = [candidate for candidate in weighed if candidate and candidate.weight >= LEAST]
    evolved = _evolved(folder, tuple(name for name in files if not is_no_script(name)))
    if evolved:
        scripts = [evolved, *(script for script in scripts if script.path != evolved.path)]
    scripts.sort(key=lambda candidate: (-candidate.weight, candidate.path))
    if not scripts:
        scripts = _compiled(folder, files) or _interpreted(files)
    notebooks = tuple(name for name in files if name.endswith(".ipynb"))
    code = tuple(name for name in files if name.endswith(CODE) or name in MAKEFILES)
    guess = None if scripts else _guess(weighed, code, read, frozenset(named))
    return Found(scripts=tuple(scripts), notebooks=notebooks, code=code, guess=guess)


def _guess(
    weighed: Sequence[Candidate | None],
    code: tuple[str, ...],
    read: Reader,
    scripts: frozenset[str],
) -> tuple[str, str] | None:
    """Return the likeliest of scripts that look like no training, and the command that runs it.

    Of one that is an evaluator by its name it is what it imports of the project that is edited.
    """
    light = sorted(filter(None, weighed), key=lambda candidate: -candidate.weight)
    if light:
        path = light[0].path
        command = light[0].command or f"python {shlex.quote(path)}"
        tree = tree_of(read(path)) if is_evaluator(path) else None
        measured = _own_imports(path, tree, scripts) if tree else ()
        return (measured or (path,))[0], command
    for name in code:
        command = _interpreting(name)
        if command:
            return name, command
    alone = [name for name in code if name.endswith((".c", ".cc", ".cpp"))]
    if len(alone) == 1:
        compiler = "cc" if alone[0].endswith(".c") else "c++"
        build = f"{compiler} -O2 -o program {shlex.quote(alone[0])} -lm && ./program"
        return alone[0], f"sh -c {shlex.quote(build)}"
    return None


def _interpreting(name: str) -> str:
    """Return the command that runs a script of another language than Python; "" for none."""
    program = _INTERPRETERS.get(PurePosixPath(name).suffix)
    return f"{program} {shlex.quote(name)}" if program and not is_no_script(name) else ""


def _interpreted(files: tuple[str, ...]) -> list[Candidate]:
    """Return the scripts of other languages whose names are those of a training."""
    found = []
    for name in files:
        weight, why = _of_name(name)
        command = _interpreting(name)
        if command and weight >= LEAST - MAX_DEPTH:
            found.append(Candidate(path=name, why=(why,), weight=weight, command=command))
    return sorted(found, key=lambda candidate: (-candidate.weight, candidate.path))


def text_in(folder: Path, name: str) -> str:
    """Return the text of a file; "" for a link, and for one that is too long."""
    try:
        data = start_of(folder / name, MAX_BYTES + 1) or b""
    except (OSError, ValueError):
        return ""
    if len(data) > MAX_BYTES:
        return ""
    return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def compiling(module: str) -> str:
    """Return what is run of a file that only defines what an evaluator calls."""
    return f"python -m py_compile {shlex.quote(module)}"


def _is_plain(path: Path) -> bool:
    return is_file(path) and not path.is_symlink()


def is_no_script(name: str) -> bool:
    """Return whether a path alone says that a file is no script of the project's own work."""
    path = PurePosixPath(name)
    return bool(_NO_SCRIPT.fullmatch(path.stem)) or bool(_NO_FOLDER & set(path.parts[:-1]))


def is_evaluator(name: str) -> bool:
    """Return whether a path alone says that a script computes a score."""
    return any(PurePosixPath(name).match(pattern) for pattern in _EVALUATORS)


def _of_name(name: str) -> tuple[int, str]:
    """Return the weight that a path alone gives a script, and why."""
    path = PurePosixPath(name)
    stem = path.stem.lower()
    depth = 5 * (len(path.parts) - 1)
    if stem == "train":
        return 100 - depth, "its name"
    if stem == "__main__":
        return 40 - depth, "it is a package's own program"
    if _BAD_NAME.fullmatch(stem) and not _BEST_NAME.fullmatch(stem):
        return -30 - depth, ""
    if _BEST_NAME.fullmatch(stem):
        return 50 - depth, "its name"
    if _GOOD_NAME.fullmatch(stem):
        return 30 - depth, "its name"
    return -depth, ""


def _weighed(
    folder: Path, name: str, use: Use | None, measured: str, files: tuple[str, ...]
) -> Candidate | None:
    """Return a script with what it weighs; None for a file that only defines names.

    measured: why it is what an evaluator measures; "" for none.
    """
    tree = tree_of(text_in(folder, name))
    if tree is None or not (is_script(tree) or use or measured):
        return None
    weight, reason = _of_name(name)
    why = [reason] if reason else []
    libraries = frameworks_of(tree)
    if libraries:
        weight += 20
        why.append(f"it imports {libraries[0]}")
    if TRAINS & calls_of(tree):
        weight += 20
        why.append("it trains")
    results = _results(tree)
    if results:
        weight += 10 + 10 * (results[0].direction is not None)
        why.append(f"it prints {results[0].name}")
    prose = prose_in(folder, tree, name, files)
    if prose and results:
        weight += 50
        why.append(f"it reads {prose[0]}")
    if measured:
        weight += 60
        why.append(measured)
    if use and use.declared:
        weight += 40
    if use:
        why.append(f"{use.where} runs it")
    # The defaults of a script come first, where it runs by them.
    command = "" if is_script(tree) else compiling(name)
    if use and (use.declared or use.needed or needs_arguments(tree)):
        command = use.command
    return Candidate(path=name, why=tuple(why), weight=weight, command=command)


def _within_bounds(names: Sequence[str], read: Reader) -> tuple[str, ...]:
    """Return the first of the scripts: as many as are read."""
    room = MAX_ALL
    taken = []
    for name in names[:MAX_READ]:
        room -= len(read(name))
        if room < 0:
            break
        taken.append(name)
    return tuple(taken)


def _printing(names: tuple[str, ...], read: Reader) -> Callable[[str], bool]:
    """Return what tells whether a script, or a file that it imports, prints a result.

    names: of the scripts that are read. Of others it is assumed.
    """
    present = frozenset(names)

    @cache
    def look(name: str) -> tuple[bool, tuple[str, ...]]:
        """Return whether a file itself prints one, and the files that it imports."""
        tree = tree_of(read(name))
        if tree is None:
            return False, ()
        own = _own_imports(name, tree, present)
        return any(number.direction for number in _results(tree)), own

    def prints(name: str) -> bool:
        if name not in present:
            return True
        result, imported = look(name)
        return result or any(look(path)[0] for path in imported)

    return prints


def _own_imports(name: str, tree: ast.Module, scripts: frozenset[str]) -> tuple[str, ...]:
    """Return which of the project's scripts a file imports."""
    modules = [f"{module.lstrip('.').replace('.', '/')}.py" for module in imports_of(tree)]
    roots = (PurePosixPath(name).parent, PurePosixPath(), PurePosixPath("src"))
    paths = [str(root / module) for root, module in product(roots, modules)]
    return tuple(path for path in paths if path in scripts)


def _results(tree: ast.Module) -> tuple[Number, ...]:
    return likely(numbers_in((line for _, line in printed_lines(tree)), real=False))


def _evolved(folder: Path, files: tuple[str, ...]) -> Candidate | None:
    """Return the program of an evolutionary framework, which an evaluator of its own scores."""
    program = evolved_in(files, partial(text_in, folder))
    if program is None:
        return None
    why = (f"{program.evaluator} evaluates it",)
    weight = 110 - 20 * program.path.count("/")
    return Candidate(path=program.path, why=why, weight=weight, command=program.command)


def _compiled(folder: Path, files: tuple[str, ...]) -> list[Candidate]:
    """Return the sources of a compiled program that a Makefile builds and runs."""
    sources = [name for name in files if name.endswith(COMPILED) and not is_no_script(name)]
    command = program_command(files, partial(text_in, folder)) if sources else ""
    if not command:
        return []
    own = [name for name in sources if not _MEASURES.fullmatch(PurePosixPath(name).stem)]
    own = own or sources
    own.sort(key=lambda name: (name.count("/"), name))
    own += _headers(own, files, partial(text_in, folder))
    chosen = tuple(own) if len(own) > 1 else ()
    return [Candidate(path=own[0], why=("it is compiled",), command=command, files=chosen)]


def _headers(sources: Sequence[str], files: tuple[str, ...], read: Reader) -> list[str]:
    """Return the headers of the repository that sources include, directly or through another."""
    headers: dict[str, None] = {}
    waiting = list(sources)
    while waiting and len(headers) < MAX_HEADERS:
        name = waiting.pop(0)
        for included in _INCLUDE.findall(read(name)):
            places = (PurePosixPath(name).parent, PurePosixPath(), PurePosixPath("include"))
            paths = (os.path.normpath(place / included) for place in places)
            path = next((path for path in paths if path in files), "")
            if path and path not in headers and path not in sources:
                headers[path] = None
                waiting.append(path)
    return list(headers)
