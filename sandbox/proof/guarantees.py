"""The promises of each tier on this machine, and the commands that improve them."""

import os
import shutil
from pathlib import Path
from typing import Literal

from sandbox.ground.record import Record
from sandbox.limits import cgroup
from sandbox.score import traces
from sandbox.walls import landlock

LACKS = {
    "C": ("connect to a socket file", "see the harness's process"),
}
"""Checks of the canary that a tier cannot hold, and is trusted without."""
IN_A_CONTAINER = (
    "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    " --security-opt systempaths=unconfined …"
)
IN_A_CONTAINER_WITH_A_LOOK = "docker run --cap-add SYS_PTRACE …"
CAP_SYS_PTRACE = 19
GPU_MEMORY = (
    "polled through NVML (NVIDIA's, MIG slices too; not AMD's or Intel's);"
    " from documentation, not run on a GPU yet"
)
NONE = (
    "none was asked for: network, keys and files are open to the code;"
    " cores that are not its own are looked for each second"
)


class Guarantee(Record):
    """One promise."""

    what: str
    held: Literal["yes", "partly", "no"]
    """Partly: in the way that `how` describes."""
    how: str
    fix: str = ""
    """The command that improves it."""


class Attacked(Record):
    """The result of one row of the hostile suite on one tier."""

    number: int
    does: str
    must: str
    tier: str
    state: Literal["held", "broken", "stated", "absent"]
    """Stated: the tier is known not to hold it, and did not. Absent: nothing here to attack."""
    happened: str = ""
    """What went wrong, or why it was not tried."""


def guarantees(tier: str) -> tuple[Guarantee, ...]:
    """Return the promises of `tier` for this user on this machine."""
    if tier not in "ABCM":
        return (Guarantee(what="isolation", held="no", how=NONE),)
    return (
        Guarantee(what="network", held="yes", how=_network(tier)),
        Guarantee(
            what="keys and environment",
            held="yes",
            how="the environment is built anew; no other process's can be read",
        ),
        _files(tier),
        _sockets(tier),
        _processes(tier),
        _survivors(tier),
        _memory(tier),
        _process_count(tier),
        Guarantee(what="wall clock", held="yes", how="the harness's clock, looked at every 0.05 s"),
        _disk(tier),
        _cores(tier),
        Guarantee(what="GPU memory", held="partly", how=GPU_MEMORY),
        _scorers(),
        Guarantee(
            what="kernel and drivers", held="no", how="a bug of theirs is a way out of every tier"
        ),
    )


def missing(tier: str) -> tuple[str, ...]:
    """Return the promises that `tier` does not keep in full, a sentence each."""
    partial = [promise for promise in guarantees(tier) if promise.held != "yes"]
    return tuple(f"{promise.what}: {promise.how}" for promise in partial)


def _network(tier: str) -> str:
    how = "denied, loopback too; only AF_UNIX sockets are made"
    if tier in "AB":
        how = "a namespace of its own with nothing but its loopback; nothing outside answers"
    how += "; what you let use the network also reaches this machine's services"
    if tier in "AB" and landlock.abi() < landlock.SCOPES_ABI:
        return f"{how}, abstract sockets among them"
    return how


def _files(tier: str) -> Guarantee:
    if tier in "AB":
        how = "a root folder of its own, with what the run needs, read-only"
        return Guarantee(what="your files", held="yes", how=how)
    how = (
        "contents only of what the run needs;"
        " that other files exist, their sizes and times can be seen"
    )
    if tier == "C" and os.geteuid() != 0:
        how += "; yours in /dev/shm can be read and changed by name"
    return Guarantee(what="your files", held="partly", how=how, fix=better())


