"""A run of a miniature repository that accidents happen to: its folder, terminal, processes."""

import contextlib
import fcntl
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.researcher import AUTORESEARCH, TRAIN, clean_environment, ledger, miniature
from tests.sandbox.unprivileged import allow_no_namespace

TAG = "t"
START = (
    "start",
    "--model",
    "none",
    "--method",
    "random",
    "--tag",
    TAG,
    "--budget",
    "1steps",
    "--baseline-repeats",
    "2",
)
END_SECONDS = 120.0
"""How long a command may take to end, on a busy machine."""
START_SECONDS = 30.0
CHANGES = (1, 4, 12, 25)
"""How often files of trials come and go before an accident; two or three times a training."""
DISK_BYTES = 24 << 20
PAUSES = (0.05, 0.2, 0.6)
ENDLESS = """def wait(seconds):
    'Without a reader it never ends by itself, as a real training would not for minutes.'
    end = time.monotonic() + seconds
    reader = select.poll()
    reader.register(1, 0)
    while time.monotonic() < end:
        if reader.poll(10):
            time.sleep(1000)


wait(pause)
"""
CLOCK_SOURCE = Path(__file__).with_name("clock.c")


class Broken(Exception):
    """An invariant does not hold; message: which, and what was found instead."""


@dataclass
class Night:
    """The round's own folder (repository, temporary files, clock) and the harness at work in it."""

    home: Path
    rng: random.Random
    workers: int
    disk: bool = False
    """Whether the repository is on a small disk of its own (root only)."""
    clock: Path | None = None
    """The library that build_clock made, if the wall clock jumps."""
    tier: str = ""
    """The best tier that the harness can prove, where that is known: see _enter and programs."""
    programs: Path | None = None
    """A folder that is the PATH of the harness, or None for this process's own."""
    process: subprocess.Popen[bytes] | None = None
    terminal: int | None = None
    told: list[str] = field(default_factory=list)
    """What happened, in order."""
    harnesses: list[int] = field(default_factory=list)
    recorded: list[dict[str, Any]] = field(default_factory=list)
    outside_kill: bool = False
    """Whether another process than the harness was killed: then a training may count as crashed."""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        self.home.chmod(0o755)  # as root, runs have a uid of their own
        for name in ("tmp", "disk"):
            (self.home / name).mkdir()
        self.set_clock(0)
        if self.disk:
            mount(
                "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(self.home / "disk")
            )
        pause = self.rng.choice(PAUSES)
        train = TRAIN.replace("pause = 0.0", f"pause = {pause}").replace(
            "time.sleep(pause)\n", ENDLESS
        )
        miniature(self.repository, train.replace("import time\n", "import select\nimport time\n"))

    @property
    def repository(self) -> Path:
        return self.home / "disk" / "repo"

    @property
    def worktree(self) -> Path:
        return self.repository / ".autoresearch" / "worktrees" / TAG

    @property
    def lock(self) -> Path:
        return self.repository / ".autoresearch" / "runs" / TAG / "lock"

    def environment(self) -> dict[str, str]:
        clock = (
            {"LD_PRELOAD": str(self.clock), "FUZZ_CLOCK": str(self.home / "offset")}
            if self.clock
            else {}
        )
        path = {"PATH": str(self.programs)} if self.programs else {}
        return clean_environment(
            TMPDIR=str(self.home / "tmp"), XDG_STATE_HOME=str(self.home / "state"), **clock, **path
        )

    def _enter_terminal(self) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self._enter()

    def _enter(self) -> None:
        """Enter the world of the harness, between fork and exec."""
        if self.tier == "C":
            allow_no_namespace()

    def set_clock(self, offset: int) -> None:
        """Put the wall clock of the harness and its git so many seconds off."""
        with (self.home / "offset").open(
            "r+b" if (self.home / "offset").exists() else "w+b"
        ) as file:
            file.write(offset.to_bytes(8, sys.byteorder, signed=True))

    def began(self) -> bool:
        """Return whether the run's branch is there, so that it can be resumed."""
        command = ["git", "rev-parse", "--verify", "--quiet", f"refs/heads/autoresearch/{TAG}"]
        return (
            subprocess.run(
                command, cwd=self.repository, capture_output=True, check=False
            ).returncode
            == 0
        )

    def begin(self, terminal: bool = False) -> None:
        """Type `start`, or `resume` once there is a branch, and leave it running."""
        words = ("resume", TAG) if self.began() else START
        words = (*words, "--workers", str(self.workers), "--trials", "50")
        self.told.append(" ".join(words[:2]))
        with (self.home / "output").open("ab") as output:
            if terminal:
                self.terminal, inner = pty.openpty()
                streams = {"stdin": inner, "stdout": inner, "stderr": inner}
            else:
                streams = {
                    "stdin": subprocess.DEVNULL,
                    "stdout": output.fileno(),
                    "stderr": output.fileno(),
                }
            self.process = subprocess.Popen(
                [str(AUTORESEARCH), *words],
                cwd=self.repository,
                env=self.environment(),
                start_new_session=True,
                preexec_fn=self._enter_terminal if terminal else self._enter,
                **streams,
            )
            if terminal:
                os.close(inner)
        self.harnesses.append(self.process.pid)

    def wait(self, seconds: float) -> bool:
        """Wait so long for the harness to end, reading its terminal; return whether it did."""
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read_terminal()
            time.sleep(0.01)
        return self.process.poll() is not None

    def wait_for_a_moment(self) -> None:
        """Wait until an accident is due: during the start-up, or mostly some trainings later."""
        if self.rng.random() < 0.2:
            self.wait(self.rng.uniform(0.0, 2.0))
            return
        before = self._trained()
        changes = self.rng.choice(CHANGES)
        deadline = time.monotonic() + START_SECONDS
        while changes and time.monotonic() < deadline and not self.wait(0.01):
            now = self._trained()
            changes -= now != before
            before = now
        self.wait(self.rng.choice((self.rng.uniform(0.0, 0.3), self.rng.uniform(0.0, 2.5))))

    def _trained(self) -> list[int]:
        """Return when the folders of trials last changed: they do as a training begins."""
        folder = self.repository / ".autoresearch" / "runs" / TAG / "trials"
        changed = []
        with contextlib.suppress(OSError):
            changed = sorted(path.stat().st_mtime_ns for path in (folder, *folder.glob("*")))
        return changed

    def hang_up(self) -> None:
        """Close the terminal, as a closed window or a lost connection does."""
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None

    def end(self, number: int = signal.SIGTERM) -> None:
        """Signal the harness and wait for its end; raise Broken where it does not come."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        if not self.wait(END_SECONDS):
            raise Broken(f"the harness is still there {END_SECONDS:.0f} s after signal {number}")
        self.hang_up()

    def type_in(
        self, *words: str, timeout: float = END_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end."""
        self.told.append(" ".join(words[:2]))
        process = subprocess.Popen(
            [str(AUTORESEARCH), *words],
            cwd=self.repository,
            env=self.environment(),
            text=True,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=self._enter,
        )
        self.harnesses.append(process.pid)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Broken(
                f"autoresearch {' '.join(words)} does not end in {timeout:.0f} s"
            ) from None
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def trials(self) -> list[dict[str, Any]]:
        self.recorded = ledger(self.repository, TAG) if self.began() else []
        return self.recorded

    def processes(self) -> list[int]:
        """Return every process of this round: the round's folder is in what it was started with."""
        mark = str(self.home).encode()
        return [pid for pid in all_pids() if pid != os.getpid() and mark in traces(pid)]

    def clear(self) -> None:
        """Kill what is left, and remove all."""
        self.hang_up()
        deadline = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        if self.process is not None:
            self.process.wait(10)
        for mounted in (self.repository / ".git", self.home / "disk"):
            while (
                os.path.ismount(mounted)
                and subprocess.run(["umount", "-l", str(mounted)], check=False).returncode == 0
            ):
                pass
        subprocess.run(["chmod", "-R", "u+rwX", str(self.home)], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", str(self.home)], check=True)

    def _read_terminal(self) -> None:
        if self.terminal is None:
            return
        os.set_blocking(self.terminal, False)
        with contextlib.suppress(OSError):
            os.read(self.terminal, 1 << 16)


def without_bubblewrap(folder: Path) -> Path:
    """Make a folder below `folder` with links to every program of the PATH but bubblewrap."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for place in os.environ["PATH"].split(os.pathsep):
        with contextlib.suppress(OSError):  # a folder that is closed to this user, or none
            for program in Path(place).iterdir():
                link = programs / program.name
                if program.name != "bwrap" and not link.is_symlink():
                    link.symlink_to(program)
    return programs


def build_clock(folder: Path) -> Path | None:
    """Build the library that lets the wall clock jump; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    built = folder / "clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(built), str(CLOCK_SOURCE), "-ldl"],
        check=True,
    )
    return built


def mount(*arguments: str) -> None:
    """Mount, or raise CalledProcessError."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


def all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def traces(pid: int) -> bytes:
    """Return a process's command line, environment and working directory; empty for a dead one."""
    found = b""
    for name in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            found += Path(f"/proc/{pid}/{name}").read_bytes()
    with contextlib.suppress(OSError):
        found += bytes(Path(f"/proc/{pid}/cwd").readlink())
    return found
