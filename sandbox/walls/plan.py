"""Turns a RunSpec into the launcher's plan, and gives the run a folder and an identity."""

import os
import platform
import resource
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import remove_tree, temporary_folder
from sandbox.ground.outcome import MIB, RunSpec
from sandbox.walls import hidden, landlock, mounts, reach, seccomp
from sandbox.walls.account import account
from sandbox.walls.environment import trial_environment

FIRST_FREE_UID = 0x70000000  # above every range that Linux distributions and containers hand out
FREE_UIDS = 1 << 24
# systemd's for services without a user, and the last that most containers map
FIRST_DYNAMIC_UID = 61184
DYNAMIC_UIDS = 4096
NOBODY = 65534
PRIVATE_TMP_BYTES = 256 * MIB  # /tmp is memory; TMPDIR, on disk, is for more
DESCRIPTORS = 4096
TEMPORARY = "/run/trial"
"""Where a root of its own shows a run's private folder once more.

The path of a socket has 107 characters at most, and what Python's multiprocessing puts behind
$TMPDIR takes 35 of them: workers of a DataLoader would wait for ever.
"""
LONGEST_TEMPORARY = 60
"""Characters of a path that leave room for such a socket."""

Walls = Literal["none", "mounts", "paths"]
"""What stands around a run.

Nothing; a root of its own, with Landlock and seccomp behind it; or Landlock and seccomp alone.
"""


@dataclass(frozen=True)
class Prepared:
    """One run, ready for a back end."""

    private: str
    """Its private folder."""
    environment: dict[str, str]
    identity: tuple[int, int] | None
    """Its own uid and gid, or None where it has the user's."""
    binds: tuple[mounts.Bind, ...]
    tmpfs: tuple[tuple[str, int, int | None], ...]
    """(path, mode, bytes or None for the kernel's own default)"""
    plan: dict[str, Any]
    """The launcher's plan."""


@contextmanager
def prepare(
    spec: RunSpec, *, walls: Walls, interpreters: tuple[str, ...] = ()
) -> Iterator[Prepared]:
    """Make the run's private folder inside scratch, yield the plan, and remove the folder.

    As root an isolated run gets a uid of its own, which scratch is given to; folder is made
    readable for it. Raise SandboxFault where a path of the spec does not exist or cannot be read
    by that uid.
    """
    private = _private_folder(spec)
    etc = Path(f"{private}.etc")  # not in it, because that is the run's home
    stack = ExitStack()
    try:
        temporary = TEMPORARY if walls == "mounts" else _shortened(private, stack)
        identity = trial_identity() if walls != "none" and os.geteuid() == 0 else None
        if identity:
            _hand_over(spec, identity[0])
        environment = trial_environment(spec, private, temporary)
        try:
            own: tuple[mounts.Bind, ...] = ()
            if walls == "mounts":
                folder = mounts.Bind(private, TEMPORARY, "rw")
                own = (folder, *account(etc, environment["HOME"], identity))
            binds = _binds(spec, interpreters, own) if walls != "none" else ()
        except FileNotFoundError as error:
            raise SandboxFault(
                f"cannot mount {error.filename}: there is no such file or folder"
            ) from error
        if walls == "paths":
            reach.check_paths(binds, identity)
            reach.check_shared(binds, identity)
            reach.check_sockets(identity)
        memory = spec.limits.memory_bytes
        tmpfs = (
            ("/tmp", 0o1777, min(PRIVATE_TMP_BYTES, memory or PRIVATE_TMP_BYTES)),
            ("/dev/shm", 0o1777, memory),
        )
        plan = _plan(spec, environment, binds, tmpfs, identity, walls)
        yield Prepared(private, environment, identity, binds, tmpfs, plan)
    finally:
        remove_tree(Path(private))
        remove_tree(etc)
        stack.close()


def _binds(
    spec: RunSpec, interpreters: tuple[str, ...], own: tuple[mounts.Bind, ...]
) -> tuple[mounts.Bind, ...]:
    """Return what is shown and hidden; of `own` what the machine's files do not stand for."""
    shown = mounts.binds(spec, interpreters)
    taken = {bind.target for bind in shown}
    shown += tuple(bind for bind in own if bind.target not in taken)
    return mounts.layers(shown, hidden.masks(shown, hidden.locations(spec)))


def trial_identity() -> tuple[int, int]:
    """Return a uid and gid that no user and no other run on this machine has.

    It is nobody's where a container maps too few.
    """
    own = _random_uid(FIRST_FREE_UID, FREE_UIDS)
    if _mapped(own):
        return own, own
    own = _random_uid(FIRST_DYNAMIC_UID, DYNAMIC_UIDS)
    if _mapped(own) and own not in reach.uids_at_work():
        return own, own
    return NOBODY, NOBODY


def _random_uid(first: int, count: int) -> int:
    return first + int.from_bytes(os.urandom(4), "little") % count


def _mapped(uid: int) -> bool:
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= uid < first + count:
            return True
    return False


def _private_folder(spec: RunSpec) -> str:
    try:
        private = Path(tempfile.mkdtemp(prefix=".private-", dir=spec.scratch))
    except OSError as error:
        raise SandboxFault(
            f"cannot write the scratch folder {spec.scratch}: {error.strerror}"
        ) from error
    return str(private)


