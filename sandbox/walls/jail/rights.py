"""Limits, identity, capabilities, Landlock and seccomp: what a process gives up."""

import _ctypes
import os
import sys

from .kernel import (
    CAPABILITY_VERSION_3,
    LANDLOCK_RULE_PATH_BENEATH,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECCOMP,
    SECCOMP_MODE_FILTER,
    SYS_CAPSET,
    SYS_LANDLOCK_ADD,
    SYS_LANDLOCK_CREATE,
    SYS_LANDLOCK_RESTRICT,
    Byte,
    check,
    libc,
    machine,
    packed,
    prctl,
    syscall,
    write,
)
from .protocol import Plan


def confine(plan: Plan, paths: bool = True) -> None:
    """Set limits, then identity, then Landlock and seccomp, after which nothing can be undone.

    paths: with Landlock. A rule on /proc/self is about the process that makes it, so a first
    process leaves Landlock to its child.
    """
    if plan["score_for_killing"]:
        write("/proc/self/oom_score_adj", "1000")
    if plan["cpus"]:
        os.sched_setaffinity(0, plan["cpus"])
    for which, value in plan["limits"]:
        set_limit(which, value)
    if plan["become"]:
        uid, gid = plan["become"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        drop_bounding_set()
        os.setresuid(uid, uid, uid)
    elif plan["supervise"] == "namespace":
        drop_bounding_set()
    if plan["harden"]:
        drop_capabilities()
        prctl(PR_SET_DUMPABLE, 0)  # until exec, nobody of this uid may look into this process
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        if paths:
            restrict_paths(plan["landlock"])
        install_filter(plan["filter"])


def set_limit(which: int, value: int) -> None:
    """Set both values of a resource limit to `value`, at most to the present hard limit."""
    present = (Byte * 16)()
    check(libc("getrlimit", which, present), "getrlimit")
    hard = int.from_bytes(present[8:], sys.byteorder)  # infinity is the greatest number there is
    value = min(value, hard)
    check(libc("setrlimit", which, packed(8, value, value)), "setrlimit")


def drop_bounding_set() -> None:
    """Drop every capability from the bounding set, up to the kernel's last one."""
    capability = 0
    while libc("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def drop_capabilities() -> None:
    """Empty the ambient, effective, permitted and inheritable sets."""
    libc("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = packed(4, CAPABILITY_VERSION_3, 0)
    syscall(SYS_CAPSET[machine], "capset", header, packed(4, *[0] * 6))


def restrict_paths(rules: Plan | None) -> None:
    """Apply a Landlock ruleset; do nothing where there is none.

    rules: the handled masks (fs, net, scope), the size of their structure, and (path, allowed mask)
    pairs; a path that is missing is skipped.
    """
    if not rules:
        return
    attributes = packed(8, rules["fs"], rules["net"], rules["scope"])
    ruleset = syscall(SYS_LANDLOCK_CREATE, "landlock", attributes, rules["size"], 0)
    for path, allowed in rules["paths"]:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        rule = packed(8, allowed) + packed(4, folder)
        what = f"landlock {path}"
        syscall(SYS_LANDLOCK_ADD, what, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0)
        os.close(folder)
    syscall(SYS_LANDLOCK_RESTRICT, "landlock", ruleset, 0)
    os.close(ruleset)


def install_filter(program: bytes) -> None:
    """Install a seccomp filter: `program` is assembled BPF, eight bytes an instruction."""
    code = (Byte * len(program)).from_buffer_copy(program)
    pointer = packed(8, len(program) // 8, _ctypes.addressof(code))
    check(libc("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0), "seccomp")
