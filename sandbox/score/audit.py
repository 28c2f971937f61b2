"""Audits a score: its predictions against those of a process that had not seen their targets.

A first process is given the whole windows and makes the score. A second one is shown prefixes only.
A place is a window and a cut: the model sees the window's first `cut` tokens and predicts the next
one. Its answer cannot depend on that token, nor on any that follows. At every place the two must
agree: if the first one's predictions are better (or worse), they depend on something other than the
tokens before them. sandbox/score/scoring.py says why the processes run in this order.

What hides a target from the second process until it has answered:

- the prefixes of a window come in increasing length, at most one of a window per request;
- a prefix is padded, to the longest one of the request, with tokens drawn from itself;
- the last target of a window is the first token of the next one. So a few windows, different ones
  each time, are held back from the second process, and only the windows before those are asked for
  their last prediction.

docs/scoring.md says what this finds, and at what cost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import BinaryIO

import numpy as np

from sandbox.ground.answering import Stopwatch
from sandbox.score.rehearsal import Shape
from sandbox.score.sealed import FRAME_LOGITS, FRAME_TOKENS, Validation
from sandbox.score.wire import Floats, Invalid, Rows, Tokens, log_probabilities, receive, send

PLACES = 512
FULL_PLACES = 16 * PLACES
HOLD_BACK = 16  # one window in so many is held back
# A request asks for one position of each row, so few logits cross the pipe; but a model has to
# hold all of them.
HELD_LOGITS = 4 * FRAME_LOGITS
# How many standard errors the mean difference may be from zero. If it were normal, 6e-7 of honest
# scorings would be further.
STANDARD_ERRORS = 5.0
DEPENDS = (
    "the model looks ahead, or learns while it is scored: its predictions for whole windows are "
    "not those that it made when it had seen only the tokens before them"
)


@dataclass(frozen=True)
class Tolerance:
    """How far rounding may change a log-probability x."""

    single: float
    """A single one, in units of 1 + |x| nats."""
    noise: float
    """The smallest standard deviation that is believed of a single one, in nats."""
    bias: float
    """The mean of many, in nats."""


# float32: four roundings of float16, the wire's format (at most 2**-10 in these units), hide the
# noise of the arithmetic.
FLOAT32 = Tolerance(single=0.004, noise=0.0005, bias=0.0001)
# bfloat16: a rounding of a logit of 16 is 0.03 nats, and a few may add up.
BFLOAT16 = Tolerance(single=0.06, noise=0.005, bias=0.001)


@dataclass(frozen=True)
class Places:
    """The places of one request: the first cuts[i] tokens of window windows[i]. Both [rows]."""

    windows: Rows
    cuts: Rows

    @property
    def shape(self) -> Shape:
        """The shape of its request."""
        return Shape(len(self.cuts), int(self.cuts.max()), whole=False)


@dataclass(frozen=True)
class Committed:
    """The answers of the second process, before it saw their targets."""

    windows: Rows
    cuts: Rows
    logs: Floats
    """Log-probability [places] of the target after each prefix."""


def choose_places(validation: Validation, count: int, rng: np.random.Generator) -> list[Places]:
    """Return about `count` random places in requests of equal size, shortest prefixes first.

    The last request asks for the ends of windows.
    """
    windows = len(validation.windows()[0])
    length = validation.length
    held = rng.choice(windows, size=-(-windows // HOLD_BACK) if windows > 1 else 0, replace=False)
    shown = np.setdiff1d(np.arange(windows), held)
    room = max(1, min(FRAME_TOKENS // length, HELD_LOGITS // (length * validation.vocabulary)))
    rows = min(len(shown), room)
    requests = min(-(-count // rows), length - 1)
    # Request i has the cuts from bounds[i] up to bounds[i + 1].
    bounds = 1 + np.arange(requests + 1) * (length - 1) // requests
    places = [
        Places(rng.choice(shown, size=rows, replace=False), rng.integers(low, high, size=rows))
        for low, high in pairwise(bounds)
    ]
    ends = shown[np.isin(shown + 1, held) | (shown == windows - 1)]
    if len(ends):
        last = rng.permutation(ends)[:rows]
        places.append(Places(last, np.full(len(last), length)))
    return places


def commit(
    validation: Validation,
    stdin: BinaryIO,
    stdout: BinaryIO,
    places: list[Places],
    rng: np.random.Generator,
    stopwatch: Stopwatch | None = None,
) -> Committed:
    """Ask the second process for its predictions.

    Raise Invalid for answers that are not finite or not complete.
    """
    stopwatch = stopwatch or Stopwatch()
    inputs, targets = validation.windows()
    logs = []
    for frame in places:
        send(stdin, prefixes(inputs, frame, rng), frame.cuts - 1)
        logits = receive(stdout, (len(frame.cuts), validation.vocabulary))
        stopwatch.lap()
        logs.append(log_probabilities(logits, targets[frame.windows, frame.cuts - 1]))
    send(stdin, inputs[:0])
    windows = np.concatenate([frame.windows for frame in places])
    cuts = np.concatenate([frame.cuts for frame in places])
    return Committed(windows, cuts, np.concatenate(logs))


def prefixes(inputs: Tokens, frame: Places, rng: np.random.Generator) -> Tokens:
    """Return the prefixes of one request [rows, longest], padded with tokens of their own."""
    longest = int(frame.cuts.max())

    def rows() -> Iterator[Tokens]:
        for window, cut in zip(frame.windows, frame.cuts, strict=True):
            prefix = inputs[window, :cut]
            yield np.concatenate([prefix, rng.choice(prefix, size=longest - cut)])

    return np.stack(list(rows()))


def check(committed: Committed, whole: Floats, tolerance: Tolerance) -> None:
    """Raise Invalid if the log-probabilities `whole` [W, T] are not those of the second process.

    The message has no numbers: the model could choose them, and it has seen the validation data.
    """
    again = whole[committed.windows, committed.cuts - 1]
    gaps = again.astype(np.float64) - committed.logs
    allowed = tolerance.single * (1 + np.minimum(np.abs(again), np.abs(committed.logs)))
    error = max(float(gaps.std()), tolerance.noise) / sqrt(len(gaps))
    apart = abs(float(gaps.mean())) > tolerance.bias + STANDARD_ERRORS * error
    if apart or (np.abs(gaps) > allowed).any():
        raise Invalid(DEPENDS)
