"""The small parts of limits and tiers: ps, segments, GPUs, groups, a shared uid, Seatbelt."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox.ground import bpf
from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import GIB, MIB, Limits
from sandbox.limits import cgroup, memory, meter, ps, vram
from sandbox.tiers import seatbelt
from sandbox.walls import reach, seccomp
from sandbox.walls.mounts import Bind
from sandbox.walls.segments import SHM, Segments
from tests.sandbox.every_tier import folders, spec_in
from tests.sandbox.walls.test_walls import decide

# ---------------------------------------------------------------- ps


def test_ps_finds_a_real_tree_and_its_memory(monkeypatch):
    code = "import os, time; hog = bytearray(50 << 20); os.fork() or os.setsid(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as leader:
        deadline = time.monotonic() + 20
        while len(tree := ps.tree(leader.pid, ps.table())) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(tree) == 2
        assert {row.pid for row in tree} > {leader.pid}
        assert sum(row.rss for row in tree) > 50 * MIB
        pids = {row.pid for row in tree}
        for has_proc in {meter.HAS_PROC, False}:
            with monkeypatch.context() as patched:
                patched.setattr(meter, "HAS_PROC", has_proc)
                patched.setattr(memory, "HAS_PROC", has_proc)
                if has_proc:
                    patched.setattr(ps, "table", lambda: pytest.fail("/proc is there, and cheaper"))
                assert set(meter.descendants(leader.pid, inclusive=True)) == pids
                assert set(meter.descendants(leader.pid, inclusive=False)) == pids - {leader.pid}
                assert memory.tree_memory([*pids], "/", private_tmpfs=False) > 50 * MIB
        assert seatbelt.sweep(leader.pid) == 2
    assert ps.tree(leader.pid, ps.table()) == []


def test_a_tree_holds_the_group_and_the_descendants_of_both():
    numbers = ((10, 1, 10), (11, 10, 11), (12, 1, 10), (13, 12, 13), (14, 1, 14), (15, 14, 14))
    rows = [ps.Row(pid, parent, group, 0) for pid, parent, group in numbers]
    assert [row.pid for row in ps.tree(10, rows)] == [10, 11, 12, 13]


# ---------------------------------------------------------------- shared memory files


def test_a_user_s_segments_are_those_seen_in_use_and_no_others():
    mark = f"test-{os.getpid()}"
    names = {kind: f"{mark}-{kind}" for kind in ("before", "mine", "other")}
    try:
        Path(SHM, names["before"]).write_bytes(b"x" * 8192)
        with Segments(None) as segments:
            Path(SHM, names["other"]).write_bytes(b"x" * 8192)
            with Path(SHM, names["mine"]).open("wb", buffering=0) as file:
                file.write(b"x" * 8192)
                assert segments.held([os.getpid()]) == 8192
            assert segments.held([]) == 8192  # known from now on
        assert not Path(SHM, names["mine"]).exists()
        assert Path(SHM, names["before"]).exists() and Path(SHM, names["other"]).exists()
    finally:
        for name in names.values():
            Path(SHM, name).unlink(missing_ok=True)


# ---------------------------------------------------------------- GPU memory, on a stand-in for
# the driver


def test_a_run_s_gpu_memory_is_what_came_since(monkeypatch):
    cards = (Device(index=0), Device(index=1))
    now = {0: 3 * GIB, 1: GIB}
    held = vram.Vram(cards, read=lambda device: now[device.index])
    now |= {0: 5 * GIB, 1: 2 * GIB}
    assert held.held() == 3 * GIB
    threading.Timer(0.3, lambda: now.update({0: 3 * GIB, 1: GIB + MIB})).start()
    held.wait_until_released()
    assert held.held() == MIB
    now[0] = 9 * GIB
    monkeypatch.setattr(vram, "RELEASE_SECONDS", 0.2)
    with pytest.raises(SandboxFault, match="GPU 0; GPU 1 still holds") as caught:
        held.wait_until_released()
    assert caught.value.next_command == "nvidia-smi"


def test_without_a_driver_there_is_no_gpu_memory():
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is one here")
    card = Device(index=0)
    assert vram.used(card) is None
    assert vram.Vram((card,)).held() == 0
    with pytest.raises(SandboxFault, match="--vram cannot be held"):
        vram.Vram((card,), limit=GIB)


# ---------------------------------------------------------------- control groups


def test_the_caps_of_a_real_group_are_set_and_it_is_gone_afterwards():
    if not cgroup.caps_memory():
        pytest.skip("no control group can be made here")
    with cgroup.group(Limits(wall_seconds=1, memory_bytes=300 * MIB, processes=77)) as group:
        names = ("memory.limit_in_bytes", "memory.max", "pids.max")
        files = []
        for folder in group.folders:
            files += [folder / name for name in names if (folder / name).exists()]
        caps = [int(file.read_text()) for file in files]
        assert set(caps) <= {300 * MIB, 77}
        assert 300 * MIB in caps
        assert group.kills() == 0
    assert not any(folder.exists() for folder in group.folders)


def hierarchy(home, **files):
    """Make the files of a version 2 hierarchy on a disk.

    What is read and written can be seen, what the kernel does cannot.
    """
    own = home / "cgroup/user/app/run"
    own.mkdir(parents=True)
    process = home / "process"
    process.mkdir()
    (process / "cgroup").write_text("0::/user/app/run\n")
    (process / "mountinfo").write_text(
        f"30 20 0:27 / {home / 'cgroup'} rw,nosuid - cgroup2 cgroup2 rw\n"
    )
    for folder in (own, own.parent, own.parent.parent, home / "cgroup"):
        for name in ("cgroup.procs", "cgroup.subtree_control", "cgroup.controllers"):
            (folder / name).write_text("")
    for name, text in files.items():
        (own.parent / f"cgroup.{name}").write_text(text)
    return process, own


def test_version_2_is_used_where_an_ancestor_hands_memory_down(tmp_path):
    process, own = hierarchy(tmp_path, subtree_control="cpu memory pids")
    assert list(cgroup.find_spots(process)) == [cgroup.Spot(own.parent, ("memory", "pids"), 2)]


def test_version_2_without_delegation_is_not_used(tmp_path):
    process, _ = hierarchy(tmp_path, subtree_control="cpu")
    assert list(cgroup.find_spots(process)) == []


def test_version_1_is_used_beside_a_version_2_that_hands_nothing_down(tmp_path, monkeypatch):
    process, _ = hierarchy(tmp_path)
    (process / "cgroup").write_text("4:memory:/night\n0::/user/app/run\n")
    with (process / "mountinfo").open("a") as mounts:
        mounts.write(f"31 20 0:28 / {tmp_path / 'memory'} rw - cgroup cgroup rw,memory\n")
    spots = tuple(cgroup.find_spots(process))
    assert spots == (cgroup.Spot(tmp_path / "memory/night", ("memory",), 1),)
    for found, exact in ((spots, True), ((cgroup.Spot(tmp_path, ("pids",), 1),), False)):
        monkeypatch.setattr(cgroup, "spots", lambda found=found: found)
        assert cgroup.caps_memory() is exact, "of memory, and not of processes alone"


def test_the_least_memory_of_the_groups_around_a_process_is_its_ceiling(tmp_path):
    process, own = hierarchy(tmp_path)
    assert cgroup.memory_ceiling(process) is None
    (own / "memory.max").write_text("max")
    (own.parent / "memory.max").write_text(str(3 * GIB))
    (own.parent.parent / "memory.max").write_text(str(8 * GIB))
    assert cgroup.memory_ceiling(process) == 3 * GIB
    (own / "memory.max").write_text(str(GIB))
    assert cgroup.memory_ceiling(process) == GIB
    (process / "cgroup").write_text("3:pids:/night\n0::/user/app/run\n")
    mounts = process / "mountinfo"
    of_pids = f"29 20 0:26 / {tmp_path / 'pids'} rw - cgroup cgroup rw,pids\n"
    mounts.write_text(of_pids + mounts.read_text())
    assert cgroup.memory_ceiling(process) == GIB, "a hierarchy without memory has no say"


def test_a_scope_of_its_own_is_divided(tmp_path):
    process, own = hierarchy(tmp_path)
    (own / "cgroup.controllers").write_text("memory pids")
    (own / "cgroup.procs").write_text(str(os.getpid()))
    list(cgroup.find_spots(process))
    assert (own / "autoresearch-harness/cgroup.procs").read_text() == "0"
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_version_2_group_gets_exact_caps_and_dies_as_one(tmp_path):
    folder = cgroup._make(
        cgroup.Spot(tmp_path, ("memory", "pids"), 2),
        Limits(wall_seconds=1, memory_bytes=GIB, processes=9),
    )
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written == {
        "memory.max": str(GIB),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "9",
    }
    (folder / "memory.events").write_text(
        "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n"
    )
    (folder / "memory.peak").write_text("1048576\n")
    group = cgroup.Group((folder,))
    assert (group.kills(), group.peak()) == (2, MIB)


# ---------------------------------------------------------------- a uid that is shared


def test_a_closed_parent_is_told_with_the_command_that_opens_it(tmp_path):
    (tmp_path / "closed/data").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    bind = Bind(str(tmp_path / "closed/data"), "/data")
    with pytest.raises(SandboxFault, match="closed to others") as caught:
        reach.check_paths([bind], (5, 5))
    assert re.match(r"chmod o\+x /", caught.value.next_command)
    reach.check_paths([bind], None)  # a user reaches what is theirs


def test_where_a_socket_starts_programs_for_the_user_tier_c_refuses(monkeypatch):
    with folders() as home, socket.socket(socket.AF_UNIX) as docker:
        docker.bind(str(home / "docker.sock"))
        monkeypatch.setattr(reach, "CONTROL_SOCKETS", (str(home / "docker.sock"),))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        (home / "docker.sock").chmod(0o660)
        reach.check_sockets((1 << 30, 1 << 30))  # another uid may not connect
        (home / "docker.sock").chmod(0o666)
        for identity in ((1 << 30, 1 << 30), None):
            with pytest.raises(SandboxFault, match=r"docker\.sock") as caught:
                reach.check_sockets(identity)
            assert "bubblewrap" in caught.value.next_command


def test_where_a_terminal_or_an_editor_of_the_user_s_listens_tier_c_refuses(monkeypatch):
    with folders() as home, socket.socket(socket.AF_UNIX) as terminal:
        monkeypatch.setattr(reach, "CONTROL_SOCKETS", ())
        monkeypatch.setattr(reach, "OWN_SOCKETS", (f"{home}/tmux-{{uid}}/*",))
        for name in reach.VARIABLES:
            monkeypatch.delenv(name, raising=False)
        path = home / f"tmux-{os.geteuid()}/default"
        path.parent.mkdir()
        terminal.bind(str(path))
        reach.check_sockets(None)  # a socket that was left behind
        terminal.listen()
        with pytest.raises(SandboxFault, match=str(path)):
            reach.check_sockets(None)
        reach.check_sockets((1 << 30, 1 << 30))  # another uid may not connect
        monkeypatch.setattr(reach, "OWN_SOCKETS", ())
        reach.check_sockets(None)
        for value in (str(path), f"{path},7,0", f"unix:path={path},guid=1", f"unix:{path}"):
            monkeypatch.setenv("TMUX", value)
            with pytest.raises(SandboxFault, match=str(path)):
                reach.check_sockets(None)


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
def test_against_its_own_user_a_run_can_do_no_more_than_to_itself(machine):
    column = ("x86_64", "aarch64").index(machine)
    arch = bpf.AUDIT_ARCH[machine]
    program = seccomp.assemble(machine, same_user=True)
    denied = bpf.ERRNO | 1
    for numbers in seccomp.CHANGES_ATTRIBUTES.values():
        if numbers[column] is not None:
            # It reports success, and does nothing.
            assert decide(program, arch, numbers[column], 1) == bpf.ERRNO | 0
    assert decide(program, arch, seccomp.PRLIMIT[column], 0) == bpf.ALLOW
    assert decide(program, arch, seccomp.PRLIMIT[column], 1234) == denied
    assert decide(program, arch, seccomp.SETPRIORITY[column], 0, 0) == bpf.ALLOW
    for other in ((0, 7), (1, 0), (2, 0)):
        assert decide(program, arch, seccomp.SETPRIORITY[column], *other) == denied
    assert decide(seccomp.assemble(machine), arch, seccomp.PRLIMIT[column], 1234) == bpf.ALLOW


# ---------------------------------------------------------------- Seatbelt, by its text alone


def test_the_profile_denies_by_default_and_names_what_the_run_needs():
    with folders() as home:
        (home / 'da"ta').mkdir()
        spec = spec_in(home, "", read_only=(str(home / 'da"ta'),))
        text = seatbelt.profile(spec, (sys.executable,))
        writable = [line for line in text.splitlines() if "file-write*" in line]
        assert len(writable) == 1 and str((home / "scratch").resolve()) in writable[0]
        assert f'(subpath "{home.resolve()}/da\\"ta")' in text
    assert text.startswith("(version 1)\n(deny default)")
    assert text.count("(") == text.count(")")
    networks = [line for line in text.splitlines() if "network" in line]
    # Socket files in scratch, and nothing else.
    assert len(networks) == 1
    assert "subpath" in networks[0]


def test_seatbelt_says_where_it_cannot_run(monkeypatch):
    if sys.platform == "darwin":
        pytest.skip("it can")
    with folders() as home, pytest.raises(SandboxFault, match="not macOS"):
        seatbelt.Seatbelt().run(spec_in(home, "pass"), threading.Event())
