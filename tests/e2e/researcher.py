"""What a researcher has: a terminal for `autoresearch`, and a repository that trains fast."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from agent.git.cache import data_root
from tests.e2e import forked

AUTORESEARCH = Path(sys.executable).parent / "autoresearch"

# Really runs, in a real sandbox; "trains" by arithmetic. Best at LR 0.4 and DEPTH 8; `pause` makes
# it as slow as a test needs.
TRAIN = '''"""A training in miniature."""
import os
import time

LR = 0.1  # [0.01 .. 1 log]
DEPTH = 4  # [1 .. 16]
pause = 0.0


def loss(lr, depth):
    """What is minimised."""
    return 1.0 + abs(lr - 0.4) + 0.01 * abs(depth - 8)


time.sleep(pause)
noise = 0.0001 * int(os.environ["AUTORESEARCH_SEED"])
print(f"step 00001 (50.0%) | loss: {2 * loss(LR, DEPTH):.6f} |")
print("---")
print(f"val_bpb:          {loss(LR, DEPTH) + noise:.6f}")
print("num_steps:        1")
'''

READ_AT_START = ("PATH", "PYTHON", "LANG", "LC_", "LD_")
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@cache
def empty_home() -> str:
    """A home folder without caches, settings and remembered trust, for as long as the tests run."""
    home = tempfile.mkdtemp(prefix="autoresearch-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without keys and without anything that names a model or git settings."""
    keep = ("PATH", "LANG", "LC_ALL", "TMPDIR")
    own = {
        "HOME": empty_home(),
        "AUTORESEARCH_CACHE": str(data_root()),
        "COLUMNS": "120",
        **NO_KEYRING,
    }
    return {**{name: os.environ[name] for name in keep if name in os.environ}, **own, **more}


def git(folder: Path, *arguments: str) -> str:
    """Output of a git command in `folder`."""
    command = ["git", "-c", "user.name=r", "-c", "user.email=r@example.org", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def miniature(folder: Path, train: str = TRAIN) -> Path:
    """A repository in upstream's layout, committed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "train.py": train,
        "prepare.py": "MAX_SEQ_LEN = 64\n",
        "program.md": "# Goal\nLower val_bpb.\n",
    }.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


def type_in(
    folder: Path, *arguments: str, timeout: float = 170, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`autoresearch ARGUMENTS` typed in `folder`, to its end.

    It runs as a fork (tests/e2e/forked.py) unless a variable decides what is started, and how.
    """
    command = [str(AUTORESEARCH), *arguments]
    if not any(name.startswith(READ_AT_START) for name in environment):
        return forked.run(command, folder, clean_environment(**environment), timeout)
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def start_typing(
    folder: Path, *arguments: str, wrapper: tuple[str, ...] = (), **environment: str
) -> subprocess.Popen[str]:
    """Type `autoresearch ARGUMENTS` in `folder`, behind a `wrapper` such as nohup, and return."""
    return subprocess.Popen(
        [*wrapper, str(AUTORESEARCH), *arguments],
        cwd=folder,
        env=clean_environment(**environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=_heed_signals,
    )


def _heed_signals() -> None:
    """Heed signals as in a terminal, also where the tests run in the background or behind nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def ledger(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The trials as `autoresearch log --json` prints them."""
    run = type_in(folder, "log", *arguments, "--json")
    assert run.returncode == 0, run.stderr
    trials = json.loads(run.stdout)
    assert isinstance(trials, list)
    return trials


def statuses(folder: Path, *arguments: str) -> list[str]:
    """Status of each trial, and a check that their numbers are 0, 1, 2 …"""
    trials = ledger(folder, *arguments)
    assert [trial["number"] for trial in trials] == list(range(len(trials)))
    return [trial["status"] for trial in trials]


def wait_for(condition: Callable[[], object], seconds: float = 60, what: str = "") -> None:
    """Until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what or condition}"
        time.sleep(0.02)


def kill(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal and wait for the end; kill -9 reaps too."""
    process.send_signal(number)
    process.communicate(timeout=60)


def quiet(home: Path) -> bool:
    """Nothing of the run trains."""
    trainings = [line.split()[0] for line in processes() if "train.py" in line]
    return not any(folder_of(pid).is_relative_to(home) for pid in trainings)


def folder_of(pid: str) -> Path:
    """The folder that a process works in; / for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return Path("/")


def processes() -> list[str]:
    return subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def in_flight(folder: Path) -> list[str]:
    """The refs of attempts in flight."""
    return git(folder, "for-each-ref", "--format=%(refname)", "refs/autoresearch").split()


def fsck(folder: Path) -> None:
    """The repository is whole."""
    subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"], cwd=folder, check=True, capture_output=True
    )
