"""Reads program.md: the brief that the model follows, and the settings that its front matter holds between two lines of `---`."""

import difflib
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, FiniteFloat, ValidationError

from agent.errors import UsageFault
from agent.judge.suspicion import Plausible
from agent.records.proposals import EXPLORATIONS, Exploration
from sandbox.ground.budget import Budget
from sandbox.ground.record import Record

FENCE = "---"
MAX_FRONT_MATTER = 10_000
MAX_DEPTH = 8


def _switch(value: Any) -> Any:
    """`on` and `off` as YAML reads them."""
    return (EXPLORATIONS if value else ()) if isinstance(value, bool) else value


class FrontMatter(Record):
    """What the front matter may say; flags on the command line win. metric: only what is measured here can be asked for.

    budget: of one trial, `5m` or `200steps`. protected: names in train.py that no edit may change, beside autoresearch.toml's.
    patience: measured trials without a keep, after which a model is asked for another kind of change. explore: which kinds, in
    turn: `on`, `off` or a list of them (agent/propose/code/policy.py says what they are). plausible: `0.5 .. 9`, the range of val_bpb
    outside which a score is measured again under the full audit.
    """

    metric: Literal["val_bpb"] = "val_bpb"
    budget: str | None = None
    protected: tuple[str, ...] = ()
    trials: int | None = Field(default=None, ge=1)
    hours: FiniteFloat | None = Field(default=None, gt=0)
    max_cost: FiniteFloat | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)
    plausible: Plausible = None
    explore: Annotated[tuple[Exploration, ...], BeforeValidator(_switch)] = EXPLORATIONS


class Program(Record):
    """A program.md: its brief, without the front matter, and its front_matter."""

    brief: str
    front_matter: FrontMatter = FrontMatter()


def read_program(text: str) -> Program:
    """`text` in its two parts. UsageFault names the key that is wrong, and the nearest one that is not."""
    matter, brief = _split(text)
    front_matter = _loaded(matter) if matter else None
    if not isinstance(front_matter, dict):  # prose between two rules
        return Program(brief=text)
    for key in front_matter:
        if key not in FrontMatter.model_fields:
            near = difflib.get_close_matches(str(key)[:100], FrontMatter.model_fields, 1) or [
                ", ".join(FrontMatter.model_fields)
            ]
            raise _fault(f"nothing is called {str(key)[:100]!r}; did you mean {near[0]}?")
    try:
        program = Program(brief=brief, front_matter=FrontMatter.model_validate(front_matter))
        if program.front_matter.budget:
            Budget.parse(program.front_matter.budget)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _fault(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise _fault(f"budget: {error}") from None
    return program


def _split(text: str) -> tuple[str, str]:
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return "", text
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == FENCE), None)
    matter = "".join(lines[1:end])
    return (
        ("", text)
        if end is None or len(matter) > MAX_FRONT_MATTER
        else (matter, "".join(lines[end + 1 :]).lstrip("\n"))
    )


def _loaded(matter: str) -> Any:
    try:
        return yaml.load(matter, _PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _fault(" ".join(str(error).split())[:300]) from None


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """YAML as people write settings: no anchors, aliases, tags or merges, no name twice, and not deep."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """See yaml.composer. ValueError for what settings have no use for."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("anchors (&) and aliases (*) are not for settings")
        if getattr(event, "tag", None):
            raise ValueError("tags (!) are not for settings")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """See yaml.constructor. ValueError where a name comes twice."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} comes twice")
        if "<<" in names:
            raise ValueError("merges (<<) are not for settings")
        return super().construct_mapping(node, deep)


def _fault(message: str) -> UsageFault:
    return UsageFault(f"program.md, its front matter: {message}", "$EDITOR program.md")
