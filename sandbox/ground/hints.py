"""Recognises failures that the sandbox causes, and names the setting that changes it.

A table maps the end of a log to a hint, for the tiers on which the sandbox is the cause. Since a
training can print anything, a hint reveals nothing that is not in the settings.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.ground.outcome import LimitExceeded, Limits, Outcome, OutOfMemory, TimedOut
from sandbox.ground.plain_files import exists
from sandbox.ground.pointers import pointers_in
from sandbox.ground.text import TRACEBACK, tail

TOML = "autoresearch.toml"
READ_ONLY = f'read_only = ["…"] in {TOML}'
NO_NETWORK = (
    f"trainings have no network: fetch before what they need, and name its folder in {READ_ONLY}"
)
ISOLATING = "ABCM"
LAST_LINES = 40


@dataclass(frozen=True)
class Hint:
    """The explanation of one kind of log ending."""

    says: re.Pattern[str]
    words: str
    """`{0}` is what the first group of `says` matched."""
    tiers: str = ISOLATING


def _hint(says: str, words: str, tiers: str = ISOLATING) -> Hint:
    return Hint(re.compile(says), words, tiers)


HINTS = (
    _hint(
        r"Address family not supported|EAFNOSUPPORT|\[Errno 97\]|addresses of \(localhost, \d+\)",
        "this tier gives trainings no network, loopback included;"
        " tiers A and B give them a loopback (autoresearch doctor)",
        "CM",
    ),
    _hint(
        r"gaierror|name resolution|Name or service not known|Could not resolve host"
        r"|Network is unreachable|\[Errno 101\]|MaxRetryError|URLError|OfflineModeIsEnabled"
        r"|LocalEntryNotFoundError|HF_HUB_OFFLINE|httpx\.ConnectError|requests\..*ConnectionError"
        r"|Failed to establish a new connection|couldn't connect to '?https?:",
        NO_NETWORK,
    ),
    _hint(
        r"Read-only file system|\[Errno 30\]",
        "of the files only the trial's copy of the project and $TMPDIR can be written",
    ),
    _hint(
        r"PermissionError: \[Errno 13\]",
        "a training reads the project and what it is shown, and writes its copy and $TMPDIR:"
        f" {READ_ONLY} shows more",
    ),
    _hint(
        r"insufficient shared memory|unable to (?:open|mmap).*shm|/dev/shm/.*No space left"
        r"|torch_\w+>: No space left on device|No space left.*/dev/shm/",
        f'/dev/shm counts as memory: memory = "…" in {TOML}',
    ),
    _hint(
        r"No space left on device|\[Errno 28\]",
        f'a small /tmp is in memory, $TMPDIR is on the disk; disk = "…" in {TOML} is the quota',
    ),
    _hint(r"File too large|\[Errno 27\]", f'the quota of a trial is disk = "…" in {TOML}'),
    _hint(
        r"can't start new thread|BlockingIOError: \[Errno 11\]|fork: .*temporarily unavailable",
        f"a trial may have {Limits(wall_seconds=1).processes} processes and threads at once",
    ),
    _hint(
        r"getpwuid\(\): uid not found",
        "on this tier the user of a training has no entry in passwd; getpass.getuser() answers",
        "C",
    ),
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]{1,100})'")
_MISSING = re.compile(r"No such file or directory: '([^'\n]{1,300})'")
_VARIABLE = re.compile(r"^KeyError: '([A-Za-z_]\w{0,99})'$", re.MULTILINE)
_ENVIRON = re.compile(r'<frozen os>"|/os\.py"|os\.environ\[')


@dataclass(frozen=True)
class Room:
    """The surroundings of a failed run."""

    tier: str
    log: Path
    python: str
    checkout: Path | None
    """The folder that its workspace was a copy of."""
    workspace: Path


def hint_of(outcome: Outcome, room: Room) -> str:
    """Return one line on how the sandbox caused a failure; "" if it seems not to have."""
    match outcome:
        case OutOfMemory() if outcome.evidence.startswith("killed"):
            return f'the limit is memory = "…" (of a GPU vram = "…") in {TOML}'
        case LimitExceeded(limit="disk"):
            return f'the quota is disk = "…" in {TOML}'
        case LimitExceeded(limit="output"):
            return f'the limit is output = "…" in {TOML}'
        case LimitExceeded():
            return ""
        case TimedOut():
            return _of_words(tail(room.log), room)
    return _of_words(_end_of(room.log), room)


def _end_of(log: Path) -> str:
    """Return the last traceback with the text after it, else the last lines of a log."""
    text = tail(log)
    if TRACEBACK in text:
        return text[text.rindex(TRACEBACK) :]
    return "\n".join(text.splitlines()[-LAST_LINES:])


def _of_words(text: str, room: Room) -> str:
    if module := _MODULE.search(text):
        return (
            f"trainings run on {room.python}: install {module[1]} there,"
            f' or name another with python = "…" in {TOML}'
        )
    if room.tier not in ISOLATING:
        return ""
    missing = _MISSING.search(text)
    if missing:
        return _of_missing(missing[1], room)
    variable = _VARIABLE.search(text)
    if variable and _ENVIRON.search(text):
        name = variable[1]
        return f'trainings get variables of yours by name: environment = ["{name}"] in {TOML}'
    for hint in HINTS:
        if room.tier in hint.tiers and hint.says.search(text):
            return hint.words
    return _of_pointers(room)


def _of_pointers(room: Room) -> str:
    """Return the hint for files whose contents Git LFS keeps elsewhere; "" for none."""
    pointers = pointers_in(room.workspace)
    if not pointers:
        return ""
    return (
        f"git has only a Git LFS pointer of {pointers[0]}, and so has a trial: type git lfs pull; "
        f'read_only = ["{pointers[0]}"] in {TOML} shows the contents'
    )


def _of_missing(name: str, room: Room) -> str:
    """Return the hint for a missing file, which depends on whether git tracks it."""
    path = Path(name)
    if path.is_absolute() and not path.is_relative_to(room.workspace):
        return f"a training sees the project and what {READ_ONLY} names"
    inside = path.relative_to(room.workspace) if path.is_absolute() else path
    first = inside.parts[0] if inside.parts else ""
    if room.checkout is None or ".." in inside.parts or first in ("", ".git", ".autoresearch"):
        return ""
    if not exists(room.checkout / inside) or (room.workspace / first).is_symlink():
        return ""
    return (
        f'{inside} is not in git, so no trial gets it: read_only = ["{first}"] in {TOML} shows it'
    )
