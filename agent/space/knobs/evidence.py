"""What is known of a constant when its range is inferred, and its name as plain words."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from agent.edit.literal import Literal
from agent.edit.places.limits import NO_LIMITS, Limits

KEPT = 2**14  # names whose words are kept
MAX_TEXT = 300  # characters of a comment or help text that are read
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BRACKETS = re.compile(r"\[[^\]]*\]?")
_BETWEEN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Evidence:
    """What is known of one constant."""

    name: str
    """As a user writes it: `LR`, `Config.lr`, `--lr`, `conf/base.yaml:optim.betas[0]`."""
    value: Literal
    stated_type: str = ""
    """The annotation or the option's type, such as `float`."""
    text: str = ""
    """The comment beside it or the option's help text."""
    above: str = ""
    """The comment above it, or the heading of the constants around it."""
    choices: tuple[Literal, ...] = ()
    """The values that its option or annotation allows."""
    limits: Limits = NO_LIMITS
    """What its field, option or annotation allows of a number."""
    beside: frozenset[str] = frozenset()
    """The last parts of the names beside it in its section, as words_of returns them."""
    uses: frozenset[str] = frozenset()
    """What its uses in the file make of it, as uses_of returns them."""

    @cached_property
    def words(self) -> str:
        """The last part of the name as lower-case words: `--weightDecay` is `weight_decay`."""
        return words_of(self.name)

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The parts before the last one as lower-case words: `optim` of `a.yaml:optim.lr`."""
        path = self.name.rpartition(":")[2]
        return tuple(lower_words(part) for part in path.split(".")[:-1])

    @cached_property
    def parent(self) -> str:
        """The part before the last one as lower-case words: `sched` of `main.sched.gamma`."""
        return words_of(self.name.rpartition(".")[0])

    @cached_property
    def said(self) -> str:
        """The comment or help text as lower-case words, without what stands in brackets."""
        return lower_words(_BRACKETS.sub(" ", self.text[:MAX_TEXT]))


def words_of(name: str) -> str:
    """Return the last part of a name as lower-case words with underscores between them."""
    return lower_words(name.rpartition(":")[2].rpartition(".")[2])


@lru_cache(maxsize=KEPT)
def lower_words(text: str) -> str:
    """Return a text as lower-case words: `learningRate` is `learning_rate`, `betas[0]` betas_0."""
    if not text.isupper():
        text = _HUMP.sub("_", text)
    return _BETWEEN.sub("_", text.lower()).strip("_")