def _sockets(tier: str) -> Guarantee:
    if tier in "AB":
        how = "docker.sock, ssh-agent and the like are not there"
        return Guarantee(what="socket files", held="yes", how=how)
    if tier == "M":
        return Guarantee(what="socket files", held="yes", how="denied by the profile")
    if os.geteuid() == 0:
        how = "those that every user may connect to can be reached; others not"
    else:
        how = (
            "yours can be reached;"
            " where one is known to start programs or use keys, the tier refuses to run"
        )
    return Guarantee(what="socket files", held="partly", how=how, fix=better())


def _processes(tier: str) -> Guarantee:
    if tier in "AB":
        return Guarantee(what="other processes", held="yes", how="not visible")
    how = "can be listed with their command lines; neither signalled, traced nor read"
    return Guarantee(what="other processes", held="partly", how=how, fix=better())


def _survivors(tier: str) -> Guarantee:
    if tier == "M":
        how = "best effort: the process group and its known descendants"
        return Guarantee(what="no survivors", held="partly", how=how)
    if tier in "AB":
        how = "the kernel ends the whole process namespace"
    elif os.geteuid() == 0:
        how = "killed by a uid of its own"
    else:
        how = "every orphan comes to the launcher, which kills its tree"
    return Guarantee(what="no survivors", held="yes", how=how)


def _memory(tier: str) -> Guarantee:
    if tier != "M" and cgroup.caps_memory():
        return Guarantee(what="memory", held="yes", how="capped by a control group")
    how = (
        "polled: a fast allocation overshoots its limit for a moment;"
        " what sockets buffer is not seen"
    )
    return Guarantee(what="memory", held="partly", how=how, fix=delegation())


def _process_count(tier: str) -> Guarantee:
    what = "number of processes"
    shared = (tier == "C" and os.geteuid() != 0) or tier == "M"
    if shared and not any("pids" in spot.controllers for spot in cgroup.spots()):
        how = "counted together with your own"
        return Guarantee(what=what, held="partly", how=how, fix=delegation())
    return Guarantee(what=what, held="yes", how="capped by the kernel")


def _disk(tier: str) -> Guarantee:
    how = "polled: a fast writer overshoots its quota for a moment"
    if tier == "M":
        how += "; a file without a name that is still open is not seen"
    elif os.geteuid() != 0:
        how += (
            "; a file that is unlinked, closed and mapped in part counts with that part,"
            " until the disk is nearly full"
        )
    return Guarantee(what="disk and output", held="yes", how=how)


def _cores(tier: str) -> Guarantee:
    if tier == "M":
        return Guarantee(what="cores", held="no", how="macOS binds no process to cores")
    how = "those that a run was given; to ask for others does nothing"
    return Guarantee(what="cores", held="yes", how=how)


def _scorers() -> Guarantee:
    what = "validation data"
    if not traces.can_shut():
        how = (
            "hidden from trainings; but code that is scored beside it can leave word of it in"
            " the kernel's memory of names for a later one: no seccomp notification here"
        )
        return Guarantee(what=what, held="partly", how=how)
    if os.geteuid() == 0 and not _may_look():
        how = (
            "code that is scored beside it can name no file; but which pages it reads of those"
            " that it has open may tell a later training: no CAP_SYS_PTRACE here"
        )
        return Guarantee(what=what, held="partly", how=how, fix=IN_A_CONTAINER_WITH_A_LOOK)
    how = "hidden from trainings; a sealed scoring leaves no word of it for later ones"
    return Guarantee(what=what, held="yes", how=how)


def _may_look() -> bool:
    """Return whether this process may look at those of other users."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_PTRACE & 1)
    return False


def better() -> str:
    """Return the command that most likely enables a better tier here; "" for none."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return IN_A_CONTAINER
    return "" if shutil.which("bwrap") else "sudo apt-get install bubblewrap"


def delegation() -> str:
    """Return the command that starts us in a delegated control group; "" for none."""
    if not Path("/run/systemd/system").is_dir():
        return ""
    user = "" if os.geteuid() == 0 else " --user"
    return f"systemd-run{user} --scope -p Delegate=yes autoresearch start …"
