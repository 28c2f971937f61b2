"""Starts a program of the user's own where some files and folders are empty, so that it cannot read them.

Not a sandbox: the program keeps the user's files, network and login. It is for models that are asked through a command line of
their own, which may have tools to read files, while validation data lies in the user's cache. It cannot look at the processes
outside either, through which it would see their files.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.walls.mounts import launcher_interpreter

FOLDER = str(Path(__file__).parent)
IMPORT = f"import sys; sys.path[:-1] = [{FOLDER!r}]; import masking; masking.main()"
PROOF_SECONDS = 20.0
# Looks for what is planted at argv[1], from the inside and through the harness's own process argv[2]; prints what it sees.
PROOF = """
import os, sys
through = f"/proc/{sys.argv[2]}/root{sys.argv[1]}/planted"
lines = open("/proc/self/status").read().splitlines()
rights = [line.split()[1].strip("0") for line in lines if line.startswith("CapEff")]
print(os.listdir(sys.argv[1]), os.path.exists(through), rights)
"""
NOTHING_SEEN = "[] False ['']"


def masked(argv: Sequence[str], hidden: Sequence[Path]) -> list[str]:
    """The command line that starts `argv` where those of `hidden` that exist are empty. SandboxFault where none can."""
    build = _proven()
    paths = sorted({os.path.realpath(path) for path in hidden if path.exists()})
    return build(argv, paths) if paths else list(argv)


def check_mask() -> None:
    """SandboxFault where this machine cannot start a program without some of its files."""
    _proven()


Build = Callable[[Sequence[str], Sequence[str]], list[str]]


@cache
def _proven() -> Build:
    """The first way that works here, by proof."""
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
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxFault("bubblewrap is not installed")
    rights = ["--cap-drop", "ALL"] if os.geteuid() == 0 else []
    walls = [
        program,
        "--die-with-parent",
        *rights,
        "--dev-bind",
        "/",
        "/",
        "--unshare-pid",
        "--proc",
        "/proc",
    ]
    for path in paths:
        walls += (
            ["--tmpfs", path, "--remount-ro", path]
            if Path(path).is_dir()
            else ["--ro-bind", "/dev/null", path]
        )
    return [*walls, "--", *argv]


def _own(argv: Sequence[str], paths: Sequence[str]) -> list[str]:
    return [launcher_interpreter(), "-I", "-S", "-c", IMPORT, *paths, "--", *argv]


def _reason_against(build: Build) -> str:
    """Why this way is not to be trusted here, in one line; nothing where it hides what it should."""
    with tempfile.TemporaryDirectory(prefix="autoresearch-mask-") as folder:
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
    seen = run.stdout.strip()
    words = run.stderr.strip().splitlines()
    return "" if seen == NOTHING_SEEN else (words[-1] if words else f"it still sees {seen}")
