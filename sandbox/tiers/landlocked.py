"""Tier C: Landlock and seccomp alone, for containers and kernels that allow no namespace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import RunSpec
from sandbox.limits.launch import Launch
from sandbox.tiers.backend import BackEnd
from sandbox.walls import landlock, plan
from sandbox.walls.segments import Segments


class Landlocked(BackEnd):
    """Our launcher puts up the walls, and is the parent that every orphan of the run comes to.

    As root the run has a uid of its own: it is killed by that uid in one call, and counted by it.
    As a user it shares the user's uid, and its processes are killed as descendants of the
    launcher.
    """

    tier: ClassVar[str] = "C"
    system: ClassVar[str] = "linux"

    @contextmanager
    def launch(self, spec: RunSpec) -> Iterator[Launch]:
        """Yield the launch of `spec`; SandboxFault where kernel or container lacks something."""
        if landlock.abi() < landlock.SCOPES_ABI:
            raise SandboxFault(
                f"this kernel has version {landlock.abi()} of Landlock,"
                f" and {landlock.SCOPES_ABI} is needed (Linux 6.12)"
            )
        with plan.prepare(spec, walls="paths") as prepared:
            if prepared.identity == (plan.NOBODY, plan.NOBODY):
                raise SandboxFault("this container maps no user that a run could have for itself")
            with Segments(prepared.identity) as segments:
                yield Launch(
                    start=self.ahead,
                    plan={**prepared.plan, "supervise": "subreaper"},
                    namespace=False,
                    segments=segments,
                )
