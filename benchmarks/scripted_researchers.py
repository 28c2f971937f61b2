"""Scripted models for the ladder, on the wire: each answer follows from the question alone.

A model of some `insight` sees an improvement where what it is shown gives it away; else it turns
a constant, or changes code without effect. It proposes no improvement that the ledger in its
question shows as tried on this incumbent. It does what it is asked for during a plateau, and where
it is given tools it looks up what it has not seen and notes it. What such a model gains is an upper
bound on what a question can give: a real one may not see what stands there.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from itertools import repeat
from threading import Lock
from typing import Any

from benchmarks.ladder import RUNGS, SIGNS
from tests.loopback.openai_server import OpenAIServer, model
from tests.loopback.wire import Text, ToolCall, Truncated

EVIDENCE = {
    "rate": r"RATE = 0\.01",
    "square": r"with its square",
    "scale": r"grows\s+exponentially",
    "unit": r"read alike, such as '[0-9.]+ F'|reads two units alike",
    "season": r"season = 17|season of 17",
}
"""What gives an improvement away. Nothing does for `pair`: its halves are turned by chance."""
NOTES = {
    "unit": "the log of a training says that it reads two units alike",
    "season": "prepare.py has a season of 17 steps",
}
"""What a model writes down of what it looked up."""
TURNED = {
    "RATE": (0.003, 1.0),
    "DECAY": (0.0, 0.1),
    "SHARE": (0.5, 1.0),
    "SMOOTH": (0.0, 0.2),
    "BLEND": (0.3, 1.0),
    "LAG": (1, 4),
}
"""The constants, and between which values they are set."""
COMBINE = "Combine these near misses"
BOLDER = ("change code instead", "Your part: something bolder")
BROKEN = "def start(count):\n    first = {}\n    return [first.value] * count\n"
IDLE = "def start(count):\n    first = {}\n    return [first * 0.0 for _ in range(count)]\n"
MODEL = "ladder"
CARELESS = 0.2
"""How often code without effect does not even run."""
LEAST_CURIOUS = 0.3
"""How often a model of any quality looks something up where it may."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Quality:
    """How good a scripted model is."""

    insight: float
    """How often it sees an improvement that is there to be seen."""
    stubborn: float
    """How often it turns a constant where it sees none."""


QUALITIES = {
    "weak": Quality(insight=0.1, stubborn=0.95),
    "middling": Quality(insight=0.3, stubborn=0.8),
    "good": Quality(insight=0.8, stubborn=0.5),
}


