"""A git command that stays and answers questions: to start one takes longer than to answer."""

import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TypeVar

from agent.errors import HistoryFault
from agent.git.answers import IMPATIENCE, NoAnswer, await_answer
from agent.git.bond import Bond
from agent.git.plumbing import Plumbing

MAX_WORDS = 10_000
"""Bytes of what a command says at its end."""

Answer = TypeVar("Answer")


class Conversation:
    """A command that is started at the first question, and again after one that ended it.

    It ends with this object, and with the harness however that ends. Several threads may ask.
    passed: descriptors that it gets, too.
    """

    def __init__(self, git: Plumbing, *arguments: str, passed: tuple[int, ...] = ()) -> None:
        self._git = git
        self._arguments = arguments
        self._passed = passed
        self._lock = threading.Lock()
        self._running: _Running | None = None

    def ask(self, question: bytes, read: Callable[[IO[bytes]], Answer | None]) -> Answer:
        """Return the answer that `read` takes from the command's output; None where that has ended.

        Raise HistoryFault with git's own words if the command ends instead.
        """
        with self._lock:
            running = self._running or _Running(self._git, self._arguments, self._passed)
            self._running = None  # until it has answered
            try:
                running.write(question)
                running.wait()
                answer = read(running.output)
            except NoAnswer as error:
                running.close()
                raise self._git.unanswered(self._arguments, error) from None
            except BaseException:
                running.close()
                raise
            if answer is None:
                raise self._git.fault(self._arguments[0], running.last_words())
            self._running = running
            return answer

    def close(self) -> None:
        """End the command; a further question starts another one."""
        with self._lock:
            if self._running:
                self._running.close()
            self._running = None


class _Running:
    """One process of a command."""

    def __init__(self, git: Plumbing, arguments: tuple[str, ...], passed: tuple[int, ...]) -> None:
        try:
            self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        except OSError as error:
            raise HistoryFault(f"git {arguments[0]} failed: {error}", "df -h .") from None
        bond = Bond()
        try:
            process = git.start(arguments, self._words, bond, passed)
        except BaseException:
            bond.close()
            self._words.close()
            raise
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._input = process.stdin
        self.output = process.stdout
        self.close = weakref.finalize(self, _end, process, bond, self._words)

    def write(self, question: bytes) -> None:
        """Write a question, unless the process has ended: it says why."""
        with suppress(BrokenPipeError):
            self._input.write(question)
            self._input.flush()

    def wait(self) -> None:
        """Return once an answer begins or the process has ended; see await_answer."""
        await_answer(self._process, self.output)

    def last_words(self) -> str:
        """Return what the process said about its end."""
        self._words.seek(0)
        words = self._words.read()[-MAX_WORDS:].decode("utf-8", "surrogateescape")
        self.close()
        return words


def _end(process: subprocess.Popen[bytes], bond: Bond, words: IO[bytes]) -> None:
    """Let a command end by itself, or, if it waits for something else than us, end it."""
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream:
                stream.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(IMPATIENCE)
    bond.close()
    process.wait()
    words.close()
