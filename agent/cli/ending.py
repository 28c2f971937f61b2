"""Ends a command: its exit code, two lines for a fault, a saved report of an unexpected one."""

import errno
import logging
import os
import platform
import select
import shutil
import sys
import tempfile
import threading
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import platformdirs

from agent.cli.retype import instead
from agent.cli.streams import lasting
from agent.display.format import formatter_for, open_console
from agent.errors import (
    EXIT_INTERRUPTED,
    EXIT_NO_READER,
    EXIT_UNEXPECTED,
    FULL_BYTES,
    Fault,
    ProjectFault,
    UsageFault,
    WrongOption,
)
from sandbox.ground.lacks import LACKS
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line


class _Unexpected(Fault):
    """An unexpected error of the program itself."""

    exit_code = EXIT_UNEXPECTED


def ended(error: BaseException) -> int:
    """Print on stderr why a command ends with `error`; return its exit code. Never raises."""
    try:
        if isinstance(error, KeyboardInterrupt):
            return EXIT_INTERRUPTED
        # typer and rich turn a broken pipe into an exit.
        if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
            error = error.__context__
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        if _nobody_reads(error):
            return EXIT_NO_READER
        return report(_fault_of(error))
    except OSError:  # not even a report of it can be saved
        return EXIT_UNEXPECTED


def report(fault: Fault) -> int:
    """Print `fault` to stderr, if anybody reads that, and return its exit code."""
    console = open_console(stderr=True)
    formatter = formatter_for(console)
    error = f"error: {formatter.block(redacted(fault.message))}"
    try:
        console.print(error, style="red", soft_wrap=True)
        if fault.next_command:
            console.print(f"next:  {formatter.line(redacted(fault.next_command))}", soft_wrap=True)
    except (OSError, SystemExit):  # rich turns a broken pipe into an exit
        _discard(sys.stderr)
    return fault.exit_code


def close_output(code: int) -> int:
    """Flush stdout; return `code`, or another one where that fails and nothing failed before.

    A reader that is gone has a code of its own all the same. What stderr still holds is flushed
    too, or dropped.
    """
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(sys.stderr)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = EXIT_NO_READER
    except (OSError, ValueError) as error:
        code = code or ended(error)
    else:
        return code
    _discard(sys.stdout)
    return code


def _discard(stream: TextIO) -> None:
    """Lead a stream to the null device: the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_streams() -> None:
    """Open closed standard streams on the null device, and let the others print every character.

    They also survive the end of their terminal.

    Otherwise the next file to be opened would take the number of a closed stream, and be written
    to in its place.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # A terminal that lacks a letter shows its code: a character is never worth a crash.
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, lasting(stream))


def keep_to_own_programs() -> None:
    """Look for programs in absolute folders only, never relative to the current one.

    A PATH with an empty or relative entry would run a `git` out of a stranger's repository, and
    such a PYTHONPATH would import its torch.py.
    """
    for name in ("PATH", "PYTHONPATH"):
        if name in os.environ:
            entries = os.environ[name].split(os.pathsep)
            absolute = [entry for entry in entries if Path(entry).is_absolute()]
            os.environ[name] = os.pathsep.join(absolute)


def keep_to_own_modules() -> None:
    """Import nothing from the current folder, and let no library read its settings there.

    Raise ProjectFault where the folder is gone.
    """
    try:
        here = Path.cwd().resolve()
    except OSError as error:
        message = f"The current folder cannot be read: {error.strerror}."
        raise ProjectFault(message, "cd ~") from None
    own = Path(__file__).resolve().parents[2]
    if here != own:
        sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != here]
    # Figures look the same everywhere, and a matplotlibrc of the current folder runs nothing.
    os.environ.setdefault("MATPLOTLIBRC", os.devnull)


def watch_threads() -> None:
    """Turn errors in threads and finalisers into a line and a saved report, not a traceback.

    What a library logs, such as asyncio of a server without a free descriptor, is not printed.
    """
    logging.getLogger().addHandler(logging.NullHandler())

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            _note(args.exc_value, f"in the thread {args.thread.name if args.thread else '?'}")

    def in_finaliser(args: "sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, BrokenPipeError):
            _note(args.exc_value, "while tidying up")

    threading.excepthook = in_thread
    sys.unraisablehook = in_finaliser


def _note(error: BaseException, where: str) -> None:
    try:
        place = _save(error)
        print(f"note: unexpected {where}: {_words(error)}; {place}", file=sys.stderr)
    except OSError:
        return


def _nobody_reads(error: BaseException) -> bool:
    """Return whether `error` is due to stdout or stderr having lost its reader."""
    if not isinstance(error, OSError):
        return False
    if error.errno not in (errno.EPIPE, errno.EIO) or error.filename is not None:
        return False
    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)
    gone = [number for number, event in poll.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    return bool(gone) or _is_null(1)


def _is_null(number: int) -> bool:
    """Return whether a descriptor is the null device.

    rich turns a stdout that nobody reads there.
    """
    return os.fstat(number).st_rdev == Path(os.devnull).stat().st_rdev


def _fault_of(error: BaseException) -> Fault:
    if isinstance(error, WrongOption):
        command = instead(error.option, f"{error.option} {error.example}")
        return UsageFault(error.message, command)
    if isinstance(error, Fault):
        return error
    if isinstance(error, MemoryError):
        return Fault(
            f"no memory is left on this machine ({_words(error)})",
            "free -h   # and close something, or use --workers 1",
        )
    if isinstance(error, OSError) and error.errno in LACKS:
        what, command = LACKS[error.errno]
        return Fault(f"{', '.join(_places(error))}: {what}", command)
    return _Unexpected(
        f"unexpected: {_words(error)}; {_save(error)}",
        "autoresearch doctor   # is the installation whole?",
    )


def _places(error: OSError) -> list[str]:
    """The files or folders that an error is about, else this machine."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if not names and error.errno == errno.ENOSPC:
        names = _full_places()
    return names or ["this machine"]


def _full_places() -> list[str]:
    """The folders that are written to whose disk has no space left."""
    places = {str(Path.cwd()), tempfile.gettempdir(), platformdirs.user_cache_dir("autoresearch")}
    folders = [place for place in sorted(places) if Path(place).is_dir()]
    return [folder for folder in folders if shutil.disk_usage(folder).free < FULL_BYTES]


def _words(error: BaseException) -> str:
    message = one_line(str(error))
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _save(error: BaseException) -> str:
    """Write the traceback of `error` into the user's state folder; return words that say where."""
    folder = Path(platformdirs.user_state_dir("autoresearch")) / "reports"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{stamp}-{os.getpid()}-{threading.get_native_id()}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_view(error))
    except OSError as trouble:
        return f"a report could not be saved in {folder} ({trouble.strerror})"
    return f"the report to send along is {path}"


def _view(error: BaseException) -> str:
    python = platform.python_version()
    lines = [
        f"autoresearch {version('autoresearch')}, Python {python}, {platform.platform()}",
        f"command: {sys.argv!r}",
        f"folder: {_folder()!r}",
        "",
        *traceback.format_exception(error, limit=100),
    ]
    return redacted("\n".join(lines))


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        return str(error)
