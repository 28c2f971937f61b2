"""Real projects of several files, and what people do to them: material for edits."""

import random
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from agent.edit.encoding import foreign_encoding
from agent.edit.files import Sources
from agent.edit.files.one import fault_of_new
from agent.records.patterns import fault_of_path

SUFFIXES = (".py", ".pyi", ".toml", ".json", ".yaml", ".yml", ".txt", ".cfg", ".ini", ".md", ".css")
PATTERNS = ("**/*",)
MAX_BYTES = 40_000
MAX_PROJECT = 8
"""Files of one project."""

Change = Callable[[dict[str, str], random.Random], None]


@cache
def packages() -> tuple[str, ...]:
    """The names of the folders that pip installed here."""
    home = Path(sysconfig.get_path("purelib"))
    return tuple(sorted(folder.name for folder in home.iterdir() if folder.is_dir()))


def project(name: str, seed: int) -> Sources | None:
    """Some of the files of an installed package, as a project with train.py; None if it is small.

    Files of values and texts come first: most of what is installed is Python.
    """
    home = Path(sysconfig.get_path("purelib")) / name
    paths = sorted(path for path in home.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    rng = random.Random(f"{name} {seed}")
    rng.shuffle(paths)
    paths.sort(key=lambda path: path.suffix in (".py", ".pyi") and rng.random() < 0.7)
    files = dict(_readable(home, paths[: 4 * MAX_PROJECT]))
    if len(files) < 3:
        return None
    chosen = dict(list(files.items())[:MAX_PROJECT])
    return Sources({"train.py": "LR = 0.1\n", **chosen}, patterns=PATTERNS)


def _readable(home: Path, paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        data = path.read_bytes()
        name = path.relative_to(home).as_posix()
        if not 0 < len(data) < MAX_BYTES or fault_of_path(name):
            continue
        text = data.decode("utf-8", "replace")
        if text.encode() != data or foreign_encoding(text) or fault_of_new(name, text):
            continue
        yield name, text


def changed(sources: Sources, seed: int) -> Sources:
    """The project after one to four things that people do to projects."""
    rng = random.Random(seed)
    files = dict(sources.files)
    for change in rng.choices(CHANGES, k=rng.randint(1, 4)):
        change(files, rng)
    return Sources(files, sources.main, sources.patterns)


def _any(files: dict[str, str], rng: random.Random, suffix: str = "") -> str | None:
    names = [name for name in files if name != "train.py" and name.endswith(suffix)]
    return rng.choice(names) if names else None


def edit_lines(files: dict[str, str], rng: random.Random) -> None:
    """Change, double or drop a line of a file."""
    name = _any(files, rng)
    if name is None:
        return
    lines = files[name].splitlines(keepends=True)
    place = rng.randrange(len(lines)) if lines else 0
    doubled = lines[place : place + 1] * rng.choice((0, 2))
    lines[place : place + 1] = doubled
    _put(files, name, "".join(lines))


def edit_numbers(files: dict[str, str], rng: random.Random) -> None:
    """Change a digit of a file."""
    name = _any(files, rng)
    if name is None:
        return
    text = files[name]
    places = [place for place, character in enumerate(text) if character in "2345678"]
    if places:
        place = rng.choice(places)
        _put(files, name, f"{text[:place]}9{text[place + 1 :]}")


def add(files: dict[str, str], rng: random.Random) -> None:
    """Copy a file to a new one."""
    name = _any(files, rng)
    if name is not None:
        folder = rng.choice(("", "new/", "a/b/"))
        _place(files, f"{folder}added_{rng.randrange(99)}{Path(name).suffix}", files[name])


def delete(files: dict[str, str], rng: random.Random) -> None:
    """Delete a file."""
    name = _any(files, rng)
    if name is not None:
        del files[name]


def rename(files: dict[str, str], rng: random.Random) -> None:
    """Rename a file, perhaps with a line changed."""
    name = _any(files, rng)
    if name is None:
        return
    text = files.pop(name)
    _place(files, f"moved/{Path(name).name}", text)
    if rng.random() < 0.5:
        edit_lines(files, rng)


def swap(files: dict[str, str], rng: random.Random) -> None:
    """Give two files of a kind each other's text."""
    first = _any(files, rng)
    second = _any(files, rng, Path(first).suffix) if first else None
    if first and second:
        text = files[first]
        files[first] = files[second]
        files[second] = text


def move_function(files: dict[str, str], rng: random.Random) -> None:
    """Move the last function of one Python file to the end of another."""
    source = _any(files, rng, ".py")
    target = _any(files, rng, ".py")
    if source is None or target is None or source == target:
        return
    head, definition, tail = files[source].rpartition("\ndef ")
    if definition and _put(files, target, f"{files[target]}\n{definition}{tail}"):
        _put(files, source, f"{head}\n")


def strip_end(files: dict[str, str], rng: random.Random) -> None:
    """Drop the line break at the end of a file, or add one."""
    name = _any(files, rng)
    if name is not None:
        text = files[name]
        _put(files, name, text.rstrip("\n") if text.endswith("\n") else f"{text}\n")


def other_line_ends(files: dict[str, str], rng: random.Random) -> None:
    """Write a file as Windows does."""
    name = _any(files, rng)
    if name is not None:
        _put(files, name, files[name].replace("\r\n", "\n").replace("\n", "\r\n"))


def folder_for_file(files: dict[str, str], rng: random.Random) -> None:
    """Make a package of a module: net.py becomes net/__init__.py."""
    name = _any(files, rng, ".py")
    if name is not None:
        text = files.pop(name)
        _place(files, f"{name.removesuffix('.py')}/__init__.py", text)


def _put(files: dict[str, str], name: str, text: str) -> bool:
    """Change a file unless it could not be read any more; say whether it was."""
    if fault_of_new(name, text):
        return False
    files[name] = text
    return True


def _place(files: dict[str, str], name: str, text: str) -> None:
    """Add a file unless something is in the way."""
    around = any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in files)
    if name not in files and not around:
        files[name] = text


CHANGES: tuple[Change, ...] = (
    edit_lines,
    edit_lines,
    edit_numbers,
    edit_numbers,
    add,
    delete,
    rename,
    swap,
    move_function,
    strip_end,
    other_line_ends,
    folder_for_file,
)
