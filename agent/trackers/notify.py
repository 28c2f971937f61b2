"""Tells the user of a run's events, by a command of his own or by a service that Apprise knows."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from agent.errors import Fault, UsageFault
from agent.records.events import ModelWaited, RunStarted
from agent.records.inputs import Admitted
from agent.records.results import Trial
from agent.trackers.messages import MAX_CHARACTERS, OCCASIONS, Message, Messages, Occasion
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line

# A command that takes longer than this hangs.
TIMEOUT_SECONDS = 30.0
MAX_ERRORS = 4_000
"""Bytes that are read of what a failed command wrote."""
MAX_SHOWN_ERRORS = 200


class Channel(Protocol):
    """A way to reach the user."""

    def send(self, message: Message) -> None:
        """Send a message. Raise Fault if that fails."""
        ...


class Notify:
    """Sends the messages of a session over one channel. events: the occasions to send."""

    def __init__(self, channel: Channel, events: Collection[Occasion] = OCCASIONS) -> None:
        self._channel = channel
        self._events = frozenset(events)
        self._messages: Messages | None = None

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        self._messages = Messages(run)

    def verdict(self, trial: Trial) -> None:
        """See Tracker."""
        assert self._messages, "a session is opened first"
        for message in self._messages.of_verdict(trial):
            self._send(message)

    def heard(self, admitted: Admitted) -> None:
        """See Hearing."""
        assert self._messages, "a session is opened first"
        self._messages.hear(admitted)

    def waited(self, event: ModelWaited) -> None:
        """See Awaiting."""
        assert self._messages, "a session is opened first"
        for message in self._messages.of_wait(event):
            self._send(message)

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        assert self._messages, "a session is opened first"
        self._send(self._messages.of_end(reason, failed))

    def _send(self, message: Message) -> None:
        if message.event in self._events:
            self._channel.send(message)


class Command:
    """Runs a command of the user, split into words as a shell would and handed to no shell.

    The message is in its environment, with control characters escaped, and unchanged as one JSON
    object on its standard input. Variables: AUTORESEARCH_EVENT (one of OCCASIONS), _TITLE, _TEXT,
    _NEXT, _RUN, _BRANCH, and about a trial _TRIAL, _METRIC, _VALUE, _DELTA (as the metric's readers
    expect its sign), _HYPOTHESIS. folder: where it is started.
    """

    def __init__(
        self, command: str, timeout: float = TIMEOUT_SECONDS, folder: Path = Path()
    ) -> None:
        self._argv = _words(command, folder)
        self._folder = folder
        self._timeout = timeout

    def send(self, message: Message) -> None:
        """See Channel."""
        environment = {
            "event": message.event,
            "title": message.title,
            "text": message.text,
            "next": message.next_command,
            **message.about,
        }
        texts = {name: redacted(value) for name, value in environment.items()}
        variables = {
            f"AUTORESEARCH_{name.upper()}": one_line(value, MAX_CHARACTERS)
            for name, value in texts.items()
        }
        record = {**texts, "details": message.details, **message.record}
        self._call(json.dumps(record) + "\n", os.environ | variables)

    def _call(self, text: str, environment: dict[str, str]) -> None:
        # Not a pipe: a child that the command leaves behind would hold its end for long.
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                cwd=self._folder,
                start_new_session=True,
            )
            try:
                process.communicate(text.encode("utf-8", "replace"), self._timeout)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                assert process.stdin, "it is a pipe"
                process.stdin.close()
                raise Fault(f"{self._argv[0]} took longer than {self._timeout:.0f} s") from None
            if process.returncode:
                words = _end_of(errors)
                raise Fault(f"{self._argv[0]} ended with {process.returncode}: {words}")


def _end_of(errors: IO[bytes]) -> str:
    """Return the end of what a command wrote, in one line."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - MAX_ERRORS))
    words = redacted(errors.read(MAX_ERRORS).decode("utf-8", "replace"))
    return one_line(words[-MAX_SHOWN_ERRORS:])


def _words(command: str, folder: Path) -> list[str]:
    """Return the command's words; raise UsageFault if it cannot be run in a folder."""
    hint = "autoresearch notify --test   # tries what you have set"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageFault(f"--notify {command!r}: {error}", hint) from None
    program = words[0] if words else ""
    if shutil.which(str(folder.absolute() / program) if "/" in program else program) is None:
        raise UsageFault(f"--notify: command not found: {words[0] if words else command!r}", hint)
    return words
