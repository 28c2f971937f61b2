"""A train.py that attacks: one test a row of the threat list, on every isolating tier that runs here."""

# ruff: noqa: E501

import os
import socket
import subprocess
import threading
from pathlib import Path

from sandbox.outcome import Finished

ATTEMPT = """
import ctypes, json, os, socket, sys, errno
libc = ctypes.CDLL(None, use_errno=True)
def attempt(function):
    try:
        answer = function()
        return "reached" if answer is None or answer is True else str(answer)
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
def say(**answers):
    print(json.dumps({name: attempt(function) for name, function in answers.items()}))
"""


def answers(place, code, **changes):
    """What each attempt of `code` (a call of `say`) came to."""
    ran = place.run(ATTEMPT + code, **changes)
    assert isinstance(ran.outcome, Finished), ran.said
    return ran.value


def assert_denied(got):
    assert got, "nothing was tried"
    assert {name: answer for name, answer in got.items() if answer == "reached"} == {}


def test_1_finds_no_key_in_any_environment(walled, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-hostile-1")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"SOME_API_KEY": "sk-hostile-1"}) as bystander:
        ran = walled.run(
            """
            import glob, os, json
            seen = []
            for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/*/environ"):
                try: seen.append(open(name).read())
                except OSError: pass
            print(json.dumps([len(seen), "sk-hostile" in "".join(seen), "SOME_API_KEY" in os.environ]))
            """
        )
        bystander.communicate()
    read, found, inherited = ran.value
    assert read > 0
    assert not found and not inherited


def test_2_cannot_look_into_the_harness_or_its_own_parent(walled):
    got = answers(
        walled,
        f"""
say(harness_memory=lambda: open("/proc/{os.getpid()}/mem", "rb") and None, first_memory=lambda: open("/proc/1/mem", "rb") and None,
    first_descriptors=lambda: os.listdir("/proc/1/fd") and None, first_root=lambda: os.listdir("/proc/1/root") and None,
    attach=lambda: call(libc.ptrace, 16, 1, None, None), attach_harness=lambda: call(libc.ptrace, 16, {os.getpid()}, None, None),
    traceme=lambda: call(libc.ptrace, 0, 0, None, None), steal=lambda: call(libc.syscall, 438, os.pidfd_open(1), 0, 0))
""",
    )
    assert_denied(got)


def test_3_reaches_no_network(walled):
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = answers(
            walled,
            f"""
def tcp(host, port): socket.create_connection((host, port), timeout=1)
def udp(host): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (host, 53))
say(loopback=lambda: tcp("127.0.0.1", {server.getsockname()[1]}), metadata=lambda: tcp("169.254.169.254", 80), udp=lambda: udp("127.0.0.1"),
    resolve=lambda: socket.getaddrinfo("example.org", 80), v6=lambda: socket.socket(socket.AF_INET6), raw=lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW))
""",
        )
    assert_denied(got)


def test_4_and_5_reaches_no_unix_socket_of_the_host(walled):
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as pathname:
        name = f"hostile-{os.getpid()}-{threading.get_ident()}"
        for trap, address in ((abstract, "\0" + name), (pathname, str(walled.home / "docker.sock"))):
            trap.bind(address)
            trap.listen()
        (walled.home / "docker.sock").chmod(0o777)
        got = answers(
            walled,
            f"""
def connect(address): socket.socket(socket.AF_UNIX).connect(address)
say(abstract=lambda: connect("\\0{name}"), pathname=lambda: connect({str(walled.home / "docker.sock")!r}),
    docker=lambda: connect("/var/run/docker.sock"), agent=lambda: connect(os.environ.get("SSH_AUTH_SOCK", "/run/ssh")))
""",
        )
    assert_denied(got)


def test_6_opens_no_other_kind_of_socket_and_no_ring(walled):
    got = answers(
        walled,
        """
families = {name: getattr(socket, "AF_" + name, number) for name, number in
            dict(VSOCK=40, NETLINK=16, PACKET=17, ALG=38, BLUETOOTH=31, CAN=29, TIPC=30, XDP=44, QIPCRTR=42).items()}
tries = {name: (lambda f: lambda: call(libc.socket, f, kind, 0))(family) for name, family in families.items() for kind in (3,)}
ring = (ctypes.c_char * 256)()
say(**tries, ring=lambda: call(libc.syscall, 425, 8, ring))
""",
    )
    assert_denied(got)


def test_7_writes_nothing_but_scratch(walled):
    (walled.home / "folder/.git").mkdir()
    (walled.home / "folder/prepare.py").write_text("original")
    (walled.home / "data").mkdir(mode=0o777)
    for path in ("folder", "folder/.git", "folder/prepare.py", "data"):
        (walled.home / path).chmod(0o777)
    got = answers(
        walled,
        f"""
def write(path): open(path, "w").write("hostile")
home = {str(walled.home)!r}
say(git=lambda: write(home + "/folder/.git/config"), prepare=lambda: write(home + "/folder/prepare.py"),
    unlink=lambda: os.unlink(home + "/folder/prepare.py"), mode=lambda: os.chmod(home + "/folder/prepare.py", 0o777),
    data=lambda: write(home + "/data/tokens"), beside=lambda: write(home + "/beside"), etc=lambda: write("/etc/passwd"), root=lambda: write("/x"),
    usr=lambda: write("/usr/x"), interpreter=lambda: write(sys.executable), hostname=lambda: write("/proc/sys/kernel/hostname"),
    var=lambda: write("/var/tmp/x"), log=lambda: write({str(walled.home / "log")!r}))
""",
        read_only=(str(walled.home / "data"),),
    )
    assert_denied(got)
    assert (walled.home / "folder/prepare.py").read_text() == "original"
    assert not (walled.home / "beside").exists()


def test_8_reads_no_file_it_was_not_given(walled):
    (walled.home / "other-trial").mkdir()
    (walled.home / "other-trial/train.py").write_text("secret")
    (walled.home / ".env").write_text("KEY=secret")
    got = answers(
        walled,
        f"""
home = {str(walled.home)!r}
def read(path): open(path).read()
say(env=lambda: read(home + "/.env"), other=lambda: read(home + "/other-trial/train.py"), listing=lambda: sorted(os.listdir(home)) != ["folder", "scratch"],
    ssh=lambda: os.listdir({str(Path.home() / ".ssh")!r}) and None, shadow=lambda: read("/etc/shadow"), opt=lambda: os.listdir("/opt") and None,
    climb=lambda: read(home + "/scratch/../.env"), proc_root=lambda: read("/proc/1/root" + home + "/.env"), cwd=lambda: read("/proc/1/cwd" + home + "/.env"))
""",
    )
    assert_denied(got)
    assert got["listing"] == "False"


def test_11_kills_nobody_but_itself(walled):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as bystander:
        walled.run(
            f"""
            import os, signal
            for pid in (1, {os.getpid()}, {bystander.pid}, -1):
                try: os.kill(pid, signal.SIGKILL)
                except OSError: pass
            """,
            wall_seconds=5,
        )
        assert bystander.poll() is None
        bystander.communicate()


def test_27_priority_and_affinity_are_harmless(walled):
    core = min(os.sched_getaffinity(0))
    got = answers(
        walled,
        "say(nice=lambda: os.nice(-5) and None, realtime=lambda: os.sched_setscheduler(0, 1, os.sched_param(1)))",
        cpus=(core,),
    )
    assert_denied(got)


def test_28_gains_no_right(walled):
    got = answers(
        walled,
        """
say(mount=lambda: call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, b""), umount=lambda: call(libc.umount2, b"/usr", 2),
    namespace=lambda: call(libc.unshare, 0x10000000), clone=lambda: call(libc.syscall, 56 if os.uname().machine == "x86_64" else 220, 0x10000011, 0, 0, 0, 0),
    chroot=lambda: os.chroot("/tmp"), root=lambda: os.setuid(0) if os.getuid() else False, group=lambda: os.setgroups([0]),
    clock=lambda: call(libc.settimeofday, (ctypes.c_long * 2)(1, 0), None), name=lambda: socket.sethostname("x"),
    device=lambda: os.mknod(os.environ["HOME"] + "/sda", 0o060666, os.makedev(8, 0)), modules=lambda: call(libc.syscall, 175, None, 0, b""),
    bpf=lambda: call(libc.syscall, 321 if os.uname().machine == "x86_64" else 280, 0, None, 0), keys=lambda: call(libc.syscall, 250 if os.uname().machine == "x86_64" else 219, 0, -3, 1))
""",
    )
    assert_denied(got)


def test_28_holds_no_capability_and_cannot_gain_one(walled):
    ran = walled.run(
        "import json; print(json.dumps(dict(l.rstrip().split(':\\t', 1) for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNew', 'Seccomp:', 'Uid')))))"
    )
    status = ran.value
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert "0" not in status["Uid"].split()


def test_29_inherits_three_descriptors(walled):
    with Path(__file__).open() as stream:
        os.set_inheritable(stream.fileno(), True)
        ran = walled.run(
            "import json, os; print(json.dumps([fd for fd in range(1024) if os.path.exists(f'/proc/self/fd/{fd}')]))"
        )
    assert ran.value == [0, 1, 2]


def test_30_types_into_no_terminal(walled):
    got = answers(
        walled,
        "import fcntl\nsay(type=lambda: fcntl.ioctl(0, 0x5412, b'x'), wide=lambda: call(libc.ioctl, 0, ctypes.c_ulong(0x5412 | 1 << 40), b'x'), tty=lambda: open('/dev/tty'))",
    )
    assert_denied(got)
    assert got["type"] == "EPERM"


def test_24_leaves_nothing_for_the_next_run_but_its_results(walled):
    walled.run(
        "import os\nfor name in ('/tmp/left', '/dev/shm/left', os.environ['HOME'] + '/.pythonrc'): open(name, 'w').write('x')"
    )
    ran = walled.run(
        "import os, json; print(json.dumps([os.listdir('/tmp'), os.listdir('/dev/shm'), os.listdir(os.environ['HOME'])]))"
    )
    home_parts = [name for name in ran.value[0] if not str(walled.home).startswith(f"/tmp/{name}")]
    assert [home_parts, *ran.value[1:]] == [[], [], []]


def test_sees_no_process_but_its_own(walled):
    ran = walled.run("import json, os; print(json.dumps(sorted(int(p) for p in os.listdir('/proc') if p.isdigit())))")
    assert len(ran.value) <= 2  # the namespace's first process and itself
