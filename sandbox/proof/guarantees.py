"""What each tier promises on this machine, in words for a human, and the command that would mend what it does not."""

import os
import shutil
from pathlib import Path
from typing import Literal

from sandbox.ground.record import Record
from sandbox.limits import cgroup
from sandbox.walls import landlock

LACKS = {
    "C": ("connect to a socket file", "see the harness's process"),
}
"""Checks of the canary that a tier cannot hold, and is trusted without."""
IN_A_CONTAINER = "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined …"
GPU_MEMORY = "polled through NVML (NVIDIA's, MIG slices too; not AMD's or Intel's); from documentation, not run on a GPU yet"


NONE = "none was asked for: network, keys and files are open to the code; cores that are not its own are looked for each second"


class Guarantee(Record):
    """One promise. held: yes; partly, in the way that `how` says; or no."""

    what: str
    held: Literal["yes", "partly", "no"]
    how: str
    fix: str = ""


class Attacked(Record):
    """One row on one tier. state: held; broken; stated, where the tier is known not to hold it and did not; absent, where this
    machine has nothing to attack. happened: what went wrong, or why it was not tried."""

    number: int
    does: str
    must: str
    tier: str
    state: Literal["held", "broken", "stated", "absent"]
    happened: str = ""


def guarantees(tier: str) -> tuple[Guarantee, ...]:
    """The promises of `tier` for this user on this machine; of tier "none" there are few."""
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
        Guarantee(
            what="kernel and drivers", held="no", how="a bug of theirs is a way out of every tier"
        ),
    )


def _disk(tier: str) -> Guarantee:
    how = "polled: a fast writer overshoots its quota for a moment"
    if tier == "M":
        how = f"{how}; a file without a name that is still open is not seen"
    elif os.geteuid() != 0:
        how = f"{how}; a file that is unlinked, closed and mapped in part counts with that part, until the disk is nearly full"
    return Guarantee(what="disk and output", held="yes", how=how)


def _cores(tier: str) -> Guarantee:
    if tier == "M":
        return Guarantee(what="cores", held="no", how="macOS binds no process to cores")
    return Guarantee(
        what="cores", held="yes", how="those that a run was given; to ask for others does nothing"
    )


def missing(tier: str) -> tuple[str, ...]:
    """What `tier` does not hold in full, a sentence each."""
    return tuple(f"{g.what}: {g.how}" for g in guarantees(tier) if g.held != "yes")


def _network(tier: str) -> str:
    how = "denied, loopback too; only AF_UNIX sockets are made; what you let use the network also reaches this machine's services"
    if tier in "AB" and landlock.abi() < landlock.SCOPES_ABI:
        return f"{how}, abstract sockets among them"
    return how


def _files(tier: str) -> Guarantee:
    if tier in "AB":
        return Guarantee(
            what="your files",
            held="yes",
            how="a root folder of its own, with what the run needs, read-only",
        )
    how = "contents only of what the run needs; that other files exist, their sizes and times can be seen"
    return Guarantee(what="your files", held="partly", how=how, fix=better())


def _sockets(tier: str) -> Guarantee:
    if tier in "AB":
        return Guarantee(
            what="socket files", held="yes", how="docker.sock, ssh-agent and the like are not there"
        )
    if tier == "M":
        return Guarantee(what="socket files", held="yes", how="denied by the profile")
    how = (
        "those that every user may connect to can be reached; others not"
        if os.geteuid() == 0
        else "yours can be reached; where one is known to start programs or use keys, the tier refuses to run"
    )
    return Guarantee(what="socket files", held="partly", how=how, fix=better())


def _processes(tier: str) -> Guarantee:
    if tier in "AB":
        return Guarantee(what="other processes", held="yes", how="not visible")
    how = "can be listed with their command lines; neither signalled, traced nor read"
    return Guarantee(what="other processes", held="partly", how=how, fix=better())


def _survivors(tier: str) -> Guarantee:
    how = {
        "A": "the kernel ends the whole process namespace",
        "B": "the kernel ends the whole process namespace",
        "C": "killed by a uid of its own"
        if os.geteuid() == 0
        else "every orphan comes to the launcher, which kills its tree",
        "M": "best effort: the process group and its known descendants",
    }[tier]
    return Guarantee(what="no survivors", held="partly" if tier == "M" else "yes", how=how)


def _memory(tier: str) -> Guarantee:
    if tier != "M" and cgroup.caps_memory():
        return Guarantee(what="memory", held="yes", how="capped by a control group")
    how = "polled: a fast allocation overshoots its limit for a moment; what sockets buffer is not seen"
    return Guarantee(what="memory", held="partly", how=how, fix=delegation())


def _process_count(tier: str) -> Guarantee:
    shared = (tier == "C" and os.geteuid() != 0) or tier == "M"
    if shared and not any("pids" in spot.controllers for spot in cgroup.spots()):
        return Guarantee(
            what="number of processes",
            held="partly",
            how="counted together with your own",
            fix=delegation(),
        )
    return Guarantee(what="number of processes", held="yes", how="capped by the kernel")


def better() -> str:
    """What most likely makes a better tier run here."""
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return IN_A_CONTAINER
    return "" if shutil.which("bwrap") else "sudo apt-get install bubblewrap"


def delegation() -> str:
    """How to start in a control group that may be divided."""
    if not Path("/run/systemd/system").is_dir():
        return ""
    user = "" if os.geteuid() == 0 else " --user"
    return f"systemd-run{user} --scope -p Delegate=yes autoresearch start …"
