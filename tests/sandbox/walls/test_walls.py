"""The pure parts: filter, Landlock rules, mounts, environment, evidence, scripted runner."""

import errno
import struct
import sys
import threading
from pathlib import Path

import pytest

from sandbox.ground import bpf
from sandbox.ground.devices import Device
from sandbox.ground.outcome import Crashed, Usage
from sandbox.tiers.scripted import ScriptedRunner
from sandbox.walls import landlock, mounts, seccomp
from sandbox.walls.environment import trial_environment
from tests.sandbox.every_tier import folders, spec_in


def decide(program, arch, call, *arguments):
    """Return the action of the classic BPF `program` on one system call, as the kernel would."""
    data = struct.pack("=IIQ6Q", call, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    word = 0
    at = 0
    while True:
        operation, if_true, if_false, value = code[at]
        if operation == bpf.RETURN:
            return value
        if operation == bpf.LOAD:
            word = struct.unpack_from("=I", data, value)[0]
            at += 1
            continue
        if operation == bpf.AND:
            word &= value
            at += 1
            continue
        holds = {
            bpf.JUMP_EQUAL: word == value,
            bpf.JUMP_GREATER: word > value,
            bpf.JUMP_ANY_BIT: bool(word & value),
        }
        at += 1 + (if_true if holds[operation] else if_false)


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
def test_the_filter_decides_as_it_says(machine):
    column = ("x86_64", "aarch64").index(machine)
    arch = bpf.AUDIT_ARCH[machine]
    program = seccomp.assemble(machine)
    allowed = [
        number
        for number in range(seccomp.LAST_KNOWN_CALL + 1)
        if decide(program, arch, number, 1) == bpf.ALLOW
    ]
    denied = {numbers[column] for numbers in seccomp.DENIED.values()} - {None}
    assert denied.isdisjoint(allowed)
    watches = {numbers[column] for numbers in seccomp.WATCHES.values()} - {None}
    assert all(decide(program, arch, call) == bpf.ERRNO | 24 for call in watches)
    # The other four are clone3, openat2, sched_setaffinity and fadvise64.
    assert len(allowed) + len(denied) + len(watches) + 4 == seccomp.LAST_KNOWN_CALL + 1
    # The last two report success, and do nothing.
    assert decide(program, arch, seccomp.SETAFFINITY[column], 0) == bpf.ERRNO | 0
    assert decide(program, arch, seccomp.FADVISE[column], 0) == bpf.ERRNO | 0
    answers = dict.fromkeys(seccomp.EVICTING, bpf.ERRNO | 0) | {seccomp.COLLAPSE: bpf.ERRNO | 22}
    for advice in range(30):
        does = answers.get(advice, bpf.ALLOW)
        assert decide(program, arch, seccomp.MADVISE[column], 0, 0, advice) == does
    for command in range(1024, 1042):
        refused = command in (*seccomp.LEASES, *seccomp.WRITE_HINTS)
        does = bpf.ERRNO | 1 if refused else bpf.ALLOW
        assert decide(program, arch, seccomp.FCNTL[column], 3, command) == does
    flags = (0, 0, 0, 0, 0, seccomp.RWF_NOWAIT | 1)
    assert decide(program, arch, seccomp.PREADV2[column], *flags) == bpf.ERRNO | 95
    assert decide(program, arch, seccomp.PREADV2[column], 0, 0, 0, 0, 0, 1) == bpf.ALLOW
    socket = seccomp.SOCKET[column]
    clone = seccomp.CLONE[column]
    ioctl = seccomp.IOCTL[column]
    assert decide(program, arch, socket, 1) == bpf.ALLOW
    assert decide(program, arch, socket, 2) == bpf.ERRNO | 97
    assert decide(program, arch, socket, 1 << 32 | 2) == bpf.ERRNO | 97
    assert decide(program, arch, clone, 0x3D0F00) == bpf.ALLOW  # a thread, as glibc makes one
    assert decide(program, arch, clone, 0x10000011) == bpf.ERRNO | 1
    assert decide(program, arch, ioctl, 0, 0x5412) == bpf.ERRNO | 1
    assert decide(program, arch, ioctl, 0, seccomp.ADD_ENCRYPTION_KEY) == bpf.ERRNO | 1
    assert decide(program, arch, ioctl, 0, 0x5401) == bpf.ALLOW
    assert decide(program, arch, 0x40000000 | 41, 1) == bpf.ERRNO | 38  # x32
    assert decide(program, 0x40000003, 102) == bpf.KILL_PROCESS  # int 0x80


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
def test_no_file_is_made_or_marked_that_gives_its_user_s_rights_to_others(machine):
    column = ("x86_64", "aarch64").index(machine)
    arch = bpf.AUDIT_ARCH[machine]
    program = seccomp.assemble(machine)
    openat = seccomp.MAKES_FILES["openat"][0][column]
    fchmodat = seccomp.CHANGES_MODES["fchmodat"][0][column]
    denied = bpf.ERRNO | 1
    for mode in (0o4755, 0o2755):
        assert decide(program, arch, openat, 3, 0, 0o101, mode) == denied
        assert decide(program, arch, openat, 3, 0, 0o20200002, mode) == denied  # without a name
        assert decide(program, arch, openat, 3, 0, 0o2, mode) == bpf.ALLOW  # no mode at all
    assert decide(program, arch, openat, 3, 0, 0o101, 0o1777) == bpf.ALLOW
    assert decide(program, arch, fchmodat, 3, 0, 0o4755) == denied
    assert decide(program, arch, fchmodat, 3, 0, 0o2775) == bpf.ALLOW  # as folders have it


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
def test_who_has_the_user_s_uid_cannot_set_what_a_file_system_keeps_of_a_file(machine):
    column = ("x86_64", "aarch64").index(machine)
    arch = bpf.AUDIT_ARCH[machine]
    ioctl = seccomp.IOCTL[column]
    requests = (0x401C5820, 0x40087602)  # flags in their extended form, the version
    # flags, verity, encryption, ext4's memory of blocks: to have it and to ask for it
    kept = (0x40086602, 0x40806685, 0x800C6613, 0x6612, 0x40046629)
    btrfs = (0x50009401, 0x40049409)  # a snapshot, and a copy that shares its blocks
    unsupported = bpf.ERRNO | errno.EOPNOTSUPP  # where Python's Path.copy copies the bytes
    for same_user, expected in ((True, bpf.ERRNO | 25), (False, bpf.ALLOW)):
        program = seccomp.assemble(machine, same_user)
        shared = {decide(program, arch, ioctl, 3, request) for request in btrfs}
        assert shared == {unsupported if same_user else bpf.ALLOW}
        assert {decide(program, arch, ioctl, 3, request) for request in requests} == {expected}
        assert {decide(program, arch, ioctl, 3, request) for request in kept} == {bpf.ERRNO | 25}
        assert decide(program, arch, ioctl, 3, 0x5401) == bpf.ALLOW
        assert decide(program, arch, ioctl, 3, 0xC0104601) == bpf.ALLOW  # a GPU's


def test_an_unknown_machine_is_not_filtered_by_guess():
    with pytest.raises(KeyError):
        seccomp.assemble("riscv64")


def test_landlock_asks_only_for_what_the_kernel_knows():
    assert landlock.rules(0, readable=["/"], writable=[], devices=[]) is None
    sizes = [
        landlock.rules(version, readable=["/"], writable=["/w"], devices=[])["size"]
        for version in range(1, 8)
    ]
    assert sizes == [8, 8, 8, 16, 16, 24, 24]
    first = landlock.rules(1, readable=["/"], writable=["/w"], devices=["/dev/null"])
    assert (first["net"], first["scope"]) == (0, 0)
    assert all(allowed & ~first["fs"] == 0 for _, allowed in first["paths"])


def test_an_interpreter_in_a_home_folder_brings_its_parts_and_not_the_home(tmp_path):
    home = tmp_path / "home"
    for name in ("bin", "lib/python3.11", ".ssh"):
        (home / name).mkdir(parents=True)
    (home / "bin/python").symlink_to(sys.executable)
    paths = mounts.interpreter_paths(str(home / "bin/python"))
    assert {str(home / "bin"), str(home / "lib")} <= set(paths)
    assert str(home) not in paths and str(home / ".ssh") not in paths
    real = Path(sys.executable).resolve()
    assert str(real.parent) in paths


def test_the_environment_is_built_from_nothing(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk")
    with folders() as home:
        environment = trial_environment(
            spec_in(home, "", gpus=(Device(index=1, uuid="GPU-8f2c"),), cpus=(0, 1)),
            str(home / "scratch/private"),
        )
    assert "sk" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-8f2c"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert environment["OMP_NUM_THREADS"] == "2"


def test_the_scripted_runner_plays_its_script():
    crash = Crashed(usage=Usage(seconds=1.0), exit_code=1)
    runner = ScriptedRunner(lambda spec: (crash, f"ran {Path(spec.folder).name}"))
    heard = []
    with folders() as home:
        assert runner.run(spec_in(home, ""), threading.Event()) == crash
        assert (home / "log").read_text() == "ran folder"
        runner.converse(
            spec_in(home, ""), threading.Event(), lambda _, stdout: heard.append(stdout.read())
        )
    assert heard == [b"ran folder"]
