"""Rehearses a scoring with made-up tokens, before the scorer's files are shut off.

The candidate's code is imported and its model built. What it loads or compiles when it first meets
an input of some shape is loaded and compiled then. Afterwards the gate is shut
(sandbox/score/gate.py), and the hidden data comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from sandbox.ground.answering import Stopwatch
from sandbox.score.gate import Gate
from sandbox.score.holdings import Holdings
from sandbox.score.wire import receive, send


@dataclass(frozen=True)
class Shape:
    """The shape of a request."""

    rows: int
    columns: int
    whole: bool
    """Whether all positions are asked for, not one of each row."""


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed for the requests of one scorer."""

    shapes: Sequence[Shape]
    """Of all its requests, in their order."""
    vocabulary: int
    complete: bool
    """Whether every shape is rehearsed, and not only the first two and the last."""

    @property
    def rehearsed(self) -> list[Shape]:
        """The shapes that are rehearsed, in their order."""
        different = list(dict.fromkeys(self.shapes))
        if self.complete or len(different) <= 3:
            return different
        return [*different[:2], different[-1]]

    def hold(
        self, stdin: BinaryIO, stdout: BinaryIO, rng: np.random.Generator, stopwatch: Stopwatch
    ) -> Holdings:
        """Rehearse with a scorer, shut its gate, and return the files that it can still read.

        stopwatch: started, without a lap: what code learns in a rehearsal it has learnt for all
        answers that count. Raise Invalid for answers that are not complete, and for a scorer that
        cannot be shut off.
        """
        with Gate.of(stdin) as gate:
            stopwatch.start()
            for shape in self.rehearsed:
                self._ask(shape, stdin, stdout, rng)
            return gate.shut()

    def _ask(
        self, shape: Shape, stdin: BinaryIO, stdout: BinaryIO, rng: np.random.Generator
    ) -> None:
        tokens = rng.integers(self.vocabulary, size=(shape.rows, shape.columns), dtype=np.int32)
        if shape.whole:
            send(stdin, tokens)
            receive(stdout, (shape.rows, shape.columns, self.vocabulary))
        else:
            send(stdin, tokens, rng.integers(shape.columns, size=shape.rows))
            receive(stdout, (shape.rows, self.vocabulary))