def _shortened(private: str, stack: ExitStack) -> str:
    """Return a short path of a run's private folder: a link, where its own is long.

    stack: removes the link. That of a process that was killed is removed by the next one.
    """
    if len(private) <= LONGEST_TEMPORARY:
        return private
    try:
        folder = stack.enter_context(temporary_folder("short", passed=True))
        link = folder / "t"
        link.symlink_to(private)
    except (OSError, SandboxFault):
        return private
    return str(link) if len(str(link)) <= LONGEST_TEMPORARY else private


def _hand_over(spec: RunSpec, uid: int) -> None:
    """Give scratch to the run's uid, and make folder readable for it.

    Nothing of an earlier run is alive to swap a link in, and links are not followed.
    """
    for parent, folders, files in os.walk(spec.scratch):
        os.chown(parent, uid, uid, follow_symlinks=False)
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), uid, uid, follow_symlinks=False)  # noqa: PTH118
    folder = Path(spec.folder)
    if not spec.folder_is_writable and folder.stat().st_mode & 0o005 != 0o005:
        folder.chmod(folder.stat().st_mode | 0o055)
    for path in spec.read_only:
        if not Path(path).exists():
            continue  # has its own message when it is mounted
        need = 0o005 if Path(path).is_dir() else 0o004
        if Path(path).stat().st_mode & need != need:
            raise SandboxFault(
                f"{path} is not readable for the unprivileged run", f"chmod -R o+rX {quote(path)}"
            )


def _plan(
    spec: RunSpec,
    environment: dict[str, str],
    binds: tuple[mounts.Bind, ...],
    tmpfs: tuple[tuple[str, int, int | None], ...],
    identity: tuple[int, int] | None,
    walls: Walls,
) -> dict[str, Any]:
    """Return the launcher's plan.

    Back ends change `supervise` and `new_user`; the start adds `status` and `join`.
    """
    isolate = walls != "none"
    same_user = walls == "paths" and identity is None
    others = reach.tasks_of(os.geteuid()) if same_user else 0
    filter_code = b""
    if isolate:
        filter_code = seccomp.assemble(platform.machine(), same_user, _sockets(spec, walls))
    return {
        "supervise": "",  # or "namespace"; "first", of a namespace that is there; or "subreaper"
        "new_user": False,
        "network": spec.network,
        "score_for_killing": Path("/proc/self/oom_score_adj").exists(),
        "harden": isolate,
        "become": identity,
        "cpus": list(spec.cpus) if hasattr(os, "sched_setaffinity") else [],
        "limits": _resource_limits(spec, isolate=isolate, others=others),
        "landlock": _landlock(spec, binds, walls),
        "filter": filter_code,
        "binds": [(bind.source, bind.target, bind.kind) for bind in binds],
        "tmpfs": list(tmpfs),
        "links": list(mounts.links()) if isolate else [],
        "argv": list(spec.argv),
        "environment": environment,
        "folder": spec.folder,
    }


def _sockets(spec: RunSpec, walls: Walls) -> seccomp.Sockets:
    """Return which sockets a run may make.

    In a root of its own it has a network of its own, too, with nothing but a loopback interface.
    """
    if spec.alone:
        return "none"
    if spec.network:
        return "network"
    return "loopback" if walls == "mounts" else "unix"


def _landlock(spec: RunSpec, binds: tuple[mounts.Bind, ...], walls: Walls) -> dict[str, Any] | None:
    """Return the Landlock rules: the second wall behind the mounts, or (paths) the only one.

    None without Landlock.
    """
    if walls == "none":
        return None
    proc = ["/proc/self"] if spec.gpus else []  # CUDA names its threads there
    devices = [bind.target for bind in binds if bind.kind == "dev"]
    if walls == "mounts":
        writable = [spec.scratch, TEMPORARY, "/tmp", "/dev/shm", *proc]
        return landlock.rules(
            landlock.abi(), readable=["/"], writable=writable, devices=devices, network=True
        )
    places = hidden.locations(spec)
    readable: list[str] = []
    listed: list[str] = []
    for bind in binds:
        if bind.kind == "ro":
            for path, whole in hidden.visible(bind.source, places):
                if whole:
                    readable.append(path)
                else:
                    listed.append(path)
    readable.append("/proc")
    writable = [spec.scratch, *proc]
    return landlock.rules(
        landlock.abi(),
        readable=readable,
        writable=writable,
        devices=devices,
        unlisted=[] if spec.alone else ["/dev/shm"],
        listed=listed,
        network=spec.network,
    )


def _resource_limits(spec: RunSpec, *, isolate: bool, others: int) -> list[tuple[int, int]]:
    """Return the resource limits as (which, value).

    There is no core, no file beyond the quota, and a bounded number of descriptors and, where it
    isolates, of processes. RLIMIT_CORE 1, unlike 0, also keeps the kernel from handing a core to
    a program. RLIMIT_AS is left alone: CUDA reserves huge virtual ranges. RLIMIT_NPROC counts all
    threads of a uid: `others` is how many of them are not the run's.
    """
    limits = [
        (resource.RLIMIT_CORE, 1),
        (resource.RLIMIT_FSIZE, spec.limits.disk_bytes),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ]
    if isolate:
        limits.append((resource.RLIMIT_NPROC, spec.limits.processes + others))
    return limits
