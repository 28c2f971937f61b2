"""Probes: short runs that a model asks for, handed from its thread to the loop.

The loop runs a probe in a free slot; where trials are timed, only while nothing trains.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol, runtime_checkable

from agent.evaluate.probe import Probe, Probed
from agent.records.slots import Slot
from agent.records.sources import Sources

FIRST_SEED = 1_500_000_000
"""Offset of the seeds of probes, so that they never meet the seeds of trials."""
SEEDS = 2**31
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class NotProbed:
    """Why no probe ran."""

    why: str


@dataclass(frozen=True)
class Waiting:
    """A probe that waits for a slot."""

    sources: Sources
    seconds: float
    answer: "Future[Probed | NotProbed]"


@runtime_checkable
class Probes(Protocol):
    """A bench that can run probes."""

    def probe(self, wanted: Probe, slot: Slot, cancel: Event) -> Probed:
        """Run code for a short time (agent/evaluate/probe.py)."""
        ...


class Probing:
    """Hands the probes of a session to the loop; at most one waits at a time."""

    def __init__(self, cancel: Event, first_seed: int, probed: int = 0) -> None:
        """cancel: ends all probes. first_seed: the run's. probed: probes of earlier sessions."""
        self._cancel = cancel
        self._seed = first_seed
        self._count = probed
        self._waiting: Waiting | None = None
        self._lock = Lock()

    def ask(self, sources: Sources, seconds: float, patience: float) -> Probed | NotProbed:
        """Wait for a slot and for the run in it, and return its result.

        Called from the thread of a writer. patience: how many seconds this may take in all.
        """
        answer: Future[Probed | NotProbed] = Future()
        with self._lock:
            if self._waiting is not None:
                return NotProbed("another one waits for a slot")
            self._waiting = Waiting(sources, seconds, answer)
        deadline = time.monotonic() + patience
        while not self._cancel.is_set():
            try:
                return answer.result(POLL_SECONDS)
            except NotYet:
                if time.monotonic() > deadline and self._withdrawn(answer):
                    return NotProbed("no slot was free for it in time")
        self._withdrawn(answer)
        return NotProbed("the run ends")

    def _withdrawn(self, answer: "Future[Probed | NotProbed]") -> bool:
        """Withdraw a probe unless it has a slot by now; return whether it was withdrawn."""
        with self._lock:
            if self._waiting is None or self._waiting.answer is not answer:
                return False
            self._waiting = None
            return True

    @property
    def waits(self) -> bool:
        """Whether a probe needs a slot."""
        return self._waiting is not None

    def take(self) -> Waiting | None:
        """Return the probe that waits, which gets a slot now; None if none waits."""
        with self._lock:
            waiting = self._waiting
            self._waiting = None
            return waiting

    def refuse(self, why: str) -> None:
        """Answer the probe that waits with a refusal."""
        waiting = self.take()
        if waiting is not None:
            waiting.answer.set_result(NotProbed(why))

    def probe_of(self, waiting: Waiting, commit: str, tip: Sources) -> Probe:
        """Return what to run: the files of `tip` (at `commit`), changed as the probe wants."""
        self._count += 1
        seed = (self._seed + FIRST_SEED + self._count) % SEEDS
        return Probe(
            commit=commit,
            seed=seed,
            seconds=waiting.seconds,
            texts=_changed(tip.files, waiting.sources.files),
            removed=tuple(set(tip.files) - set(waiting.sources.files)),
        )


def probes_in(looked: Iterable[str]) -> int:
    """Return how many of the called tools were probes."""
    return sum(tool == "probe" for tool in looked)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in after.items() if before.get(path) != text}
