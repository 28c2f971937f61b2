"""References as a repository lists them, whatever stands there: a received one may lead nowhere."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from agent.errors import HistoryFault
from agent.git.home import no_link
from agent.git.plumbing import Plumbing

_LOG_BYTES = 10_000
"""The end of a reflog that is read."""
_LOGGED = re.compile(r"^[0-9a-f]{40,64} ([0-9a-f]{40,64}) ", re.MULTILINE)


class Reference(NamedTuple):
    """A name in a repository, and the object that it leads to, which may be missing."""

    name: str
    """In full: `refs/heads/main`."""
    head: str


def references(git: Plumbing, *places: str, most: int = 0) -> list[Reference]:
    """Return the references at or below these places, by name.

    most: how many, 0 for all. What they lead to is not read: one that leads nowhere, or to a commit
    with a time that no clock has, would end the command for all of them.
    """
    count = [f"--count={most}"] if most else []
    listing = git("for-each-ref", *count, "--format=%(objectname) %(refname)", *places)
    # No name has a line feed; it may have other ends of lines.
    lines = (line.partition(" ") for line in listing.split("\n") if line)
    return [Reference(name, head) for head, _, name in lines]


def names_of(git: Plumbing, *places: str) -> list[str]:
    """Return the names of these references."""
    return [reference.name for reference in references(git, *places)]


def kinds_of(git: Plumbing, heads: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return the kind and the size of each object by its name; one that is missing is left out."""
    question = "".join(f"{head}\n" for head in heads).encode()
    if not question:
        return {}
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    answer = git("cat-file", form, stdin=question)
    fields = (line.split(" ") for line in answer.split("\n"))
    return {words[0]: (words[1], int(words[2])) for words in fields if len(words) == 3}


def refuse_torn(git: Plumbing, reference: str) -> None:
    """Raise HistoryFault if the file of a reference names no object, or only its reflog is left.

    To git it does not exist. What stood there may be in the reflog, which git removes together with
    a reference.
    """
    question = ("rev-parse", "--path-format=absolute", "--git-path")
    path = git.try_(*question, reference)  # None where a shorter reference is in the way
    if path is None or git.try_("rev-parse", "--verify", "--quiet", reference):
        return
    before = _last_logged(git, Path(git(*question, f"logs/{reference}").removesuffix("\n")))
    steps = []
    if Path(path).is_file():
        steps.append(f'rm "$(git rev-parse --git-path {reference})"')
    if before:
        steps.append(f"git update-ref {reference} {before}   # as its reflog has it")
    if steps:
        message = f"{reference} is damaged: its file names no commit"
        raise HistoryFault(message, " && ".join(steps))


def _last_logged(git: Plumbing, log: Path) -> str | None:
    """Return the newest commit of a reflog, or None if no commit that it names is here."""
    try:
        with open(log, "rb", opener=no_link) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
            names = _LOGGED.findall(file.read(_LOG_BYTES).decode("utf-8", "replace"))
    except OSError:
        return None
    kinds = kinds_of(git, names)
    return next((name for name in reversed(names) if kinds.get(name, ("",))[0] == "commit"), None)
