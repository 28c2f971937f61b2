"""The Model protocol with its request and reply: what every provider is asked, and what it gives back."""

import json
from typing import Any, Literal, Protocol

from pydantic import Field, FiniteFloat, field_validator

from sandbox.ground.record import Record

# Of a tool's arguments; what is asked for needs five.
MAX_JSON_DEPTH = 32
# Of UTF-8: on the safe side for prose, code and figures with every tokenizer that the providers use.
CHARACTERS_A_TOKEN = 3
# What is said to a model that is given no tool.
AS_JSON = "There is no tool here. Answer with the JSON object alone that would be the argument of `{name}`, of this schema:"


class Tool(Record):
    """The one function that the model is made to call; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Request(Record):
    """One question. `system` and every one of `blocks` but the last are a prefix that stays the same between requests, so
    that a provider may cache it. `index` counts the questions of a run from 0: it is all the state a scripted model has."""

    system: str
    blocks: tuple[str, ...] = Field(min_length=1)
    tool: Tool
    index: int = Field(default=0, ge=0)
    max_output_tokens: int = Field(default=16_000, gt=0)

    @property
    def tokens(self) -> int:
        """About how many tokens the question is, rather too many than too few."""
        text = [self.system, *self.blocks, json.dumps(self.tool.parameters)]
        return sum(len(part.encode("utf-8", "replace")) for part in text) // CHARACTERS_A_TOKEN


class Reply(Record):
    """One answer: the tool's `arguments` (None where the model did not call it, or not in JSON), and the text around them.

    input_tokens: cached ones included; cached_tokens: those read from the provider's cache. cost in US dollars, None where the
    price is not known. seconds: waiting included.
    """

    model: str
    text: str = ""
    arguments: dict[str, Any] | None = None
    cut_off: bool = False
    """The reply ended at the limit of output tokens, not of its own will."""
    input_tokens: int = Field(default=0, ge=0)
    cached_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost: FiniteFloat | None = Field(default=None, ge=0)
    seconds: FiniteFloat = Field(default=0.0, ge=0)
    exchange: str = ""
    """Its name in the transcript, where one is kept."""

    @field_validator("arguments")
    @classmethod
    def _flat_enough(cls, arguments: dict[str, Any] | None) -> dict[str, Any] | None:
        """Arguments that are nested too deeply are none: whoever copies or prints them would fail."""
        return None if deeper(arguments, MAX_JSON_DEPTH) else arguments


def deeper(data: Any, depth: int) -> bool:
    """Return whether JSON-like data is nested deeper than `depth`. Does not recurse, so that no depth is too much for it."""
    level = [data]
    for _ in range(depth):
        level = [
            inner for value in level if isinstance(value, dict | list) for inner in _inside(value)
        ]
    return bool(level)


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


class Model(Protocol):
    """A language model that was opened with a key, a deadline and a cancel event (agent/llm/resolve.py).

    name: the full name of the model. origin: what Provenance says of its proposals.
    """

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> Literal["llm", "scripted"]: ...

    def estimate(self, request: Request) -> float | None:
        """The most that the question may cost, in dollars: nothing cached, all output tokens used. None where it is not known."""
        ...

    def complete(self, request: Request) -> Reply:
        """Ask once, and patiently. Raises ModelFault (key, name, money) or ModelUnavailable (deadline passed, called off)."""
        ...
