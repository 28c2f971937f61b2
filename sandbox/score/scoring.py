"""Scores saved weights: two scorers, each in its own sandbox, and the harness between them.

The first scorer is given whole windows and makes the score. It is dead before the second one gets
its first token, a prefix (sandbox/score/audit.py). Both start at once, because importing torch
takes longer than the rest. No code of the candidate's runs in the second before its first request
(sandbox/score/scorer.py), so the two never run at the same time. Neither makes a socket, or a file
that outlives its folder.

The order matters, because a dead process can still leave word: in the page cache of files that both
may read, or by the moment of its end. The first scorer does not know yet which places will be asked
for, so it could only pass on the tokens themselves, bit by bit. The other way round, a few bits
would tell at which places not to cheat.

What leaves is a score, or one line in the harness's own words. The scorers' output is removed with
their folders: they have seen the validation data.
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

from sandbox.ground.answering import Answering, Stopwatch
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
from sandbox.ground.plain_files import lines_of
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

# Scoring is a small part of a trial; a model that takes longer than training may is doing something
# else.
MIN_SCORE_SECONDS = 120.0
SCORERS = 2  # the second one's clock runs while the first one works

Answer = TypeVar("Answer", Committed, Floats)


@dataclass(frozen=True)
class Candidate:
    """The weights and files to score."""

    folder: Path
    """An export that no training could write to."""
    train: str
    """Its train.py."""
    weights: str
    room: Path
    """Empty, for the scorers."""
    python: str
    limits: Limits
    cpus: tuple[int, ...] = ()
    gpus: tuple[Device, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """Bits per byte that passed the audit, and how long the model's own code took for it."""

    value: float
    answering: Answering


@dataclass(frozen=True)
class Unscorable:
    """No score, with the reason in the harness's own words."""

    status: Literal["oom", "timeout", "crash", "invalid"]
    detail: str
    learnt: bool = False
    """Whether the model may have learnt while it was scored, by the time that it took."""


def score_weights(
    candidate: Candidate,
    validation: Validation,
    audit: Audit,
    runner: Runner,
    cancel: threading.Event,
) -> Scored | Unscorable | Cancelled:
    """Return bits per byte, after the audit. Raise SandboxFault only."""
    rng = np.random.default_rng(int.from_bytes(os.urandom(16)))
    places = choose_places(validation, FULL_PLACES if audit == "full" else PLACES, rng)
    pair = _Pair(candidate, validation.vocabulary, runner, cancel)
    first = Stopwatch()
    second = Stopwatch()

    def answer(stdin: BinaryIO, stdout: BinaryIO) -> Floats:
        return score(validation, stdin, stdout, rng, first)

    def commit_to(stdin: BinaryIO, stdout: BinaryIO) -> Committed:
        return commit(validation, stdin, stdout, places, rng, second)

    outcomes = pair.run(answer, commit_to)
    if isinstance(outcomes, Cancelled | Unscorable):
        return outcomes
    whole, committed = outcomes
    try:
        check(committed, whole, BFLOAT16 if candidate.gpus else FLOAT32)
    except Invalid as reason:
        return Unscorable("invalid", str(reason))
    # What learns has to do it in both; a pause of the machine lengthens one.
    opening = min(first.answering.opening, second.answering.opening)
    answering = Answering(opening=opening, later=first.answering.later)
    return Scored(bits_per_byte(whole, validation), answering)


class _NotNeededError(Exception):
    """Raised to end the second conversation if the first one failed."""


class _Pair:
    """The two scorers of a candidate. Both start at once; one waits until the first is dead."""

    def __init__(
        self, candidate: Candidate, vocabulary: int, runner: Runner, cancel: threading.Event
    ) -> None:
        self._candidate = candidate
        self._vocabulary = vocabulary
        self._runner = runner
        self._cancel = cancel

    def run(
        self,
        answer: Callable[[BinaryIO, BinaryIO], Floats],
        commit_to: Callable[[BinaryIO, BinaryIO], Committed],
    ) -> tuple[Floats, Committed] | Unscorable | Cancelled:
        """Return the results of both conversations, or why one of them failed."""
        turn = threading.Event()
        needed = threading.Event()

        def wait_and_commit(stdin: BinaryIO, stdout: BinaryIO) -> Committed:
            turn.wait()
            if not needed.is_set():
                raise _NotNeededError
            return commit_to(stdin, stdout)

        with ThreadPoolExecutor(1, thread_name_prefix="scorer") as thread:
            second = thread.submit(self._converse, "prefixes", wait_and_commit)
            try:
                whole = self._converse("whole", answer)
                if isinstance(whole, np.ndarray):
                    needed.set()
            finally:
                turn.set()
            if isinstance(whole, Unscorable | Cancelled):
                with suppress(_NotNeededError):
                    second.result()
                return whole
            committed = second.result()
        return committed if isinstance(committed, Unscorable | Cancelled) else (whole, committed)

    def _converse(
        self, name: str, dialogue: Callable[[BinaryIO, BinaryIO], Answer]
    ) -> Answer | Unscorable | Cancelled:
        """Hold one conversation in its own sandbox; when it returns, no process of it is left."""
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
        remove_tree(scratch)  # of an earlier scoring
        scratch.mkdir()
        train = candidate.folder / candidate.train
        vocabulary = str(self._vocabulary)
        seconds = SCORERS * max(MIN_SCORE_SECONDS, candidate.limits.wall_seconds)
        return RunSpec(
            argv=(candidate.python, "-I", SCORER, str(train), candidate.weights, vocabulary),
            folder=str(candidate.folder),
            scratch=str(scratch),
            log=str(candidate.room / f"{name}.log"),
            limits=candidate.limits.model_copy(update={"wall_seconds": seconds}),
            read_only=(SCORER, candidate.weights),
            cpus=candidate.cpus,
            gpus=candidate.gpus,
            hidden=candidate.hidden,
            alone=True,
        )

    def _unscorable(self, reason: Invalid, outcome: Outcome) -> Unscorable:
        """Return why a conversation failed: a limit, or the process's report; no exit code."""
        match outcome:
            case OutOfMemory():
                return Unscorable("oom", "out of memory in scoring")
            case TimedOut():
                seconds = outcome.usage.seconds
                return Unscorable("timeout", f"scoring was killed after {seconds:.0f} s")
            case LimitExceeded():
                return Unscorable("crash", f"scoring was killed at its {outcome.limit} limit")
        if isinstance(reason, Failed):
            lines = lines_of(self._candidate.folder, self._candidate.train)
            return Unscorable("invalid", reason.message(lines))
        return Unscorable("invalid", str(reason))


@contextmanager
def scoring_room(folder: Path, beside: Path) -> Iterator[Path]:
    """Yield a folder beside `beside`, with a copy of `folder` in workspace; removed afterwards.

    It is made before a training starts: what that writes to its own folder changes nothing that is
    scored. Raise SandboxFault if it cannot be made.
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