class Researchers(OpenAIServer):
    """A provider of one scripted model; `looks` counts its answers that look something up."""

    def __init__(
        self,
        quality: Quality,
        seed: int,
        forgetful: bool = False,
        notes: bool = True,
        seconds: float = 0.0,
    ) -> None:
        """seconds: of one answer."""
        super().__init__(models=[model(MODEL, 1)])
        self._steps = repeat(Text("unused"))
        self._quality = quality
        self._seed = seed
        self._forgetful = forgetful
        self._notes = notes
        self._seconds = seconds
        self.asked = 0
        self.looks = 0
        self._counting = Lock()

    def answer(
        self,
        request: BaseHTTPRequestHandler,
        body: dict[str, Any],
        step: ToolCall | Text | Truncated,
    ) -> None:
        """Answer a question by what it says."""
        self.over.wait(self._seconds)
        with self._counting:
            self.asked += 1
            draw = random.Random(f"{self._seed} {self.asked}")
            call = self._decide(body, draw)
            self.looks += call.name != "propose"
        super().answer(request, body, call)

    def _decide(self, body: dict[str, Any], draw: random.Random) -> ToolCall:
        seen = "\n".join(_texts(body["messages"]))
        tools = {tool["function"]["name"] for tool in body.get("tools", ())}
        if not self._notes:
            tools -= {"note"}
        look = _next_look(seen, tools, json.dumps(body["messages"]))
        if look and draw.random() < max(LEAST_CURIOUS, self._quality.insight):
            return look
        idea, edits = self._experiment(seen, draw)
        return ToolCall({"hypothesis": idea, "edits": edits}, name="propose")

    def _experiment(self, seen: str, draw: random.Random) -> tuple[str, list[Json]]:
        """Return what is proposed: what is asked for, the best that shows, or a try."""
        asked_for = seen.rpartition(COMBINE)
        if asked_for[1]:
            return "both near misses at once", _edits_in(asked_for[2])
        part = re.search(r"^Your part: (set constants only|remove code)", seen, re.MULTILINE)
        if part and part[1] == "set constants only":
            return "turn a constant", [_turn(draw)]
        ready = [name for name in EVIDENCE if self._is_open(name, seen) and not part]
        if ready and draw.random() < self._quality.insight:
            name = draw.choice(ready)
            edits = [edit.model_dump(mode="json", exclude_none=True) for edit in RUNGS[name]]
            whole = draw.random() < self._quality.insight
            return f"rung {name}", edits if whole else edits[:1]
        bolder = part or any(words in seen for words in BOLDER)
        if not bolder and draw.random() < self._quality.stubborn:
            return "turn a constant", [_turn(draw)]
        template = BROKEN if draw.random() < CARELESS else IDLE
        code = template.format(draw.randrange(10**6))
        return "another start", [{"kind": "replace_definition", "name": "start", "code": code}]

    def _is_open(self, name: str, seen: str) -> bool:
        """Return whether an improvement shows, is not made, and was not tried on this incumbent."""
        shows = bool(re.search(EVIDENCE[name], seen)) and SIGNS[name] in seen
        return shows and (self._forgetful or not _is_tried(f"rung {name}", seen))


def _is_tried(idea: str, seen: str) -> bool:
    """Return whether an idea waits for a verdict, or has one newer than the incumbent."""
    if re.search(rf'^"{idea}": ', seen, re.MULTILINE):
        return True
    tries = [int(number) for number in re.findall(rf'^#(\d+) .*"{idea}"', seen, re.MULTILINE)]
    incumbent = re.search(r"^The incumbent is #(\d+)", seen, re.MULTILINE)
    return bool(tries) and max(tries) > (int(incumbent[1]) if incumbent else 0)


def _texts(messages: list[Json]) -> Iterator[str]:
    """Yield all texts of a question, with what tools have answered."""
    for message in messages:
        content = message.get("content") or ""
        parts = content if isinstance(content, list) else [{"text": content}]
        yield from (str(part.get("text", "")) for part in parts)


def _next_look(seen: str, tools: set[str], asked: str) -> ToolCall | None:
    """Return what to look up next: the baseline's log, then prepare.py, then to note the two."""
    wanted: dict[str, tuple[str, Json]] = {
        "unit": ("trial", {"number": 0}),
        "season": ("read_file", {"path": "prepare.py"}),
    }
    for name, (tool, arguments) in wanted.items():
        if tool in tools and NOTES[name] not in asked:
            if not re.search(EVIDENCE[name], seen):
                return ToolCall(arguments, name=tool)
            if "note" in tools:
                return ToolCall({"text": NOTES[name]}, name="note")
    return None


def _turn(draw: random.Random) -> Json:
    """Return an edit that turns a constant by chance."""
    name = draw.choice(sorted(TURNED))
    low, high = TURNED[name]
    value = draw.randint(1, 4) if name == "LAG" else round(draw.uniform(low, high), 4)
    return {"kind": "set_constant", "name": name, "value": str(value)}


def _edits_in(text: str) -> list[Json]:
    """Return the edits that a question quotes as JSON, all in one list."""
    edits: list[Json] = []
    for block in re.findall(r"```json\n(.*?)\n```", text, re.DOTALL):
        edits += json.loads(block)
    return edits
