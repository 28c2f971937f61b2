"""Tier A: bubblewrap builds the namespaces; our launcher, inside, does the rest."""

import os.path
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.limits.launch import Launch
from sandbox.tiers.backend import BackEnd
from sandbox.walls import mounts, plan
from sandbox.walls.launcher import Launcher, command, files

UNSHARE = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--as-pid-1")
BIND = {"ro": "--ro-bind", "rw": "--bind", "dev": "--dev-bind"}


class Bubblewrap(BackEnd):
    """Our launcher takes the last steps inside, as its first process.

    It adds identity, limits, Landlock and seccomp, as root before it gives up its uid.
    bubblewrap's own `--die-with-parent` is not used: the first process ends with the plan's pipe,
    and a bubblewrap that is killed while it builds leaves a child that waits for it for ever.
    """

    tier: ClassVar[str] = "A"
    system: ClassVar[str] = "linux"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[Launch]:
        """Yield the launch of `spec` under bubblewrap; SandboxFault where it is not installed."""
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxFault("bubblewrap is not installed", "sudo apt-get install bubblewrap")
        with plan.prepare(spec, walls="mounts", interpreters=(self.launcher,)) as prepared:
            walls = [program]
            if not spec.network:
                walls.append("--unshare-net")
            walls += [*UNSHARE, *_mounts(prepared), "--json-status-fd"]

            def argv(descriptor: int, status: int) -> list[str]:
                return [*walls, str(status), "--", *command(self.launcher, descriptor)]

            yield Launch(
                # Bubblewrap's own environment stays readable in /proc/1.
                start=lambda talking: Launcher.start(argv, prepared.environment, talking=talking),
                plan={**prepared.plan, "supervise": "first"},
                namespace=True,
            )


def _mounts(prepared: plan.Prepared) -> list[str]:
    """Return the options that make the same root as the launcher would build.

    Each parent is made first, because those that bubblewrap makes are 0700. bubblewrap's own
    --dev is not used: it brings terminals, which no run needs, and takes a millisecond.
    """
    arguments: list[str] = ["--perms", "0755", "--tmpfs", "/", "--proc", "/proc"]
    made = {"/", *(path for path, *_ in prepared.tmpfs)}
    for path, mode, size in prepared.tmpfs:
        arguments += [*_parents(path, made), "--perms", f"{mode:o}"]
        if size:
            arguments += ["--size", str(size)]
        arguments += ["--tmpfs", path]
    own = [mounts.Bind(path, path) for path in files()]
    for bind in (*prepared.binds, *own):
        arguments += [*_parents(bind.target, made), *_mount(bind)]
    for path, text in mounts.links():
        arguments += [*_parents(path, made), "--symlink", text, path]
    masks = [bind.target for bind in prepared.binds if _hides_folder(bind)]
    for target in (*masks, "/"):
        arguments += ["--remount-ro", target]
    return arguments


def _mount(bind: mounts.Bind) -> list[str]:
    """Return the options for one bind.

    A hidden file is covered with a device that cannot be opened there.
    """
    if _hides_folder(bind):
        return ["--perms", "0755", "--tmpfs", bind.target]
    if bind.kind == "hidden":
        return ["--ro-bind", "/dev/null", bind.target]
    return [BIND[bind.kind], bind.source, bind.target]


def _hides_folder(bind: mounts.Bind) -> bool:
    return bind.kind == "hidden" and os.path.isdir(bind.source)  # noqa: PTH112


def _parents(target: str, made: set[str]) -> list[str]:
    """Return the options that make the folders above `target`, outermost first.

    Those that are `made` already are left out; the others are added there.
    """
    options: list[str] = []
    parent = os.path.dirname(target)  # noqa: PTH120  pathlib would take a millisecond for all
    while parent not in made:
        made.add(parent)
        options = ["--perms", "0755", "--dir", parent, *options]
        parent = os.path.dirname(parent)  # noqa: PTH120
    return options
