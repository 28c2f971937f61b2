"""Takes the answer of a git command: no more than fits, and no longer than it does something.

A received repository may have a pipe where git looks for a file, and objects that unpack to more
than a machine has.
"""

import os
import select
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

MAX_ANSWER = 1 << 28
"""Bytes of one answer; a larger one is not taken."""
MAX_FILE = 1 << 24
"""Bytes of an answer that is one file of a project: code, a brief, a table of results."""
MAX_CHANGES = 1 << 26
"""Bytes of an answer that is a difference of commits, or several."""
PATIENCE = 30
"""Looks, a second apart, for which a command may do nothing."""
PATIENCE_WITH_CHILDREN = 300
"""Likewise where a program of the user's, such as a filter that downloads, works for it."""
IMPATIENCE = 3
"""Likewise when nobody needs its answer any more, as after Ctrl-C."""
MAX_COMPUTING = 60
"""Seconds of processor time that a command may take while it says nothing. A pattern such as
`*a*a**/*a*a**/b` in a file .gitattributes or .gitignore takes git for ever."""
MAX_WRITING = 900
"""The same bound for a command that writes the files of a commit."""
MAX_MEMORY = 4 << 30
"""Bytes of memory of a command's own: one that reads a device takes all there is."""
LOOK_MILLISECONDS = 1_000
WATCHED = 10
"""Times that it is watched between two looks, if it is: a disk is filled in a second."""
CHUNK = 1 << 16
PATTERNS = "a pattern in .gitattributes or .gitignore may have too many `**`"
_BUSY = ("R", "D")
"""States of a process that computes, or waits for a disk."""


class NoAnswer(Exception):
    """A command that was ended, and why in words that follow its name."""


class Computes(NoAnswer):
    """A command that computes without an end."""


class TooLong(NoAnswer):
    """A command whose answer would be larger than what is taken of it."""

    def __init__(self, most: int) -> None:
        super().__init__(f"its answer has more than {most >> 20} MiB")


class Answer(NamedTuple):
    """What a command that ended has left."""

    status: int
    output: bytes
    words: bytes
    """What it wrote to stderr."""


def answer_of(
    process: "subprocess.Popen[bytes]",
    watch: Callable[[], None] | None = None,
    most: int | None = None,
) -> Answer:
    """Return what a command prints, once it has ended.

    Raise NoAnswer, and end it with its children, if it prints too much or does nothing for long. On
    any other exception, such as Ctrl-C, it is awaited while it does something: never half a commit.
    watch: called again and again meanwhile; raises NoAnswer, too. most: bytes of its output, by
    default MAX_ANSWER.
    """
    assert process.stdout is not None and process.stderr is not None
    with process.stdout as output, process.stderr as words:
        parts: dict[int, list[bytes]] = {output.fileno(): [], words.fileno(): []}
        sizes = dict.fromkeys(parts, 0)
        most = MAX_ANSWER if most is None else most
        try:
            for descriptor, chunk in _chunks(process, list(parts), watch=watch):
                parts[descriptor].append(chunk)
                sizes[descriptor] += len(chunk)
                if sizes[descriptor] > most:
                    raise TooLong(most)
        except NoAnswer:
            _end(process)
            raise
        except BaseException:
            with suppress(NoAnswer):
                deque(_chunks(process, list(parts), IMPATIENCE), maxlen=0)
            raise
        printed = b"".join(parts[output.fileno()])
        errors = b"".join(parts[words.fileno()])
    return Answer(process.wait(), printed, errors)


def await_answer(process: "subprocess.Popen[bytes]", output: IO[bytes]) -> None:
    """Return once a command that stays has begun to answer, or has ended.

    Raise NoAnswer, and end it, if it does nothing for long.
    """
    idle = _Idleness(process.pid)
    poll = select.poll()
    poll.register(output, select.POLLIN)
    while not poll.poll(LOOK_MILLISECONDS):
        if idle.is_over():
            _end(process)
            raise idle.error


