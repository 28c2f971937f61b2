"""Finds how a repository runs its scripts and programs: Makefiles, shell scripts and READMEs."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from sandbox.ground.record import Record

Reader = Callable[[str], str]
"""Returns the text of a file of the repository; "" for one that cannot be read."""

MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
READMES = ("README.md", "readme.md", "README.rst", "README")
TARGETS = ("train", "fit", "run", "experiment", "finetune", "pretrain", "bench", "all")
MAX_SCRIPTS = 40
"""Shell scripts that are read."""
MAX_EXPANDED = 5
"""Variables inside variables."""
MAX_COMMAND = 2_000
MAX_VALUE = 500
"""Characters of a variable that is put in."""
LAUNCHERS = ("torchrun", "accelerate", "deepspeed", "mpirun", "horovodrun")
_BEFORE = (
    ("uv", "run"),
    ("poetry", "run"),
    ("pipenv", "run"),
    ("pdm", "run"),
    ("conda", "run"),
    ("time",),
    ("nohup",),
    ("exec",),
    ("$",),
)
"""Words before a command that are no part of what it does."""
_ENDS = ("|", ">", ">>", "2>", "2>&1", "&>", "&")
_JOINS = ("&&", ";", "||")
_TARGET = re.compile(r"^([A-Za-z][\w.\-]*)\s*:(?!=)")
_SET = re.compile(
    r"^(?:export\s+)?([A-Za-z_]\w*)(?:\s+[:?]?=\s*(.*)|[:?]?=(\S*|\".*\"|'.*')\s*(?:#.*)?)$"
)
"""What sets a variable; `NAME=value python …` sets it for one command only."""
_NAME = re.compile(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))")
_PYTHON = re.compile(r"(?:[\w./\-]*/)?(python[0-9.]*|py)")
_BUILT_IN = {"PYTHON": "python", "PY": "python", "MAKE": "make", "CC": "cc", "CXX": "c++"}
_RUNS = re.compile(r"(?:^|[;&]\s*|\s)(?:\./|bin/|build/)[\w./\-]+")
_OUTPUT = re.compile(r"\s-o\s+([\w./\-]+)")


class Use(Record):
    """How one script is run."""

    script: str
    command: str
    where: str
    """The file that says so."""
    launched: bool = False
    """Whether something other than Python starts it, without which it may not run."""


def uses_in(files: tuple[str, ...], read: Reader) -> dict[str, Use]:
    """Return how scripts of a repository are run, by script; a Makefile comes first."""
    uses: dict[str, Use] = {}
    for where, line in _lines(files, read):
        use = _use(line, where, files)
        if use:
            uses.setdefault(use.script, use)
    return uses


def program_command(files: tuple[str, ...], read: Reader) -> str:
    """Return the command that builds and runs a compiled program by a Makefile; "" for none."""
    makefile = next((name for name in MAKEFILES if name in files), None)
    if makefile is None:
        return ""
    recipes: dict[str, list[str]] = {}
    for target, line in _recipes(read(makefile)):
        recipes.setdefault(target, []).append(line)
    targets = sorted(recipes, key=_rank)
    for target in targets:
        if any(_RUNS.search(line) for line in recipes[target]):
            return f"make -s {target}"
    for target in targets:
        for line in recipes[target]:
            output = _OUTPUT.search(line)
            if output:
                return f"sh -c {shlex.quote(f'make -s {target} && ./{output[1]}')}"
    return ""


def _rank(target: str) -> int:
    """Return a sort key of a target by its name: low if it probably runs the training."""
    ranks = [place for place, word in enumerate(TARGETS) if word in target.lower()]
    return min(ranks, default=len(TARGETS))


def _lines(files: tuple[str, ...], read: Reader) -> Iterator[tuple[str, str]]:
    """Yield (command, file that contains it)."""
    makefile = next((name for name in MAKEFILES if name in files), None)
    if makefile:
        for target, line in _recipes(read(makefile)):
            if any(word in target.lower() for word in TARGETS):
                yield makefile, line
    shells = sorted((name for name in files if name.endswith(".sh")), key=_depth)
    for name in shells[:MAX_SCRIPTS]:
        for line in _expanded(read(name)):
            yield name, line
    for name in READMES:
        if name in files:
            for line in _fenced(read(name)):
                yield name, line


def _fenced(text: str) -> Iterator[str]:
    """Yield the lines of code blocks of a text in Markdown."""
    inside = False
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            yield line.strip()


def _depth(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _expanded(text: str) -> Iterator[str]:
    """Yield the lines of a shell script or Makefile that set nothing, with variables put in."""
    values = dict(_BUILT_IN)
    for line in text.replace("\\\n", " ").splitlines():
        match = _SET.match(line)
        if match:
            value = match[3] if match[2] is None else match[2]
            values[match[1]] = value[:MAX_VALUE].partition(" #")[0].strip().strip("'\"")
        else:
            yield _put_in(line.rstrip(), values)


def _put_in(line: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        return values.get(name, match[0])

    for _ in range(MAX_EXPANDED):
        if "$" not in line or len(line) > MAX_COMMAND:
            break
        line = _NAME.sub(value, line)
    return line


def _recipes(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a Makefile's recipes with their targets."""
    target = ""
    for line in _expanded(text):
        match = _TARGET.match(line)
        if match:
            target = match[1]
        elif line.startswith("\t") and target:
            yield target, line.strip().lstrip("@-")


def _use(line: str, where: str, files: tuple[str, ...]) -> Use | None:
    """Return how a line runs a script of the repository; None for any other line."""
    words = _words(line)
    if len(words) < 2:
        return None
    launched = words[0] in LAUNCHERS or words[1:3] == ["-m", "torch.distributed.run"]
    is_python = bool(_PYTHON.fullmatch(words[0]))
    script = _script(words, files) if is_python or launched else ""
    if not script:
        return None
    if is_python:
        words[0] = "python"
    return Use(script=script, command=shlex.join(words), where=where, launched=launched)


def _words(line: str) -> list[str]:
    """Return the words of a command that stands alone on its line, without what is around it."""
    if len(line) > MAX_COMMAND:
        return []
    try:
        words = [word for word in shlex.split(line, comments=True) if word not in ("$@", "$*")]
    except ValueError:
        return []
    for before in _BEFORE:
        if tuple(words[: len(before)]) == before:
            words = words[len(before) :]
    while words and re.match(r"CUDA_VISIBLE_DEVICES=|OMP_NUM_THREADS=", words[0]):
        words = words[1:]
    ends = [place for place, word in enumerate(words) if word in _ENDS]
    words = words[: ends[0]] if ends else words
    unclear = any(word in _JOINS or "$" in word or word.endswith(";") for word in words)
    return [] if unclear else words


def _script(words: list[str], files: tuple[str, ...]) -> str:
    """Return the script of the repository that a command runs; "" for none."""
    for place, word in enumerate(words[1:], start=1):
        if word == "-c":
            return ""
        if word == "-m" and place + 1 < len(words):
            path = f"{words[place + 1].replace('.', '/')}.py"
            if path in files:
                return path
        own = str(PurePosixPath(word))
        if own.endswith(".py") and own in files:
            return own
    return ""
