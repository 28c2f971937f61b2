"""Finds the script of a repository that could compute the score where no run reaches it."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from agent.project.candidates import MAX_READ, files_of, is_evaluator, is_no_script, text_in
from agent.project.command_words import inner_command
from agent.project.evaluator import warnings_of
from agent.project.evolved import evolved_in, returned_lines
from agent.project.look import Look
from agent.project.measured import HELPER, called_modules
from agent.project.numbers import Number, likely, numbers_in, words_of
from agent.project.scripts import (
    SOME,
    calls_with_paths,
    imports_of,
    is_script,
    needs_arguments,
    path_patterns,
    paths_of,
    printed_lines,
    tree_of,
)
from agent.records.evaluator import CODE, Evaluator
from sandbox.ground.record import Record
from sandbox.ground.text import is_plain

_WRITES = words_of(
    """save savez savez_compressed savetxt tofile to_csv to_json to_parquet to_excel to_feather
    write_text write_bytes write_csv write_parquet save_file save_model save_weights imwrite"""
)
"""Calls that write the file that they are given."""
_FILE = re.compile(r"\./\S+|\S+\.[A-Za-z][A-Za-z0-9]*")
"""A text that names a file wherever it stands: no column, encoding or `__main__`."""
_SPLITS = ("val", "test")


class Sealing(Record):
    """A script that could compute the score, and what it would be given."""

    script: str
    command: str
    """What starts it, as [evaluate] has it."""
    numbers: tuple[Number, ...] = ()
    """What it reports or prints by name, the likeliest result first."""
    why: str = ""
    """By what it is known for an evaluator."""
    outputs: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    """What it reads and the training names, too: hidden, the training would fail."""
    doubts: tuple[str, ...] = ()
    """Why only the owner can say whether it computes the score."""
    program: str | None = None
    """What its evaluate(path) scores; None for a script that is run."""
    prints: bool = False
    """Whether it could as well be run behind the training, and print its number there."""

    @property
    def evaluator(self) -> Evaluator:
        """The table [evaluate]."""
        return Evaluator(
            command=self.command,
            hidden=self.hidden,
            test=self.test,
            outputs=self.outputs,
            program=self.program,
        )


def sealings_in(folder: Path, look: Look) -> tuple[Sealing, ...]:
    """Return the scripts of a repository that could compute the score, those without doubts first.

    Nothing is run.
    """
    files = files_of(folder)
    scripts = [name for name in files if name.endswith(".py") and not is_no_script(name)]
    training = _Training(folder, look, files)
    sealings = [
        _sealing(folder, name, training) for name in scripts[:MAX_READ] if name != look.script
    ]
    sealings.append(_evolved(folder, training))
    return tuple(sorted(filter(None, sealings), key=lambda sealing: bool(sealing.doubts)))


def without_evaluator(command: str, script: str) -> str:
    """Return a command without those of its parts that run the script, which no run may see."""
    parts = inner_command(command).split(" && ")
    names = {script, f"./{script}", script.removesuffix(".py").replace("/", ".")}
    left = [part for part in parts if not names & set(part.split())]
    if len(left) in (0, len(parts)):
        return command
    return left[0] if len(left) == 1 else f"sh -c {shlex.quote(' && '.join(left))}"


def _evolved(folder: Path, training: "_Training") -> Sealing | None:
    """Return the evaluator of an evolutionary framework, whose evaluate(path) scores the script."""
    evolved = evolved_in(training.files, partial(text_in, folder))
    if evolved is None or evolved.path != training.script:
        return None
    text = text_in(folder, evolved.evaluator)
    tree = tree_of(text)
    assert tree, "it was read before"
    data, test = _data(folder, tree, list(dict.fromkeys(map(_plain, paths_of(tree)))))
    doubts = warnings_of(text, evolved.evaluator, loads_program=True)
    own = (evolved.path, evolved.evaluator)
    hidden = [path for path in data if path not in own and not training.names(path)]
    return Sealing(
        script=evolved.evaluator,
        command=f"python {shlex.quote(evolved.evaluator)}",
        numbers=likely(numbers_in(returned_lines(tree), real=False)),
        why=f"its evaluate(path) scores {evolved.path}",
        hidden=tuple(path for path in hidden if not _is_within(path, hidden)),
        test=tuple(path for path in test if not training.names(path)),
        doubts=tuple(doubts),
        program=evolved.path,
    )


class _Training:
    """What the training and its modules read and write, by their sources."""

    def __init__(self, folder: Path, look: Look, files: tuple[str, ...]) -> None:
        self.script = look.script
        self.modules = look.modules
        self.edited = look.files
        self.files = files
        self.named: set[str] = set()
        self.written: set[str] = set()
        self.read: dict[str, set[str]] = {}
        """By the module that reads them."""
        for name in (look.script, *look.modules):
            self._add(name, tree_of(text_in(folder, name)))

    def _add(self, name: str, tree: ast.Module | None) -> None:
        if tree is None:
            return
        self.named.update(map(_plain, paths_of(tree)))
        for call, mode, path in calls_with_paths(tree):
            if call in _WRITES or mode[:1] in ("w", "x", "a"):
                self.written.add(_plain(path))
            else:
                self.read.setdefault(name, set()).add(_plain(path))

    def leaves(self, path: str) -> bool:
        """Return whether the training is seen to leave this file for others."""
        if PurePosixPath(path).suffix in CODE:
            return False
        return path in self.written or (path in self.named and path not in self.files)

    def names(self, path: str) -> bool:
        """Return whether the training names a file or folder, or one in it or around it."""
        own = PurePosixPath(path)
        for name in self.named:
            other = PurePosixPath(name)
            if name and (other.is_relative_to(own) or own.is_relative_to(other)) and other.parts:
                return True
        return False


def _sealing(folder: Path, name: str, training: _Training) -> Sealing | None:
    """Return a script as an evaluator, or None where nothing says that it is one."""
    text = text_in(folder, name)
    helped = HELPER in text
    if not helped and not is_evaluator(name):
        return None
    tree = tree_of(text)
    if tree is None or not is_script(tree) or (name in training.modules and not helped):
        return None
    helped = HELPER in imports_of(tree)
    named = dict.fromkeys(map(_plain, paths_of(tree)))
    outputs = _outputs(tree, training, folder)
    data, test = _data(folder, tree, [path for path in named if path not in outputs])
    shared = [path for path in data if training.names(path)]
    hidden = [path for path in data if path not in shared and path != name]
    sealing = Sealing(
        script=name,
        command=f"python {shlex.quote(name)}",
        numbers=likely(numbers_in(_reported(tree, helped), real=False)),
        why=f"it imports {HELPER}" if helped else f"it reads {', '.join(outputs)}",
        outputs=tuple(outputs),
        hidden=tuple(path for path in hidden if not _is_within(path, hidden)),
        test=tuple(path for path in test if not training.names(path)),
        shared=tuple(path for path in shared if not (folder / path).is_dir()),
    )
    doubts = tuple(_doubts(text, tree, sealing, training, helped))
    prints = bool(sealing.numbers and outputs) and not helped and not needs_arguments(tree)
    return sealing.model_copy(update={"doubts": doubts, "prints": prints})


def _plain(path: str) -> str:
    return path.removeprefix("./")


# ---------------------------------------------------------------- what it is given


def _outputs(tree: ast.Module, training: _Training, folder: Path) -> list[str]:
    """Return the files that a run leaves for it, and for the code that it calls."""
    paths: dict[str, None] = {}
    for call, _, path in calls_with_paths(tree):
        if call == "output":
            paths[_plain(path)] = None
    for text in filter(_FILE.fullmatch, paths_of(tree)):
        path = _plain(text)
        is_old = (folder / path).exists() and path not in training.written
        if path and not is_old and training.leaves(path):
            paths[path] = None
    for module in called_modules(tree):
        for path in training.read.get(module, ()):
            if path in training.written:
                paths[path] = None
    return [path for path in paths if _is_inside(path)]


def _data(folder: Path, tree: ast.Module, named: list[str]) -> tuple[list[str], list[str]]:
    """Return the data that it reads and that is there, and that of the split `test` alone."""
    data = [path for path in named if _is_data(folder, path)]
    test = []
    for pattern in path_patterns(tree, "split"):
        val, held_out = (_plain(pattern.format(split)) for split in _SPLITS)
        if _is_data(folder, val):
            data.append(val)
        if _is_data(folder, held_out):
            test.append(held_out)
    return [path for path in dict.fromkeys(data) if path not in test], list(dict.fromkeys(test))


def _is_data(folder: Path, path: str) -> bool:
    if not _is_inside(path) or PurePosixPath(path).suffix in CODE or len(path) > 255:
        return False
    place = folder / path
    if place.is_symlink():
        return False
    return place.is_dir() or (place.is_file() and ("/" in path or "." in path))


def _is_within(path: str, others: list[str]) -> bool:
    return any(other in others for other in map(str, PurePosixPath(path).parents))


def _is_inside(path: str) -> bool:
    """Return whether a path names something in the project, as [evaluate] takes it."""
    return is_plain(path) and not {"", ".", "..", ".git"} & set(path.split("/"))


# ---------------------------------------------------------------- what it says


def _reported(tree: ast.Module, helped: bool) -> Iterator[str]:
    """Yield what it hands in, as lines of `name: 0.5`; what it prints where it hands in nothing."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_report(node):
            lines += [f"{word.arg}: {SOME}" for word in node.keywords if word.arg]
    if not (helped and lines):
        lines = [line for _, line in printed_lines(tree)]
    yield from lines


def _is_report(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id="report") | ast.Attribute(attr="report"):
            return True
    return False


def _doubts(
    text: str, tree: ast.Module, sealing: Sealing, training: _Training, helped: bool
) -> Iterator[str]:
    """Yield why only the owner can say whether it computes the score."""
    script = sealing.script
    yield from warnings_of(text, script)
    for module in imports_of(tree):
        path = f"{module.replace('.', '/')}.py"
        if path in training.edited:
            yield (
                f"{script} imports {path}, and would see it as the run's first commit has it: "
                f'Candidate().call("{module}:FUNCTION") of {HELPER} calls the trial\'s'
            )
    if needs_arguments(tree):
        yield f"{script} needs arguments"
    if not helped and not sealing.numbers:
        yield f"{script} prints no number by its name, as far as its source shows"
    calls = helped and "Candidate" in text
    if not sealing.outputs and not calls:
        yield f"{script} reads nothing that {training.script} is seen to write"