def _chunks(
    process: "subprocess.Popen[bytes]",
    descriptors: list[int],
    patience: int | None = None,
    watch: Callable[[], None] | None = None,
) -> Iterator[tuple[int, bytes]]:
    """Yield what comes from each descriptor until all have ended.

    patience: in place of the usual one. watch: as for answer_of. Raise NoAnswer if the command does
    nothing for long.
    """
    idle = _Idleness(process.pid, patience, MAX_WRITING if watch else None)
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    open_ones = set(descriptors)
    while open_ones:
        ready = _ready(poll, watch)
        for descriptor, _ in ready:
            chunk = os.read(descriptor, CHUNK)
            idle.hear()
            if chunk:
                yield descriptor, chunk
            else:
                poll.unregister(descriptor)
                open_ones.remove(descriptor)
        if not ready and idle.is_over():
            raise idle.error


def _ready(poll: select.poll, watch: Callable[[], None] | None) -> list[tuple[int, int]]:
    """Return the descriptors that have something, after a second at most."""
    if watch is None:
        return poll.poll(LOOK_MILLISECONDS)
    for _ in range(WATCHED):
        watch()
        ready = poll.poll(LOOK_MILLISECONDS // WATCHED)
        if ready:
            return ready
    return []


class _Idleness:
    """Counts the looks at which a command, the leader of a session, had done nothing.

    One that takes too much memory is of no more use.
    """

    def __init__(
        self, session: int, patience: int | None = None, computing: int | None = None
    ) -> None:
        """patience, computing: in place of the usual looks and seconds of processor time."""
        self._session = session
        self._patience = patience
        self._computing = MAX_COMPUTING if computing is None else computing
        self._before: tuple[int, ...] | None = None
        self._first: int | None = None
        self._looks = 0
        self.error = NoAnswer()

    def hear(self) -> None:
        """Note that the command says something: its processor time counts from here on."""
        self._first = None

    def is_over(self) -> bool:
        """Look once more; return whether the command is to be ended, and `error` says why."""
        processes = list(_processes_of(self._session))
        if sum(process.memory for process in processes) > MAX_MEMORY:
            self.error = NoAnswer(f"it took more than {MAX_MEMORY >> 30} GiB of memory")
            return True
        own = sum(process.ticks for process in processes if process.number == self._session)
        self._first = own if self._first is None else self._first
        computed = (own - self._first) / os.sysconf("SC_CLK_TCK")
        if computed > self._computing:
            self.error = Computes(f"it computed for {computed:.0f} s; {PATTERNS}")
            return True
        now = tuple(sorted(process.ticks for process in processes))
        busy = any(process.state in _BUSY for process in processes)
        if busy or not processes or now != self._before:
            self._before = now
            self._looks = 0
            return False
        self._looks += 1
        usual = PATIENCE if len(processes) == 1 else PATIENCE_WITH_CHILDREN
        seconds = self._looks * LOOK_MILLISECONDS // 1_000
        self.error = NoAnswer(f"it did nothing for {seconds} s")
        return self._looks >= (self._patience or usual)


class _Process(NamedTuple):
    """A process as /proc shows it."""

    number: int
    state: str
    ticks: int
    """Of processor time."""
    memory: int
    """Bytes that it shares with no file."""


def _processes_of(session: int) -> Iterator[_Process]:
    """Yield the processes of a session; none without /proc."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_bytes().rpartition(b") ")[2].split()
            if int(fields[3]) == session:
                _, resident, shared, *_ = map(int, (entry / "statm").read_bytes().split())
                memory = (resident - shared) * os.sysconf("SC_PAGE_SIZE")
                ticks = int(fields[11]) + int(fields[12])
                yield _Process(int(entry.name), fields[0].decode(), ticks, memory)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command and its children, which are a group of their own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
