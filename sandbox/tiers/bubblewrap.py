"""Tier A: bubblewrap builds the namespaces; our launcher, inside, adds identity, limits, Landlock and seccomp."""

import os.path
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.limits import supervise
from sandbox.tiers.backend import BackEnd
from sandbox.walls import mounts, plan
from sandbox.walls.launcher import Launcher, command, files

UNSHARE = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--as-pid-1")


class Bubblewrap(BackEnd):
    """Our launcher takes the last steps inside, as its first process, and as root before it gives up its uid.

    bubblewrap's own `--die-with-parent` is not used: the first process ends with the plan's pipe, and a bubblewrap that is killed
    while it builds leaves a child that waits for it for ever.
    """

    tier: ClassVar[str] = "A"
    system: ClassVar[str] = "linux"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[supervise.Launch]:
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxFault("bubblewrap is not installed", "sudo apt-get install bubblewrap")
        with plan.prepare(spec, walls="mounts", interpreters=(self.launcher,)) as prepared:
            alone = () if spec.network else ("--unshare-net",)
            walls = [program, *alone, *UNSHARE, *_mounts(prepared)]

            def argv(descriptor: int, status: int) -> list[str]:
                return [
                    *walls,
                    "--json-status-fd",
                    str(status),
                    "--",
                    *command(self.launcher, descriptor),
                ]

            yield supervise.Launch(
                # Bubblewrap's own environment stays readable in /proc/1.
                start=lambda talking: Launcher.start(argv, prepared.environment, talking=talking),
                plan={**prepared.plan, "supervise": "first"},
                namespace=True,
            )


def _mounts(prepared: plan.Prepared) -> list[str]:
    """The same root as the launcher would build; each parent made first, because those that bubblewrap makes are 0700.

    Not bubblewrap's own --dev: it brings terminals, which no run needs, and takes a millisecond.
    """
    arguments: list[str] = ["--perms", "0755", "--tmpfs", "/", "--proc", "/proc"]
    made = {"/", *(path for path, *_ in prepared.tmpfs)}
    for path, mode, size in prepared.tmpfs:
        arguments += [
            *_parents(path, made),
            "--perms",
            f"{mode:o}",
            *(["--size", str(size)] if size else []),
            "--tmpfs",
            path,
        ]
    for bind in (*prepared.binds, *(mounts.Bind(path, path) for path in files())):
        arguments += [*_parents(bind.target, made), *_mount(bind)]
    for path, text in mounts.links():
        arguments += [*_parents(path, made), "--symlink", text, path]
    masks = [
        bind.target
        for bind in prepared.binds
        if bind.kind == "hidden" and os.path.isdir(bind.source)  # noqa: PTH112
    ]
    for target in (*masks, "/"):
        arguments += ["--remount-ro", target]
    return arguments


def _mount(bind: mounts.Bind) -> list[str]:
    """Return the words for one bind; a hidden file is covered with a device that cannot be opened there."""
    if bind.kind == "hidden" and os.path.isdir(bind.source):  # noqa: PTH112
        return ["--perms", "0755", "--tmpfs", bind.target]
    if bind.kind == "hidden":
        return ["--ro-bind", "/dev/null", bind.target]
    return [
        {"ro": "--ro-bind", "rw": "--bind", "dev": "--dev-bind"}[bind.kind],
        bind.source,
        bind.target,
    ]


def _parents(target: str, made: set[str]) -> list[str]:
    """What makes the folders above `target` that are not made yet, outermost first."""
    missing: list[str] = []
    parent = os.path.dirname(target)  # noqa: PTH120  pathlib would take a millisecond for all
    while parent not in made:
        made.add(parent)
        missing.insert(0, parent)
        parent = os.path.dirname(parent)  # noqa: PTH120
    return [word for folder in missing for word in ("--perms", "0755", "--dir", folder)]
