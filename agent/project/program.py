"""Reads program.md: the brief for the model, and the front matter between two lines of `---`."""

from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from agent.errors import UsageFault, unknown
from agent.judge.suspicion import Plausible
from agent.project.quantities import BudgetText, LimitText
from agent.project.settings import (
    NO_TARGETS,
    TELLS,
    Dollars,
    Hours,
    TrialCount,
    Word,
    problem_of,
)
from agent.records.objective import Direction
from agent.records.proposals import EXPLORATIONS, Exploration
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

FENCE = "---"
MAX_FRONT_MATTER = 10_000
MAX_DEPTH = 8


def _switch(value: Any) -> Any:
    """Return what `on` and `off` stand for (YAML reads them as booleans); else the value itself."""
    if not isinstance(value, bool):
        return value
    return EXPLORATIONS if value else ()


class FrontMatter(Record):
    """What the front matter may say; flags on the command line win (docs/settings.md)."""

    metric: Word | None = None
    """Its name, as it is printed."""
    direction: Direction | None = None
    """Which way is better."""
    budget: BudgetText = None
    """Of one trial, `5m` or `200steps`."""
    limit: LimitText = None
    """Of a training that ends by itself, `1.1x` or `90s`."""
    protected: tuple[str, ...] = ()
    """Names in train.py that no edit may change, in addition to those of autoresearch.toml."""
    trials: TrialCount | None = None
    hours: Hours | None = None
    max_cost: Dollars | None = None
    """Dollars of the whole run; with 0 no question may be asked that could cost money."""
    patience: int | None = Field(default=None, ge=1)
    """Measured trials without a keep after which a model is asked for another kind of change."""
    plausible: Plausible = None
    """`0.5 .. 9`: a score outside is measured again under the full audit."""
    explore: Annotated[tuple[Exploration, ...], BeforeValidator(_switch)] = EXPLORATIONS
    """Which kinds of change, in turn: `on`, `off` or a list (agent/propose/code/policy.py)."""


class Program(Record):
    """A program.md in its two parts."""

    brief: str
    """The text without the front matter."""
    front_matter: FrontMatter = FrontMatter()


def read_program(text: str) -> Program:
    """Return `text` in its two parts; raise UsageFault for a wrong key or value."""
    matter, brief = _split(text)
    front_matter = _loaded(matter) if matter else None
    if not isinstance(front_matter, dict):  # prose between two rules
        return Program(brief=text)
    if TELLS in front_matter:
        raise _fault(f"{TELLS}: {NO_TARGETS}")
    for key in front_matter:
        if key not in FrontMatter.model_fields:
            raise _fault(unknown("key", str(key), FrontMatter.model_fields))
    try:
        return Program(brief=brief, front_matter=FrontMatter.model_validate(front_matter))
    except ValidationError as error:
        where, problem = problem_of(error)
        raise _fault(f"{where}: {problem}") from None


def _split(text: str) -> tuple[str, str]:
    """Return the front matter, empty where there is none, and the brief."""
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return "", text
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == FENCE), None)
    matter = "".join(lines[1:end])
    if end is None or len(matter) > MAX_FRONT_MATTER:
        return "", text
    return matter, "".join(lines[end + 1 :]).lstrip("\n")


def _loaded(matter: str) -> Any:
    try:
        return yaml.load(matter, _PlainLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise _fault(one_line(str(error))) from None


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """YAML as people write settings: no anchors, aliases, tags or merges, no name twice, flat."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the node (see yaml.composer); raise ValueError for what settings do not need."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("anchors (&) and aliases (*) are not allowed in settings")
        if getattr(event, "tag", None):
            raise ValueError("tags (!) are not allowed in settings")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return the mapping (see yaml.constructor); raise ValueError where a name repeats."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"{repeated!r} is set twice")
        if "<<" in names:
            raise ValueError("merges (<<) are not allowed in settings")
        return super().construct_mapping(node, deep)


def _fault(message: str) -> UsageFault:
    return UsageFault(f"program.md, its front matter: {message}", "$EDITOR program.md")
