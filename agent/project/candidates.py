"""Finds the scripts of a repository that may be its training, by reading and never running them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent.git.plumbing import Plumbing
from agent.project.numbers import likely, numbers_in, words_of
from agent.project.scripts import (
    calls_of,
    frameworks_of,
    is_script,
    printed_lines,
    tree_of,
)
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain

MAX_READ = 300
"""Scripts of a repository that are read, those with the likeliest names first."""
MAX_BYTES = 1 << 19
LEAST = 30
"""What a file must weigh to be named."""
MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
CODE = (".py", ".c", ".cc", ".cpp", ".cu", ".rs", ".go", ".jl", ".r", ".R", ".sh", ".java", ".js")
TARGETS = ("train", "fit", "run", "experiment", "finetune", "pretrain", "bench", "all")
TRAINS = words_of("fit backward grad value_and_grad partial_fit train_on_batch boost")
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
_NO_SCRIPT = re.compile(r"(test_.*|.*_test|conftest|setup|__init__|__main__|noxfile|fabfile|tasks)")
_NO_FOLDER = words_of("tests test docs doc site-packages node_modules build dist")
_TARGET = re.compile(r"^([A-Za-z][\w.\-]*)\s*:(?!=)")
_PYTHON = re.compile(r"(?:[\w./$(){}\-]*/)?(python[0-9.]*|\$[({]PY(THON)?[)}])")


class Candidate(Record):
    """A script that may be the training."""

    path: str
    """Relative to the folder that was looked at."""
    why: tuple[str, ...]
    weight: int = 0
    command: str = ""
    """What a Makefile runs it with; empty where nothing but its path is known."""

    @property
    def reason(self) -> str:
        """Why it may be, in a line."""
        return ", ".join(self.why)


class Found(Record):
    """What a repository may train with."""

    scripts: tuple[Candidate, ...]
    """The likeliest first."""
    notebooks: tuple[str, ...]
    code: tuple[str, ...] = ()
    """What else may be run or compiled."""

    @property
    def best(self) -> Candidate | None:
        """The likeliest."""
        return self.scripts[0] if self.scripts else None


def way_out(notebook: str) -> str:
    """Return the command that makes a script of a notebook."""
    return f"jupyter nbconvert --to script {shlex.quote(notebook)}"


def files_of(folder: Path) -> tuple[str, ...]:
    """Return the files of a repository below a folder, relative to it, those that git ignores not.

    Raise HistoryFault where git cannot list them.
    """
    options = ("-z", "--cached", "--others", "--exclude-standard")
    listing = Plumbing(folder)("ls-files", *options).split("\0")
    # What cannot be printed cannot be named in a file of settings either.
    names = [name for name in dict.fromkeys(listing) if name and is_plain(name)]
    plain = [name for name in names if _is_plain(folder / name)]
    return tuple(sorted(plain))


def find_candidates(folder: Path) -> Found:
    """Return what the folder of a repository may train with. Raise HistoryFault as files_of."""
    files = files_of(folder)
    named = [name for name in files if name.endswith(".py") and not _is_none(name)]
    named.sort(key=lambda name: (-_of_name(name)[0], name.count("/"), name))
    commands = _commands(folder, files)
    weighed = [_weighed(folder, name, commands.get(name, "")) for name in named[:MAX_READ]]
    scripts = [candidate for candidate in weighed if candidate and candidate.weight >= LEAST]
    scripts.sort(key=lambda candidate: (-candidate.weight, candidate.path))
    notebooks = tuple(name for name in files if name.endswith(".ipynb"))
    code = tuple(name for name in files if name.endswith(CODE) or name in MAKEFILES)
    return Found(scripts=tuple(scripts), notebooks=notebooks, code=code)


def text_in(folder: Path, name: str) -> str:
    """Return the text of a file that is no link and not too long; "" for any other."""
    path = folder / name
    try:
        if not _is_plain(path) or path.stat().st_size > MAX_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_none(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(_NO_SCRIPT.fullmatch(path.stem)) or bool(_NO_FOLDER & set(path.parts[:-1]))


def _of_name(name: str) -> tuple[int, str]:
    """Return what a path alone weighs, and why."""
    path = PurePosixPath(name)
    stem = path.stem.lower()
    depth = 5 * (len(path.parts) - 1)
    if stem == "train":
        return 100 - depth, "its name"
    if _BAD_NAME.fullmatch(stem) and not _BEST_NAME.fullmatch(stem):
        return -30 - depth, ""
    if _BEST_NAME.fullmatch(stem):
        return 50 - depth, "its name"
    if _GOOD_NAME.fullmatch(stem):
        return 30 - depth, "its name"
    return -depth, ""


def _weighed(folder: Path, name: str, command: str) -> Candidate | None:
    """Return a script with what it weighs; None for a file that only defines names."""
    tree = tree_of(text_in(folder, name))
    if tree is None or not (is_script(tree) or command):
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
    results = likely(numbers_in((line for _, line in printed_lines(tree)), real=False))
    if results:
        weight += 10 + 10 * (results[0].direction is not None)
        why.append(f"it prints {results[0].name}")
    if command:
        weight += 40
        why.append("a Makefile runs it")
    return Candidate(path=name, why=tuple(why) or ("it runs",), weight=weight, command=command)


def _commands(folder: Path, files: tuple[str, ...]) -> dict[str, str]:
    """Return what the targets of a Makefile run scripts with, by the script."""
    makefile = next((name for name in MAKEFILES if name in files), None)
    commands: dict[str, str] = {}
    if makefile is None:
        return commands
    for target, line in _recipes(text_in(folder, makefile)):
        script, command = _python_of(line)
        if script in files and any(word in target.lower() for word in TARGETS):
            commands.setdefault(script, command)
    return commands


def _recipes(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a Makefile's recipes with their targets."""
    target = ""
    for line in text.replace("\\\n", " ").splitlines():
        match = _TARGET.match(line)
        if match:
            target = match[1]
        elif line.startswith("\t") and target:
            yield target, line.strip().lstrip("@-")


def _python_of(line: str) -> tuple[str, str]:
    """Return the script that a line of a recipe runs, and the line as a command; "" for none."""
    try:
        words = shlex.split(line)
    except ValueError:
        return "", ""
    if len(words) < 2 or not _PYTHON.fullmatch(words[0]) or "$" in " ".join(words[1:]):
        return "", ""
    script = words[1].removeprefix("./")
    if any(word in ("|", "&&", ";", ">", "2>&1") for word in words):
        return "", ""
    return script, shlex.join(["python", script, *words[2:]])
