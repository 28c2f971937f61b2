"""Run by test_unprivileged.py, as root: becomes another user, or in a container, then proves a tier and attacks it.

argv: the tier, a Python that everybody may run, `root` or `nobody`, `open` or `closed`; the answer is JSON. Closed is a
container's default: a seccomp filter on this process alone that allows no namespace and no mount.
"""

import json
import os
import platform
import sys
import threading
from pathlib import Path

from sandbox.canary.canary import prove
from sandbox.ground.outcome import MIB
from sandbox.limits import cgroup
from sandbox.proof.hostile import attack
from sandbox.tiers.choose import TIERS
from sandbox.walls import jail, seccomp
from tests.sandbox.every_tier import folders, spec_in

NOBODY = 65534
HOG = "hog = bytearray(1 << 29)\nhog[::4096] = b'x' * len(hog[::4096])\nimport time; time.sleep(60)"
UNSHARE, SETNS, MOUNT, MOVE_MOUNT, FSOPEN = (272, 97), (308, 268), (165, 40), (429, 429), (430, 430)


def allow_no_namespace() -> None:
    """What docker's default profile does, and a kernel with user namespaces switched off."""
    column = ("x86_64", "aarch64").index(platform.machine())
    code = [seccomp._instruction(seccomp.LOAD, seccomp.CALL_NUMBER)]
    for call in (UNSHARE, SETNS, MOUNT, MOVE_MOUNT, FSOPEN):
        code += seccomp._when(seccomp.JUMP_EQUAL, call[column], 1)
    code += seccomp._when(seccomp.JUMP_EQUAL, seccomp.CLONE3[column], 38)
    namespaces = seccomp._when(seccomp.JUMP_ANY_BIT, seccomp.NEW_NAMESPACES, 1)
    code += seccomp._on_argument(seccomp.CLONE[column], 0, namespaces)
    jail.prctl(jail.PR_SET_NO_NEW_PRIVS, 1)
    jail.install_filter(b"".join([*code, seccomp._instruction(seccomp.RETURN, seccomp.ALLOW)]))


def become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ["HOME"] = "/"


def main() -> None:
    tier, python, who, world = sys.argv[1:]
    if who == "nobody":
        become_nobody()
    if world == "closed":
        allow_no_namespace()
    runner = TIERS[tier](launcher=python)
    report = prove(runner, python=python, imports=())
    said = {"ok": report.ok, "reason": report.reason, "capped": cgroup.caps_memory()}
    if report.ok:
        said |= {
            "kinds": kinds(runner, python),
            "attacks": {f.number: [f.state, f.happened] for f in attack(runner, python)},
        }
    print(json.dumps(said))


def kinds(runner, python: str) -> list[str]:
    """How a simple run, a hog and a fork bomb end."""

    def ends(code: str, **limits) -> str:
        spec = spec_in(home, "", argv=(python, "-I", "-S", "-c", code), **limits)
        return runner.run(spec, threading.Event()).kind

    with folders() as home:
        found = [ends("import os, json; print(json.dumps([os.getuid(), os.fork() * 0]))")]
        found.append(str(json.loads((home / "log").read_text().splitlines()[0])[0]))
        found.append(ends(HOG, memory_bytes=128 * MIB))
        found.append(ends("import os\nwhile 1: os.fork()", processes=40))
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
