"""References as a repository lists them, whatever stands there: a received one may lead nowhere."""

from collections.abc import Iterable
from typing import NamedTuple

from agent.git.plumbing import Plumbing


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
