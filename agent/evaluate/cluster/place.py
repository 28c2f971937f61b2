"""The driver's side of a place: asks its station, sends files, and follows its runs."""

import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from agent.errors import SandboxFault
from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.line import Gone, Line, Silent, Unfit
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import (
    MAX_BLOB,
    MAX_JSON,
    Absent,
    Begin,
    Empty,
    Ending,
    Follow,
    Growth,
    Hashes,
    Needs,
    News,
    Paths,
    Pieces,
    Reply,
    Seen,
    Setup,
    Standing,
    Ticket,
)
from agent.evaluate.watch import Listener
from agent.git.home import below, no_link, remove_file
from agent.records.bounded import finite, reason_of
from agent.records.events import Checking, Event, Note, Progress, Scoring, TrialStarted
from sandbox.ground.record import Record
from sandbox.ground.text import one_line, printable

POLL_SECONDS = 0.5
"""How long a question after news waits for some; a cancelled run is told so late."""
ANSWER_SECONDS = 20.0
PROOF_SECONDS = 300.0
"""Torch takes long to load on a cold disk."""
QUARANTINE_SECONDS = 2.0
"""What is waited before a silent place is asked anew."""
OPEN = "its Ray asks nobody for a token, so whoever reaches it runs code there"
AT_THE_END = 0.3
"""The share of the patience that a place gets whose run was called off."""
MAX_LOG_BYTES = 1 << 30
"""Of one run, all logs together; what it prints beyond that stays on its node."""

Answer = TypeVar("Answer", bound=Record)


class Place:
    """A place, where several threads may run something at once."""

    def __init__(self, name: str, line: Line, patience: float) -> None:
        """line: to the station. patience: seconds of silence after which it counts as gone."""
        self.name = name
        self._line = line
        self._patience = patience
        self._sending = threading.Lock()
        self._runs = 0
        self._pinging = threading.Lock()
        self.failed = ""
        """Why nothing more is to be run there, though the last run told how it ended."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs there."""
        return self._runs == 0

    def ask(
        self,
        name: str,
        question: Record,
        answer: type[Answer],
        blobs: Sequence[bytes] = (),
        seconds: float = ANSWER_SECONDS,
        cancel: threading.Event | None = None,
    ) -> tuple[Answer, list[bytes]]:
        """Return the answer to a question, which is repeated while the place is silent.

        The station may therefore receive any question twice. cancel: wait less once it is set.
        Raise Gone after too long a silence, and Unfit if the place says that it cannot do it.
        """
        text = question.model_dump_json()
        answered = time.monotonic()
        while True:
            try:
                reply, pieces = self._line.ask(name, text, blobs, seconds)
                return self._believed(reply, pieces, answer)
            except Silent as silence:
                is_ending = cancel is not None and cancel.is_set()
                patience = self._patience * (AT_THE_END if is_ending else 1.0)
                if time.monotonic() - answered > patience:
                    raise Gone(f"it did not answer for {patience:g} s: {silence}") from None
            time.sleep(min(QUARANTINE_SECONDS, self._patience / 4))

    def _believed(
        self, text: str, pieces: list[bytes], answer: type[Answer]
    ) -> tuple[Answer, list[bytes]]:
        """Return a valid answer; raise Unfit for any other."""
        if len(text) > MAX_JSON or sum(map(len, pieces)) > MAX_BLOB:
            raise Unfit("an answer is too long to be one")
        try:
            reply = Reply.model_validate_json(finite(text))
            if reply.fault:
                raise Unfit(printable(reply.fault), one_line(reply.next_command) or None)
            return answer.model_validate_json(finite(reply.body)), pieces
        except ValueError as error:
            raise Unfit(f"an answer makes no sense: {one_line(reason_of(error))}") from None

    def prove(self, setup: Setup) -> Standing:
        """Have the place prove itself, and return its description.

        Raise Unfit for a node of a cluster on which anybody may run code.
        """
        standing, _ = self.ask("prove", setup, Standing, seconds=PROOF_SECONDS)
        if standing.ray and standing.authentication != "token":
            raise Unfit(OPEN, "RAY_AUTH_MODE=token ray start --head   # and so on every node")
        return standing

    def absent(self, question: Paths) -> tuple[str, ...]:
        """Return which paths it has not as this machine has them; it may have much to read."""
        while True:
            answer, _ = self.ask("absent", question, Absent)
            if not answer.more:
                return tuple(path for path in answer.paths if path in question.digests)

    def equip(self, needs: Needs, sending: Sending) -> None:
        """Send what all trials of the run need and the node lacks.

        needs: with everything in `sent` that trainings or the evaluator may read.
        """
        plan = needs.plan
        digests = {path: tree.digest for path, tree in needs.sent.items()}
        question = Paths(digests=digests, hidden=plan.hidden, checkout=plan.checkout)
        sent = {path: needs.sent[path] for path in self.absent(question)}
        trees = [*sent.values(), *([needs.data] if needs.data else [])]
        self.send(trees, sending)
        self.ask("plan", needs.model_copy(update={"sent": sent}), Empty, seconds=PROOF_SECONDS)

    def send(self, trees: Sequence[Tree], sending: Sending) -> None:
        """Send the missing files of trees."""
        hashes: dict[str, None] = {}
        for tree in trees:
            hashes |= dict.fromkeys(tree.hashes)
        with self._sending:  # two runs that need a file do not send it both
            missing, _ = self.ask("missing", Hashes(hashes=tuple(hashes)), Hashes)
            wanted = [sha for sha in missing.hashes if sha in hashes]
            for pieces, contents in sending.pieces(wanted):
                self.ask("put", Pieces(pieces=pieces), Empty, contents, PROOF_SECONDS)

    def run(
        self,
        assignment: Assignment,
        sending: Sending,
        listen: Listener,
        cancel: threading.Event,
        logs: Path,
    ) -> Ending:
        """Run the ordered code there, and write its logs into a folder of the attempt in `logs`.

        Raise Gone or Unfit if the place cannot run it, SandboxFault if this machine fails.
        """
        self._runs += 1
        try:
            return self._run(assignment, sending, listen, cancel, logs)
        finally:
            self._runs -= 1

    def _run(
        self,
        assignment: Assignment,
        sending: Sending,
        listen: Listener,
        cancel: threading.Event,
        logs: Path,
    ) -> Ending:
        order = assignment.order
        files = sending.commit(order)
        whole = sending.whole(order.split)
        self.send([files, *([whole] if whole else [])], sending)
        bare = order.model_copy(update={"texts": {}})  # the files have them
        ticket = secrets.token_hex(8)
        begin = Begin(
            ticket=ticket, assignment=replace(assignment, order=bare), files=files, whole=whole
        )
        self.ask("begin", begin, Empty)
        follower = _Follower(self, ticket, assignment, listen, logs)
        ending = follower.follow(cancel)
        try:
            self.ask("forget", Ticket(ticket=ticket), Empty, cancel=cancel)
        except (Gone, Unfit) as error:
            self.failed = str(error)
        return ending

    def ping(self) -> None:
        """Check that the place answers, unless another thread is asking. Raise Gone if not."""
        if not self._pinging.acquire(blocking=False):
            return
        try:
            self.ask("ping", Empty(), Empty)
        finally:
            self._pinging.release()

    def close(self, politely: bool) -> None:
        """End the place. politely: ask it to remove its files first."""
        if politely:
            with suppress(Gone, Silent):
                self._line.ask("close", Empty().model_dump_json(), (), ANSWER_SECONDS)
        self._line.close()


