"""The Model protocol with its request and reply: what every provider is asked and returns."""

import json
from typing import Any, Literal, Protocol

from pydantic import Field, FiniteFloat, field_validator

from agent.errors import ModelAway, ModelFault, ModelUnavailable
from sandbox.ground.record import Record
from sandbox.ground.text import one_line, shortened

# Of a tool's arguments; a proposal needs five levels.
MAX_JSON_DEPTH = 32
MAX_NAME = 200
"""The most characters of a model's name."""
MAX_REASON = 300
"""Characters of why a provider withheld an answer."""
MAX_TOKENS = 10**9
MAX_DOLLARS = 1e6
# UTF-8 bytes per token: safe for prose, code and numbers with every provider's tokenizer.
CHARACTERS_A_TOKEN = 3
# For a model without tools.
DECLINED = "(the provider declined to answer this question)"
"""The beginning of an answer that a provider withheld."""
UNREAD = "(its server could not read this call of a tool)"
"""The beginning of an answer whose call was no call."""
AS_JSON = """\
There is no tool here. Answer only with a JSON object, the argument of `{name}`, of this schema:"""


class Tool(Record):
    """A function that the model may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON schema."""


class Call(Record):
    """A model's call of a tool that looks something up."""

    id: str
    name: str
    arguments: dict[str, Any]

    @field_validator("arguments")
    @classmethod
    def _not_too_deep(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """Drop arguments nested so deeply that copying or printing them would fail."""
        return {} if deeper(arguments, MAX_JSON_DEPTH) else arguments


class Turn(Record):
    """An answer that looked things up, with the results."""

    text: str = ""
    calls: tuple[Call, ...] = Field(min_length=1)
    results: tuple[str, ...]
    """One for each call."""
    native: Any = None
    """As in Reply."""
    exchange: str = ""
    """Its name in the transcript, if one is kept."""


class Door(Record):
    """An MCP server over HTTP on loopback, whose tools a command may call by itself."""

    url: str
    token: str
    tools: tuple[str, ...]
    """Their names."""
    shown: list[dict[str, Any]] = Field(default_factory=list)
    """The calls so far: each with the tool, its arguments and its answer, and
    whether that was only that it is time to propose."""

    @property
    def refused(self) -> int:
        """How many calls came after the bounds were reached."""
        return sum(bool(look.get("over")) for look in self.shown)


class Request(Record):
    """One question."""

    system: str
    blocks: tuple[str, ...] = Field(min_length=1)
    """All but the last stay the same between requests, so that a provider may cache them."""
    tool: Tool
    """The tool whose call is the answer."""
    tools: tuple[Tool, ...] = ()
    """Further tools, which look things up."""
    turns: tuple[Turn, ...] = ()
    """The turns that looked things up so far, oldest first."""
    closing: str = ""
    """A message after the turns."""
    only: bool = False
    """Whether the answer must be the call of `tool`, without looking anything up."""
    door: Door | None = Field(default=None, exclude=True, repr=False)
    """For a model that calls tools by itself; its token is in no transcript."""
    index: int = Field(default=0, ge=0)
    """The number of the question in the run, from 0; a scripted model's only state."""
    max_output_tokens: int = Field(default=16_000, gt=0)

    @property
    def tokens(self) -> int:
        """An upper estimate of the question's tokens."""
        text = [self.system, *self.blocks, self.closing]
        text += [json.dumps(tool.parameters) for tool in (self.tool, *self.tools)]
        for turn in self.turns:
            text += [turn.text, *turn.results]
        return sum(len(part.encode("utf-8", "replace")) for part in text) // CHARACTERS_A_TOKEN


class Reply(Record):
    """One answer."""

    model: str
    text: str = ""
    """The text around the call of the tool."""
    arguments: dict[str, Any] | None = None
    """The tool's arguments; None if the model did not call it with JSON."""
    calls: tuple[Call, ...] = ()
    """Calls of the further tools."""
    native: Any = None
    """The answer in the form that its provider requires back with the results; None without
    calls."""
    cut_off: bool = False
    """Whether the reply ended at the limit of output tokens."""
    input_tokens: int = Field(default=0, ge=0)
    """Input tokens, cached ones included."""
    cached_tokens: int = Field(default=0, ge=0)
    """Input tokens that were read from the provider's cache."""
    output_tokens: int = Field(default=0, ge=0)
    cost: FiniteFloat | None = Field(default=None, ge=0)
    """US dollars; None if the price is unknown."""
    seconds: FiniteFloat = Field(default=0.0, ge=0)
    """Seconds from asking to the answer, waits included."""
    exchange: str = ""
    """Its name in the transcript, if one is kept."""

    @field_validator("model")
    @classmethod
    def _short_name(cls, model: str) -> str:
        """Return the name in a form that is safe in a commit, since servers choose it freely."""
        return shortened(model, MAX_NAME)

    @field_validator("input_tokens", "cached_tokens", "output_tokens")
    @classmethod
    def _possible(cls, tokens: int) -> int:
        """Replace an impossible number of tokens by 0, as if it was not counted."""
        return tokens if tokens <= MAX_TOKENS else 0

    @field_validator("cost")
    @classmethod
    def _payable(cls, cost: float | None) -> float | None:
        """Replace an impossible cost by None, as if it was unknown."""
        return cost if cost is None or cost <= MAX_DOLLARS else None

    @field_validator("arguments")
    @classmethod
    def _not_too_deep(cls, arguments: dict[str, Any] | None) -> dict[str, Any] | None:
        """Drop arguments nested so deeply that copying or printing them would fail."""
        return None if deeper(arguments, MAX_JSON_DEPTH) else arguments


def declined(reason: str) -> str:
    """Return the text of an answer that a provider withheld for this reason."""
    return f"{DECLINED}: {one_line(reason, MAX_REASON)}"


def deeper(data: Any, depth: int) -> bool:
    """Return whether JSON-like data is nested deeper than `depth`. Does not recurse."""
    level = [data]
    for _ in range(depth):
        inner: list[Any] = []
        for value in level:
            inner += _inside(value)
        level = inner
    return bool(level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class CalledOff(ModelFault):
    """A question was called off, or its time was up, after its answer had begun."""

    def __init__(self, fault: ModelUnavailable | ModelAway, reply: Reply) -> None:
        super().__init__(fault.message, fault.next_command)
        self.fault = fault
        """What ended the question."""
        self.reply = reply
        """The part that had arrived; its cost is a lower bound, or None if unknown."""


LooksBy = Literal["calls", "door", "no"]
"""How a model looks things up: by calls in its answer, by itself at a door, or not at all."""


def looks_by(model: "Model") -> LooksBy:
    """Return how a model looks things up; "no" for a plug-in's model that does not say."""
    ways: LooksBy = getattr(model, "looks", "no")
    return ways


class Model(Protocol):
    """A language model, opened with a key, a deadline and a cancel event (agent/llm/resolve.py).

    A model that looks things up has an attribute `looks`; see `looks_by`.
    """

    @property
    def name(self) -> str:
        """The full name of the model."""
        ...

    @property
    def origin(self) -> Literal["llm", "scripted"]:
        """The origin that Provenance records for its proposals."""
        ...

    def estimate(self, request: Request) -> float | None:
        """Return the highest possible cost in dollars, or None if it is unknown.

        Nothing cached, all output tokens used.
        """
        ...

    def complete(self, request: Request) -> Reply:
        """Ask once, with retries.

        Raise ModelFault (key, name, money), ModelUnavailable (no answer, cancelled) or ModelAway
        (no answer for now), and CalledOff where an answer had begun.
        """
        ...
