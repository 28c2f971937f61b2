"""Scores saved weights: two scorers, each in a sandbox of its own, and the harness between them.

The first scorer commits itself on prefixes and is dead before the second one gets its first token (sandbox/score/audit.py). Both start
at once, because importing torch takes longer than the rest. No code of the candidate's runs in the second before its first
request (sandbox/score/scorer.py), so the two never run beside each other and have no way to talk.

What leaves is a score, or one line that the harness words itself. The scorers' own output is removed with their folders: they
have seen the validation data.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import numpy as np

from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.outcome import (
    Audit,
    Cancelled,
    LimitExceeded,
    Limits,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.score.audit import (
    BFLOAT16,
    FLOAT32,
    FULL_PLACES,
    PLACES,
    Committed,
    check,
    choose_places,
    commit,
)
from sandbox.score.sealed import Validation, bits_per_byte, score
from sandbox.score.wire import Ended, Failed, Floats, Invalid

WORKSPACE = "workspace"
SCORER = str(Path(__file__).with_name("scorer.py"))

# Scoring is a small part of a trial; a model that takes longer than training may is not being scored but doing something else.
MIN_SCORE_SECONDS = 120.0
SCORERS = 2  # the second one's clock runs while the first one works

Answer = TypeVar("Answer", Committed, Floats)


@dataclass(frozen=True)
class Candidate:
    """What is scored. folder: an export that no training could write to; train: its train.py; room: empty, for the scorers."""

    folder: Path
    train: str
    weights: str
    room: Path
    python: str
    limits: Limits
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unscorable:
    """Why there is no score, in the harness's own words."""

    status: Literal["oom", "timeout", "crash", "invalid"]
    detail: str


def score_weights(
    candidate: Candidate,
    validation: Validation,
    audit: Audit,
    runner: Runner,
    cancel: threading.Event,
) -> float | Unscorable | Cancelled:
    """Bits per byte, after the audit. Raises SandboxFault only."""
    rng = np.random.default_rng(int.from_bytes(os.urandom(16)))
    places = choose_places(validation, FULL_PLACES if audit == "full" else PLACES, rng)
    pair = _Pair(candidate, validation.vocabulary, runner, cancel)

    def reveal(stdin: BinaryIO, stdout: BinaryIO) -> Floats:
        return score(validation, stdin, stdout, rng)

    outcomes = pair.run(
        lambda stdin, stdout: commit(validation, stdin, stdout, places, rng), reveal
    )
    if isinstance(outcomes, Cancelled | Unscorable):
        return outcomes
    committed, whole = outcomes
    try:
        check(committed, whole, BFLOAT16 if candidate.gpus else FLOAT32)
    except Invalid as reason:
        return Unscorable("invalid", str(reason))
    return bits_per_byte(whole, validation)


class _NotNeededError(Exception):
    """Ends the second conversation where the first one gave nothing."""


class _Pair:
    """The two scorers of one candidate. The second is started at once, and spoken to when the first is dead."""

    def __init__(
        self, candidate: Candidate, vocabulary: int, runner: Runner, cancel: threading.Event
    ) -> None:
        self._candidate = candidate
        self._vocabulary = vocabulary
        self._runner = runner
        self._cancel = cancel

    def run(
        self,
        commit_to: Callable[[BinaryIO, BinaryIO], Committed],
        reveal: Callable[[BinaryIO, BinaryIO], Floats],
    ) -> tuple[Committed, Floats] | Unscorable | Cancelled:
        """What both conversations gave, or why one of them gave nothing."""
        turn, needed = threading.Event(), threading.Event()

        def wait_and_reveal(stdin: BinaryIO, stdout: BinaryIO) -> Floats:
            turn.wait()
            if not needed.is_set():
                raise _NotNeededError
            return reveal(stdin, stdout)

        with ThreadPoolExecutor(1, thread_name_prefix="scorer") as thread:
            second = thread.submit(self._converse, "whole", wait_and_reveal)
            try:
                committed = self._converse("prefixes", commit_to)
                if isinstance(committed, Committed):
                    needed.set()
            finally:
                turn.set()
            if not isinstance(committed, Committed):
                with suppress(_NotNeededError):
                    second.result()
                return committed
            whole = second.result()
        return whole if isinstance(whole, Unscorable | Cancelled) else (committed, whole)

    def _converse(
        self, name: str, dialogue: Callable[[BinaryIO, BinaryIO], Answer]
    ) -> Answer | Unscorable | Cancelled:
        """One conversation in a sandbox of its own; when it returns, no process of it is left."""
        answers: list[Answer | Invalid] = []

        def talk(stdin: BinaryIO, stdout: BinaryIO) -> None:
            try:
                answers.append(dialogue(stdin, stdout))
            except Invalid as reason:
                answers.append(reason)

        outcome = self._runner.converse(self._spec(name), self._cancel, talk)
        if isinstance(outcome, Cancelled):
            return outcome
        answer = answers[0] if answers else Ended()
        return self._unscorable(answer, outcome) if isinstance(answer, Invalid) else answer

    def _spec(self, name: str) -> RunSpec:
        candidate = self._candidate
        scratch = candidate.room / name
        scratch.mkdir()
        train = candidate.folder / candidate.train
        seconds = SCORERS * max(MIN_SCORE_SECONDS, candidate.limits.wall_seconds)
        return RunSpec(
            argv=(
                candidate.python,
                "-I",
                SCORER,
                str(train),
                candidate.weights,
                str(self._vocabulary),
            ),
            folder=str(train.parent),
            scratch=str(scratch),
            log=str(candidate.room / f"{name}.log"),
            limits=candidate.limits.model_copy(update={"wall_seconds": seconds}),
            read_only=(SCORER, candidate.weights),
            cpus=candidate.cpus,
            gpus=candidate.gpus,
            hidden=candidate.hidden,
        )

    def _unscorable(self, reason: Invalid, outcome: Outcome) -> Unscorable:
        """Words for a failed conversation. Of what the process did, its limits and its own report tell, and no exit code."""
        match outcome:
            case OutOfMemory():
                return Unscorable("oom", "out of memory in scoring")
            case TimedOut():
                return Unscorable(
                    "timeout", f"scoring was killed after {outcome.usage.seconds:.0f} s"
                )
            case LimitExceeded():
                return Unscorable("crash", f"scoring was killed at its {outcome.limit} limit")
        if isinstance(reason, Failed):
            source = (self._candidate.folder / self._candidate.train).read_bytes()
            return Unscorable("invalid", reason.told(len(source.splitlines())))
        return Unscorable("invalid", str(reason))


@contextmanager
def scoring_room(folder: Path, beside: Path) -> Iterator[Path]:
    """A folder beside `beside`, with a copy of `folder` as it is now in room/workspace; gone afterwards, logs and all.

    Made before a training starts: what that writes to its own folder then changes nothing that is scored.
    """
    room = Path(f"{beside}.scoring")
    remove_tree(room)
    try:
        shutil.copytree(
            folder, room / WORKSPACE, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    except OSError as error:
        raise SandboxFault(f"cannot copy {folder} to {room}: {error}", "df -h .") from error
    try:
        yield room
    finally:
        remove_tree(room)
