"""How long a run's own code works while it is scored: what it learns there is training, too.

A model may carry training data in its weights and learn on where it is loaded, or an evaluator's
candidate where it is imported. So both are held to the time that the baseline's code takes on the
same machine: before the first answer, where it could learn once and for all, and for all later
ones. A language model would have to learn anew before each of these: an answer that depends on
earlier ones is found by the audit.
"""

import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, FiniteFloat

from sandbox.ground.record import Record

OPENING_TIMES = 3.0
"""How many times the baseline's opening is allowed, for larger models and a busy machine."""
LATER_TIMES = 10.0
"""How many times the time of its later answers: a larger model is slower."""
SHARE = 0.05
"""Allowed beyond either, as a share of the training's budget, and LEAST_SECONDS at least."""
LEAST_SECONDS = 2.0

Seconds = Annotated[FiniteFloat, Field(ge=0, le=1e9)]


class Answering(Record):
    """How long a run's code took to answer, on the harness's clock."""

    opening: Seconds
    """Until the first answer that counts: imports, building, loading, a rehearsal."""
    later: Seconds
    """For all later answers."""

    @classmethod
    def slowest(cls, several: Iterable[Self | None]) -> Self | None:
        """Return the largest of both figures; None if one of them is unknown, or there is none."""
        known = list(several)
        if not known or None in known:
            return None
        there = [answering for answering in known if answering]
        return cls(opening=max(a.opening for a in there), later=max(a.later for a in there))

    def excess(self, usual: Self, training: float) -> str:
        """Return why this is too long beside the baseline's `usual`; "" if it is not.

        training: the seconds that a training may take. The reason has no figure of this code's: it
        has seen the validation data.
        """
        beyond = max(SHARE * training, LEAST_SECONDS)
        opening = OPENING_TIMES * usual.opening + beyond
        later = LATER_TIMES * usual.later + beyond
        if self.opening > opening:
            words = f"{opening:.1f} s before its first answer", f"{usual.opening:.1f} s"
        elif self.later > later:
            words = f"{later:.1f} s for its later answers", f"{usual.later:.1f} s"
        else:
            return ""
        return (
            f"while it was scored, its code took more than {words[0]}, where the baseline's takes "
            f"{words[1]}: what it does there counts as training"
        )


class Stopwatch:
    """Notes when one process was asked and when it answered."""

    def __init__(self) -> None:
        self._moments = [time.monotonic()]

    def start(self) -> None:
        """Note that the first question is asked."""
        self._moments = [time.monotonic()]

    def lap(self) -> None:
        """Note an answer; the next question follows at once."""
        self._moments.append(time.monotonic())

    @property
    def answering(self) -> Answering:
        """What was noted. Nothing is taken off the opening: a model may be slow on purpose."""
        first, *later = (after - before for before, after in pairwise(self._moments))
        return Answering(opening=first, later=sum(later))
