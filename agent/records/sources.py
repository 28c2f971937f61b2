"""The files that edits may touch, at one state of a project."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from agent.errors import near_names
from agent.records.patterns import matches

TRAIN = "train.py"
MAX_FILES = 2_000
MAX_CHARACTERS = 2**20
"""Of one file: no train.py is larger, and parsing more costs gigabytes."""
MAX_TOTAL = 2**26
"""Bytes of all files together."""
MAX_GROWN = MAX_TOTAL // 4
"""Characters of all files together, up to which edits may add to them."""
MAX_NEAR = 3
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Sources:
    """Texts by path; paths are relative to the project's folder, with forward slashes.

    Undecodable bytes are lone surrogates, so that every text gives back its bytes.
    """

    files: Mapping[str, str]
    """The files that edits may touch, and train.py, sorted by path."""
    main: str = TRAIN
    """The path of train.py: the file of an edit that names none."""
    patterns: tuple[str, ...] = (TRAIN,)
    """Which files edits may touch, those to be added included."""
    others: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Every other file of the project, and why it is not edited, if a pattern fits it."""

    def __post_init__(self) -> None:
        ordered = dict(sorted(self.files.items()))
        object.__setattr__(self, "files", MappingProxyType(ordered))

    @classmethod
    def of(cls, text: str) -> "Sources":
        """Return a project with only a train.py."""
        return cls({TRAIN: text})

    @property
    def text(self) -> str:
        """The text of train.py; "" if there is none."""
        return self.files.get(self.main, "")

    @property
    def is_project(self) -> bool:
        """Whether edits may touch more than train.py."""
        return self.patterns != (self.main,)

    @property
    def code(self) -> str:
        """The text of all Python files, train.py's first."""
        others = [self.files[path] for path in self.files if path.endswith(".py")]
        return "\n".join([self.text, *others])

    @property
    def editable(self) -> Iterator[tuple[str, str]]:
        """Path and text of each file that edits may touch: train.py first, the others by path."""
        if self.main in self.files and matches(self.main, self.patterns):
            yield self.main, self.text
        for path, text in self.files.items():
            if path != self.main:
                yield path, text

    def with_text(self, text: str) -> "Sources":
        """Return them with another train.py."""
        return self.with_file(self.main, text)

    def with_file(self, path: str, text: str) -> "Sources":
        """Return them with `text` in the file at `path`."""
        return replace(self, files={**self.files, path: text})

    def without(self, path: str) -> "Sources":
        """Return them without the file at `path`."""
        return replace(self, files={name: self.files[name] for name in self.files if name != path})

    @property
    def length(self) -> int:
        """The characters of all files."""
        return sum(map(len, self.files.values()))

    def named(self, path: str, name: str) -> str:
        """Return the whole name of what a file calls `name`: `LR`, `conf/base.yaml:optim.lr`."""
        return name if path == self.main else f"{path}:{name}"

    def near(self, path: str) -> str:
        """Return a hint with the files that a wrong path may mean."""
        names = [name for name, _ in self.editable]
        near = near_names(path, names, MAX_NEAR, 0.5)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return f"the files are: {', '.join(names[:8])}" if names else "no file is edited"


def is_utf8(text: str) -> bool:
    """Return whether every byte of a text could be decoded; the others are lone surrogates."""
    return not _SURROGATE.search(text)


Code = Sources | str
"""A project; a text stands for one with only a train.py."""


def as_sources(code: Code) -> Sources:
    """Return `code` as Sources; a text is taken as a project of one train.py."""
    return Sources.of(code) if isinstance(code, str) else code


def split_name(name: str, main: str = TRAIN) -> tuple[str, str]:
    """Return the file and the local name in a full name."""
    path, colon, local = name.partition(":")
    return (path, local) if colon else (main, name)
