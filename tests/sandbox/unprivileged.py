"""Becomes another user, or as in a container, then proves a tier and attacks it.

Run by test_unprivileged.py, as root. argv: the tier, a Python that everybody may run, `root` or
`nobody`, `open` or `closed`; the answer is JSON. Closed is a container's default: a seccomp
filter on this process alone that allows no namespace and no mount.
"""

import json
import os
import platform
import sys
import threading
from pathlib import Path

from sandbox.canary.canary import prove
from sandbox.ground import bpf, calls
from sandbox.ground.outcome import MIB
from sandbox.limits import cgroup
from sandbox.proof.hostile import attack
from sandbox.tiers.choose import TIERS
from sandbox.walls import seccomp
from sandbox.walls.jail import kernel, rights
from tests.sandbox.every_tier import folders, spec_in

NOBODY = 65534
HOG = "hog = bytearray(1 << 29)\nhog[::4096] = b'x' * len(hog[::4096])\nimport time; time.sleep(60)"
UNSHARE = (272, 97)
SETNS = (308, 268)
MOUNT = (165, 40)
MOVE_MOUNT = (429, 429)
FSOPEN = (430, 430)


def allow_no_namespace() -> None:
    """Install a filter like docker's default, or a kernel without user namespaces."""
    column = calls.column_of(platform.machine())
    code = [bpf.instruction(bpf.LOAD, bpf.CALL_NUMBER)]
    for call in (UNSHARE, SETNS, MOUNT, MOVE_MOUNT, FSOPEN):
        code += seccomp._when(bpf.JUMP_EQUAL, call[column], 1)
    code += seccomp._when(bpf.JUMP_EQUAL, seccomp.CLONE3[column], 38)
    namespaces = seccomp._when(bpf.JUMP_ANY_BIT, seccomp.NEW_NAMESPACES, 1)
    code += seccomp._on_argument(seccomp.CLONE[column], 0, namespaces)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    rights.install_filter(b"".join([*code, bpf.instruction(bpf.RETURN, bpf.ALLOW)]))


def become_nobody() -> None:
    """Give up root for a user without rights."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ["HOME"] = "/"


def main() -> None:
    """Prove and attack the tier; print what came of it."""
    tier, python, who, world = sys.argv[1:]
    if who == "nobody":
        become_nobody()
    if world == "closed":
        allow_no_namespace()
    runner = TIERS[tier](launcher=python)
    report = prove(runner, python=python, imports=())
    answer = {"ok": report.ok, "reason": report.reason, "capped": cgroup.caps_memory()}
    if report.ok:
        answer["kinds"] = kinds(runner, python)
        answer["attacks"] = {
            finding.number: [finding.state, finding.happened] for finding in attack(runner, python)
        }
    print(json.dumps(answer))


def kinds(runner, python: str) -> list[str]:
    """Return how a simple run, a hog and a fork bomb end, and after the first one its uid."""

    def ends(code: str, **limits) -> str:
        spec = spec_in(home, "", argv=(python, "-I", "-S", "-c", code), **limits)
        return runner.run(spec, threading.Event()).kind

    with folders() as home:
        simple = ends("import os, json; print(json.dumps([os.getuid(), os.fork() * 0]))")
        uid = str(json.loads((home / "log").read_text().splitlines()[0])[0])
        hog = ends(HOG, memory_bytes=128 * MIB)
        bomb = ends("import os\nwhile 1: os.fork()", processes=40)
    return [simple, uid, hog, bomb]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
