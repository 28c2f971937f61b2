"""Starts a program of the user's own where some files and folders are empty.

This is not a sandbox: the program keeps the user's files, network and login. It is for models
that are asked through a command line of their own, which may have tools to read files, while
validation data lies in the user's cache. The program cannot look at the processes outside either,
through which it would see their files.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import temporary_folder
from sandbox.walls.launcher import program
from sandbox.walls.mounts import launcher_interpreter

MASK = program("masking")
PROOF_SECONDS = 20.0
# Looks for what is planted at argv[1], from the inside and through the harness's own process
# argv[2]; prints what it sees.
PROOF = """
import os, sys
through = f"/proc/{sys.argv[2]}/root{sys.argv[1]}/planted"
lines = open("/proc/self/status").read().splitlines()
rights = [line.split()[1].strip("0") for line in lines if line.startswith("CapEff")]
print(os.listdir(sys.argv[1]), os.path.exists(through), rights)
"""
NOTHING_SEEN = "[] False ['']"

Build = Callable[[Sequence[str], Sequence[str]], list[str]]
"""A way: makes, of a command line and the paths to empty, one that starts it without them."""


def masked(argv: Sequence[str], hidden: Sequence[Path]) -> list[str]:
    """Return the command line that starts `argv` where those of `hidden` that exist are empty.

    Raise SandboxFault where this machine has no way to.
    """
    build = _proven()
    paths = sorted({os.path.realpath(path) for path in hidden if path.exists()})
    return build(argv, paths) if paths else list(argv)


def check_mask() -> None:
    """Raise SandboxFault where this machine cannot start a program without some of its files."""
    _proven()


@cache
def _proven() -> Build:
    """Return the first way that works here, by proof."""
    reasons = []
    if sys.platform == "linux":
        for build in (_bubblewrap, _own):
            reason = _reason_against(build)
            if not reason:
                return build
            reasons.append(reason)
    why = "; ".join(reasons) or f"there is no way to on {sys.platform}"
    raise SandboxFault(
        f"this machine cannot hide files from a program ({why})", "sudo apt-get install bubblewrap"
    )


def _bubblewrap(argv: Sequence[str], paths: Sequence[str]) -> list[str]:
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        raise SandboxFault("bubblewrap is not installed")
    words = [bubblewrap, "--die-with-parent"]
    if os.geteuid() == 0:
        words += ["--cap-drop", "ALL"]
    words += ["--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc"]
    for path in paths:
        if Path(path).is_dir():
            words += ["--tmpfs", path, "--remount-ro", path]
        else:
            words += ["--ro-bind", "/dev/null", path]
    return [*words, "--", *argv]


def _own(argv: Sequence[str], paths: Sequence[str]) -> list[str]:
    return [launcher_interpreter(), "-I", "-S", "-c", MASK, *paths, "--", *argv]


def _reason_against(build: Build) -> str:
    """Return why this way cannot be trusted here, in one line; "" where it hides what it should."""
    with temporary_folder("mask") as folder:
        place = os.path.realpath(folder)
        (Path(place) / "planted").write_text("seen")
        probe = [launcher_interpreter(), "-I", "-S", "-c", PROOF, place, str(os.getpid())]
        try:
            run = subprocess.run(
                build(probe, [place]),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                cwd="/",
                timeout=PROOF_SECONDS,
                stdin=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8", "PATH": os.defpath},
            )
        except (OSError, SandboxFault, subprocess.TimeoutExpired) as error:
            return str(error)
    output = run.stdout.strip()
    if output == NOTHING_SEEN:
        return ""
    complaints = run.stderr.strip().splitlines()
    return complaints[-1] if complaints else f"it still sees {output}"
