"""Tier A: bubblewrap builds the namespaces; our launcher, inside, adds identity, limits, Landlock and seccomp."""

import os.path
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox import mounts, plan, supervise
from sandbox.backend import BackEnd
from sandbox.fault import SandboxFault
from sandbox.launcher import Launcher, command
from sandbox.outcome import RunSpec

UNSHARE = ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--as-pid-1")


class Bubblewrap(BackEnd):
    """Our launcher takes the last steps inside, as its first process, and as root before it gives up its uid."""

    tier: ClassVar[str] = "A"
    system: ClassVar[str] = "linux"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxFault("bubblewrap is not installed", "sudo apt-get install bubblewrap")
        with plan.prepare(spec, walls="mounts", interpreters=(self.launcher,)) as prepared:
            walls = [program, "--die-with-parent", *UNSHARE, *_mounts(prepared)]

            def argv(descriptor: int, status: int) -> list[str]:
                return [*walls, "--json-status-fd", str(status), "--", *command(self.launcher, descriptor)]

            yield supervise.Launch(
                # Bubblewrap's own environment stays readable in /proc/1.
                start=lambda talking: Launcher.start(argv, prepared.environment, talking=talking),
                plan={**prepared.plan, "supervise": "first"},
                namespace=True,
            )


def _mounts(prepared: plan.Prepared) -> list[str]:
    """The same root as the launcher would build; each parent made first, because those that bubblewrap makes are 0700."""
    arguments: list[str] = ["--perms", "0755", "--tmpfs", "/"]
    made = {"/"}
    for path, mode, size in prepared.tmpfs:
        if path.startswith("/dev/"):
            continue
        arguments += ["--perms", f"{mode:o}", *(["--size", str(size)] if size else []), "--tmpfs", path]
        made.add(path)
    arguments += ["--dev", "/dev", "--proc", "/proc"]
    made.add("/dev")
    for path, mode, size in prepared.tmpfs:
        if path.startswith("/dev/"):
            arguments += ["--perms", f"{mode:o}", *(["--size", str(size)] if size else []), "--tmpfs", path]
    binds = [*prepared.binds, *(mounts.Bind(path, path) for path in plan.launcher_files())]
    for bind in binds:
        if bind.kind == "dev" and not bind.target.startswith("/dev/nvidia"):
            continue  # --dev has made it
        for parent in _missing(bind.target, made):
            made.add(parent)
            arguments += ["--perms", "0755", "--dir", parent]
        arguments += [{"ro": "--ro-bind", "rw": "--bind", "dev": "--dev-bind"}[bind.kind], bind.source, bind.target]
    for path, text in mounts.links():
        if not path.startswith("/dev/"):
            arguments += ["--symlink", text, path]
    return [*arguments, "--remount-ro", "/"]


def _missing(target: str, made: set[str]) -> list[str]:
    """The folders above `target` that are not made yet, outermost first."""
    missing: list[str] = []
    parent = os.path.dirname(target)  # noqa: PTH120  pathlib would take a millisecond for all
    while parent not in made:
        missing.insert(0, parent)
        parent = os.path.dirname(parent)  # noqa: PTH120
    return missing
