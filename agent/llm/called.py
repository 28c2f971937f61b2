"""Puts the calls of tools together from their pieces, however a server numbers and names them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.llm.slips import object_of

MAX_CALLS = 64
"""The most calls of one answer; further ones are left out."""

KNOWN = frozenset({"index", "id", "type", "function"})
"""Keys of a call; a server that has more wants them back."""


@dataclass
class CalledTool:
    """One call of a tool, as far as it has arrived."""

    index: int | None
    """The number that the server gave it; None if it numbers none."""
    id: str
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    whole: dict[str, Any] | None = None
    """Arguments that came as an object, as some servers send them."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What a server wants back with the call: Gemini signs the thoughts that led to it."""

    @property
    def written(self) -> str:
        """The arguments as text."""
        return "".join(self.pieces)

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments; None if they are not a JSON object."""
        return self.whole if self.whole is not None else object_of(self.written)


class Calls(list[CalledTool]):
    """The calls of one answer."""

    def begin(self, piece: Mapping[str, Any]) -> int:
        """Add a call that arrived whole; return its length in characters."""
        return self._take(self._new(piece), piece)

    def go_on(self, piece: Mapping[str, Any]) -> int:
        """Add a piece of a streamed call; return its length in characters."""
        return self._take(self._continued(piece) or self._new(piece), piece)

    def _new(self, piece: Mapping[str, Any]) -> CalledTool:
        call = CalledTool(_index_of(piece), _text(piece.get("id")))
        if len(self) < MAX_CALLS:
            self.append(call)
        return call

    def _continued(self, piece: Mapping[str, Any]) -> CalledTool | None:
        """Return the call that a piece belongs to; None if it begins a new one.

        Some servers give every piece another id, some number all calls alike, some begin to count
        anywhere, and some send no id.
        """
        index = _index_of(piece)
        alike = [call for call in self if index is None or call.index == index]
        if not alike:
            return None
        last = alike[-1]
        is_named = bool(_function(piece).get("name"))
        id_ = _text(piece.get("id"))
        if id_:
            same = next((call for call in alike if call.id == id_), None)
            if same or is_named:
                return same
        elif is_named and last.arguments is not None:
            return None
        return last

    def _take(self, call: CalledTool, piece: Mapping[str, Any]) -> int:
        function = _function(piece)
        call.extra |= {key: value for key, value in piece.items() if key not in KNOWN}
        call.name = call.name or plain_name(_text(function.get("name")))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            call.whole = arguments
            return 1
        text = _text(arguments)
        call.pieces.append(text)
        return len(text) + 1


def plain_name(name: str) -> str:
    """Return a tool's name without what chat templates leave around it.

    `functions.propose` and `propose<|channel|>commentary` are `propose`.
    """
    return name.partition("<|")[0].strip().rpartition(".")[2]


def _function(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    function = piece.get("function")
    return function if isinstance(function, dict) else {}


def _index_of(piece: Mapping[str, Any]) -> int | None:
    index = piece.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
