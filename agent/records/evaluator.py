"""The project's own evaluator, as its settings and the record of a run name it."""

import shlex
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, field_validator

from agent.records.bounded import MAX_ITEMS
from agent.records.patterns import MAX_ANY_FOLDERS
from sandbox.ground.record import Record

MAX_WORD = 4096
MAX_FOLDERS = 100
"""In one another, in a path: a glob is taken apart by them."""
CODE = (".py", ".pyc", ".pyi", ".so", ".pth", ".pyd", ".dylib")
"""Suffixes of what Python would import."""

Word = Annotated[str, Field(max_length=MAX_WORD)]
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_ITEMS)]


class Evaluator(Record):
    """The project's own evaluator; its paths are relative to the folder of its settings."""

    command: Word
    """`python evaluate.py`: a script of the project, and words that it gets."""
    hidden: Words = ()
    """Files, folders and globs that no run and no proposer sees; the script is one of them."""
    test: Words = ()
    """Hidden files that are there only for `--split test`."""
    public: Word | None = None
    """A file that a proposer may read about the evaluator."""
    outputs: Words = ()
    """Files that a run leaves, for the evaluator to read."""
    program: Word | None = Field(default=None, exclude_if=lambda program: program is None)
    """A Python file whose path the script's evaluate(path) gets; None for a script that is run."""

    @field_validator("command")
    @classmethod
    def _script_of_python(cls, command: str) -> str:
        words = shlex.split(command)
        fits = len(words) > 1 and words[0] in ("python", "python3") and words[1].endswith(".py")
        if not fits:
            raise ValueError('write "python evaluate.py", with the path of a script of the project')
        _check_inside(words[1])
        if "--split" in words:
            raise ValueError("--split is added by the harness")
        return command

    @field_validator("hidden", "test", "outputs")
    @classmethod
    def _paths(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            _check_inside(path)
        return paths

    @field_validator("outputs")
    @classmethod
    def _data(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            if PurePosixPath(path).suffix in CODE:
                raise ValueError(f"{path!r} would be code; an output is data")
            if paths.count(path) > 1:
                raise ValueError(f"{path!r} stands there twice")
        return paths

    @field_validator("public")
    @classmethod
    def _one_file(cls, path: str | None) -> str | None:
        if path is not None:
            _check_inside(path)
        return path

    @field_validator("program")
    @classmethod
    def _module(cls, program: str | None) -> str | None:
        if program is not None:
            _check_inside(program)
            path = PurePosixPath(program)
            if path.suffix != ".py" or not path.stem.isidentifier():
                raise ValueError(f"{program!r} is no file that Python can import by its name")
        return program

    @property
    def script(self) -> str:
        """The path of the script."""
        return shlex.split(self.command)[1]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of the script besides the split."""
        return tuple(shlex.split(self.command)[2:])

    def __str__(self) -> str:
        parts = [self.command]
        for name in ("hidden", "test", "outputs"):
            if paths := getattr(self, name):
                parts.append(f"{name} {', '.join(paths)}")
        return "; ".join(parts)


def _check_inside(path: str) -> None:
    """Raise ValueError if a path leads out of the project."""
    parts = path.split("/")
    if not path or "\0" in path or {"", ".", ".."} & set(parts):
        raise ValueError(f"{path!r} is not a path inside the project")
    if any("**" in part and part != "**" for part in parts):
        raise ValueError(f"{path!r}: ** stands alone between slashes")
    if parts.count("**") > MAX_ANY_FOLDERS:
        raise ValueError(f"{path[:60]!r}: at most {MAX_ANY_FOLDERS} ** are understood")
    if len(parts) > MAX_FOLDERS:
        raise ValueError(f"{path[:60]!r}: more than {MAX_FOLDERS} folders in one another")
    if parts[0] == ".git":
        raise ValueError(f"{path!r} lies in .git")
