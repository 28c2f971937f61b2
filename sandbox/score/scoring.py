"""Scores saved weights: two scorers, each in its own sandbox, and the harness between them.

The first scorer is given whole windows and makes the score. It is dead before the second one gets
its first token, a prefix (sandbox/score/audit.py). Both start at once, because importing torch
takes longer than the rest. No code of the candidate's runs in the second before its first request
(sandbox/score/scorer.py), so the two never run at the same time. Neither makes a socket, or a file
that outlives its folder.

A dead process can still leave word in the kernel's memory of names and of files. So each scorer
loses both before it sees hidden data (sandbox/score/gate.py). What is left is a few bits, such as
the moment of its end, and for these the order matters. The first scorer does not know yet which
places will be asked for, so it could only pass on the tokens themselves, bit by bit. The other way
round, a few bits would tell at which places not to cheat.

What leaves is a score, or one line in the harness's own words. The scorers' output is removed with
their folders: they have seen the validation data.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
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
from sandbox.score.holdings import Holdings
from sandbox.score.rehearsal import Rehearsal
from sandbox.score.sealed import Validation, bits_per_byte, score, shapes_of
from sandbox.score.traces import filters
from sandbox.score.wire import Ended, Failed, Floats, Invalid

WORKSPACE = "workspace"
PREFIXES = "prefixes"
WHOLE = "whole"
NO_FILES = "once validation data is shown, no file can be opened: read it in build_model"
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
    shut: bool = False
    """Whether its own code failed where it could name no file any more."""


def score_weights(
    candidate: Candidate,
    validation: Validation,
    audit: Audit,
    runner: Runner,
    cancel: threading.Event,
) -> Scored | Unscorable | Cancelled:
    """Return bits per byte, after the audit. Raise SandboxFault only.

    Code that fails once its files are shut off may load something for a shape of input that was not
    rehearsed. It is scored once more, with every shape rehearsed.
    """
    answer = _scored(candidate, validation, audit, runner, cancel, complete=False)
    if isinstance(answer, Unscorable) and answer.shut:
        answer = _scored(candidate, validation, audit, runner, cancel, complete=True)
    return answer


def _scored(
    candidate: Candidate,
    validation: Validation,
    audit: Audit,
    runner: Runner,
    cancel: threading.Event,
    *,
    complete: bool,
) -> Scored | Unscorable | Cancelled:
    rng = np.random.default_rng(int.from_bytes(os.urandom(16)))
    places = choose_places(validation, FULL_PLACES if audit == "full" else PLACES, rng)
    vocabulary = validation.vocabulary
    pair = _Pair(candidate, vocabulary, runner, cancel)
    first = Stopwatch()
    second = Stopwatch()

    def answer(stdin: BinaryIO, stdout: BinaryIO) -> Floats:
        rehearsal = Rehearsal(shapes_of(validation), vocabulary, complete)
        pair.shut(WHOLE, rehearsal.hold(stdin, stdout, rng, first))
        return score(validation, stdin, stdout, rng, first)

    def commit_to(stdin: BinaryIO, stdout: BinaryIO) -> Committed:
        rehearsal = Rehearsal([frame.shape for frame in places], vocabulary, complete)
        pair.shut(PREFIXES, rehearsal.hold(stdin, stdout, rng, second))
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
        self._shut: dict[str, Holdings] = {}

    def shut(self, name: str, holdings: Holdings) -> None:
        """Note that a scorer's files are shut off. holdings: those that it can still read."""
        self._shut[name] = holdings

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
            second = thread.submit(self._converse, PREFIXES, wait_and_commit)
            try:
                whole = self._converse(WHOLE, answer)
                if isinstance(whole, np.ndarray):
                    self._efface(WHOLE)
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

        try:
            outcome = self._runner.converse(self._spec(name), self._cancel, talk)
        finally:
            if name in self._shut:
                self._shut[name].even_out(str(self._candidate.room / name))
        if isinstance(outcome, Cancelled):
            return outcome
        answer = answers[0] if answers else Ended()
        if not isinstance(answer, Invalid):
            return answer
        unscorable = self._unscorable(answer, outcome)
        if name not in self._shut or unscorable.status != "invalid":
            return unscorable
        hint = ""
        if isinstance(answer, Failed) and answer.wanted_a_file:
            hint = f"; {NO_FILES}"
        own = isinstance(answer, Failed | Ended)
        return replace(unscorable, detail=unscorable.detail + hint, shut=own)

    def _efface(self, name: str) -> None:
        """Remove what a scorer that is dead has written: it takes room that can be measured."""
        remove_tree(self._candidate.room / name)
        self._log(name).unlink(missing_ok=True)

    def _log(self, name: str) -> Path:
        return self._candidate.room / f"{name}.log"

    def _spec(self, name: str) -> RunSpec:
        candidate = self._candidate
        self._efface(name)  # of an earlier scoring
        scratch = candidate.room / name
        scratch.mkdir()
        train = candidate.folder / candidate.train
        arguments = (str(train), candidate.weights, str(self._vocabulary), filters())
        seconds = SCORERS * max(MIN_SCORE_SECONDS, candidate.limits.wall_seconds)
        return RunSpec(
            argv=(candidate.python, "-I", SCORER, *arguments),
            folder=str(candidate.folder),
            scratch=str(scratch),
            log=str(self._log(name)),
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