class _Follower:
    """Follows one run: passes on its events, and writes its logs."""

    def __init__(
        self,
        place: Place,
        ticket: str,
        assignment: Assignment,
        listen: Listener,
        logs: Path,
    ) -> None:
        self._place = place
        self._ticket = ticket
        self._assignment = assignment
        self._listen = listen
        self._logs = logs
        self._known: dict[str, tuple[int, int]] = {}
        self._events = 0
        self._bytes = 0

    def follow(self, cancel: threading.Event) -> Ending:
        """Follow the run to its end, and return how it ended."""
        is_told = False
        while True:
            if cancel.is_set() and not is_told:
                is_told = True
                self._place.ask("cancel", Ticket(ticket=self._ticket), Empty, cancel=cancel)
            asked = Follow(
                ticket=self._ticket,
                events=self._events,
                logs=self._known,
                seconds=POLL_SECONDS,
            )
            news, pieces = self._place.ask("follow", asked, News, cancel=cancel)
            self._hear(news, pieces)
            if news.ending is not None:
                return news.ending

    def _hear(self, news: News, pieces: list[bytes]) -> None:
        for growth, piece in zip(news.logs, pieces, strict=False):
            self._write(growth, piece)
        for seen in news.events:
            self._listen(_event(seen, self._assignment))
        self._events += len(news.events)

    def _write(self, growth: Growth, piece: bytes) -> None:
        """Append bytes to a log, if they belong at its end."""
        file, size = self._known.get(growth.log, (0, 0))
        expected = size if file == growth.file else 0
        self._bytes += len(piece)
        if growth.offset != expected:
            raise Unfit(f"the log {growth.log} is not what it was")
        self._known[growth.log] = (growth.file, expected + len(piece))
        if self._bytes > MAX_LOG_BYTES:
            return
        folder = below(self._logs, f"{self._assignment.attempt.number:04d}", make=True)
        if expected == 0:
            remove_file(folder / growth.log)
        try:
            with open(folder / growth.log, "ab", opener=no_link) as log:
                log.write(piece)
        except OSError as error:
            message = f"cannot write {folder / growth.log}: {error.strerror}"
            raise SandboxFault(message, "df -h .") from None


def _event(seen: Seen, assignment: Assignment) -> Event:
    """Return a node's event with the attempt and slot filled in."""
    attempt = assignment.attempt
    slot = assignment.slot
    match seen.kind:
        case "started":
            order = assignment.order
            return TrialStarted(
                attempt, slot.number, order.seed, assignment.run, order.role, slot.place
            )
        case "progress":
            return Progress(attempt.number, seen.fraction, seen.loss, slot.number)
        case "scoring":
            return Scoring(attempt.number, slot.number)
        case "checking":
            return Checking(attempt, slot.number, seen.text, slot.place)
    return Note(f"{slot.place}: {one_line(seen.text)}")
