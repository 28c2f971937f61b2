"""Inputs that come from another machine, as refs: refs/autoresearch/TAG/inbox/ID.

Each leads to a commit whose message holds one input. Whoever may push to this repository may steer
its runs, but for the bound on cost; the ref is deleted when its input is admitted.
"""

from pathlib import Path

from pydantic import ValidationError

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.git.references import kinds_of, references
from agent.history import format2
from agent.history.runs import FLIGHTS
from agent.project.find import Project
from agent.records.bounded import reason_of
from agent.records.inputs import Input, words_of
from agent.run.inbox import MAX_BYTES, MAX_WAITING, Torn
from sandbox.ground.text import one_line

EMPTY_TREE = b""


class SentRefs:
    """The refs with the inputs of a run."""

    def __init__(self, project: Project, tag: str) -> None:
        self._git = Plumbing(Path(project.root))
        self._place = f"{FLIGHTS}{tag}/inbox/"
        self._heads: dict[str, str] = {}

    def read(self) -> list[Input | Torn]:
        """Return what the refs hold, by name; at most MAX_WAITING of them."""
        listed = references(self._git, self._place, most=MAX_WAITING)
        kinds = kinds_of(self._git, [reference.head for reference in listed])
        self._heads = {}
        waiting: list[Input | Torn] = []
        for reference, head in listed:
            name = reference.removeprefix(self._place)
            self._heads[name] = head
            kind, size = kinds.get(head, ("missing", 0))
            readable = kind == "commit" and size <= MAX_BYTES
            waiting.append(self._input(name, head) if readable else Torn(name, "it is no commit"))
        return waiting

    def remove(self, waiting: Input | Torn) -> None:
        """Delete the ref of what was admitted, or is no input, unless it has moved."""
        name = waiting.name if isinstance(waiting, Torn) else waiting.id
        if name in self._heads:
            self._git.try_("update-ref", "-d", f"{self._place}{name}", self._heads[name])

    def write(self, asked: Input) -> str:
        """Make a ref of an input, and return its name."""
        fields = {"input": asked.model_dump(mode="json", exclude_none=True)}
        message = format2.write(one_line(words_of(asked.ask)), [], "sent", fields).encode()
        tree = self._git("mktree", stdin=EMPTY_TREE).strip()
        commit = self._git("commit-tree", tree, "-F", "-", stdin=message).strip()
        reference = f"{self._place}{asked.id}"
        self._git("update-ref", reference, commit)
        return reference

    def _input(self, name: str, head: str) -> Input | Torn:
        try:
            fields = format2.read(self._git("log", "-1", "--format=%B", head, "--")) or {}
            asked = Input.model_validate(fields.get("input"))
        except ValidationError as error:
            return Torn(name, reason_of(error))
        except (ValueError, HistoryFault) as error:
            return Torn(name, str(error))
        return asked if asked.id == name else Torn(name, "its name is not its id")
