"""The gate of a scorer: before it is shut files may be named, and nothing afterwards."""

import errno
import json
import mmap
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from sandbox.ground.answering import Stopwatch
from sandbox.ground.bpf import ALLOW, ASK, AUDIT_ARCH, ERRNO
from sandbox.score import gate, holdings, traces
from sandbox.score.gate import Gate, Restless
from sandbox.score.holdings import Hoarding, pages_in_memory
from sandbox.score.rehearsal import Rehearsal, Shape
from sandbox.score.scoring import SCORER
from sandbox.score.sealed import Validation, score, shapes_of
from sandbox.score.traces import filters
from sandbox.score.wire import Ended
from tests.sandbox.walls.test_walls import decide

# Offers its gate as a scorer does, then tries all that it can as often as it is asked.
OFFERING = f"""
import ctypes, fcntl, importlib.util, json, mmap, os, socket, sys, threading, time
spec = importlib.util.spec_from_file_location("scorer", {SCORER!r})
scorer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scorer)
scorer._offer_gate({filters()!r})
"""
TRYING = (
    OFFERING
    + """
folder = os.open("/usr", os.O_RDONLY)
program = os.open("/proc/self/exe", os.O_RDONLY)
line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ways = {
    "open": lambda: os.open("/usr", os.O_RDONLY),
    "stat": lambda: os.stat("/usr/no/such/file"),
    "stat a name in a folder": lambda: os.stat("bin", dir_fd=folder),
    "readlink": lambda: os.readlink("/proc/self/exe"),
    "execute": lambda: os.execv("/no/such/program", ["program"]),
    "change a folder": lambda: os.mkdir("/usr/new"),
    "attributes": lambda: os.listxattr("/usr"),
    "list": lambda: os.listdir(folder),
    "connect": lambda: line.connect("/no/such/socket"),
    "lock": lambda: fcntl.flock(folder, fcntl.LOCK_SH),
    "lock a part": lambda: fcntl.lockf(program, fcntl.LOCK_SH, 1),
    "pipe": lambda: os.close(os.pipe()[0]),
}
def attempt(way):
    try:
        ways[way]()
    except OSError as error:
        return error.errno
    return 0
def in_a_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(attempt("stat")))
    thread.start()
    thread.join()
    return results[0]
def in_a_child():
    child = os.fork()
    if child == 0:
        os._exit(attempt("stat"))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
for _ in range(2):
    sys.stdin.buffer.read(1)
    told = {way: attempt(way) for way in ways}
    told |= {"in a thread": in_a_thread(), "in a child": in_a_child()}
    os.write(1, json.dumps(told).encode() + b"\\n")
    """
)
UNSHUT = {0, errno.ENOENT, errno.EROFS, errno.EACCES, errno.EEXIST, errno.EPERM, errno.ECONNREFUSED}


def talk_with(place, code, dialogue):
    return place.converse(code, dialogue, read_only=(SCORER,))


def asked(stdin, stdout):
    stdin.write(b"?")
    stdin.flush()
    return json.loads(stdout.readline())


def shut_off(place, code):
    """Let a scorer go on until it answers, and shut it off.

    Return why it is not shown any data, if it is not, and whether its files could be seen.
    """
    came = []

    def dialogue(stdin, stdout):
        with Gate.of(stdin) as offered:
            asked(stdin, stdout)
            came.append(offered.visible)
            try:
                offered.shut()
            except (Restless, Hoarding) as reason:
                came.append(type(reason))

    talk_with(place, code, dialogue)
    visible, *reasons = came
    return (reasons or [None])[0], visible


ANSWERING = """
sys.stdin.buffer.read(1)
os.write(1, b"{}\\n")
sys.stdin.buffer.read(1)
"""


def test_what_a_scorer_may_name_before_its_gate_is_shut_it_may_not_afterwards(place):
    told = []

    def dialogue(stdin, stdout):
        with Gate.of(stdin) as offered:
            told.append(asked(stdin, stdout))
            offered.shut()
            told.append(asked(stdin, stdout))

    talk_with(place, TRYING, dialogue)
    before, after = told
    assert set(before.values()) <= UNSHUT, before
    assert set(after.values()) == {errno.ENOSYS}, after


def test_it_stays_shut_when_nobody_holds_it_any_more(best):
    told = []

    def dialogue(stdin, stdout):
        with Gate.of(stdin):
            told.append(asked(stdin, stdout))
        told.append(asked(stdin, stdout))

    talk_with(best, TRYING, dialogue)
    assert set(told[1].values()) == {errno.ENOSYS}


def test_a_scorer_that_goes_on_working_is_not_shown_any_data(best, monkeypatch):
    monkeypatch.setattr(gate, "REST_SECONDS", 0.2)
    restless = """
named = threading.Event()
def restless():
    os.stat("/usr")
    named.set()
    while True:
        pass
threading.Thread(target=restless, daemon=True).start()
named.wait()
"""
    assert shut_off(best, OFFERING + restless + ANSWERING)[0] is Restless


@pytest.mark.parametrize(
    "restless",
    [
        """
def work():
    while True:
        os.dup2(8, 9)
        os.close(9)
threading.Thread(target=work, daemon=True).start()
""",
        """
def work():
    while os.fork() == 0:
        pass
    os._exit(0)
if os.fork() == 0:
    work()
""",
    ],
    ids=["a thread that hands descriptors on", "processes that go on in their children"],
)
def test_what_could_hide_a_file_while_files_are_listed_is_not_shown_any_data(
    best, monkeypatch, restless
):
    monkeypatch.setattr(gate, "REST_SECONDS", 0.2)
    ready = 'os.open("/usr", os.O_RDONLY)\nos.dup2(0, 8)\n'
    assert shut_off(best, OFFERING + ready + restless + ANSWERING)[0] is Restless


def test_a_thread_may_have_any_name(best):
    named = 'ctypes.CDLL(None).prctl(15, b"\\xff) R", 0, 0, 0)\n'
    assert shut_off(best, OFFERING + named + ANSWERING)[0] is None


def test_files_of_a_thread_with_descriptors_of_its_own_are_found(tmp_path):
    """Also where the first thread of the process has ended."""
    file = tmp_path / "file"
    file.write_bytes(bytes(10))
    code = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
def own():
    libc.unshare(0x400)  # CLONE_FILES
    descriptor = os.open(sys.argv[1], os.O_RDONLY)
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=own).start()
libc.pthread_exit(None) if len(sys.argv) > 2 else threading.Event().wait()
"""
    for more in ([], ["end"]):
        argv = [sys.executable, "-c", code, str(file), *more]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            held = holdings.Holdings()
            held.add(process.pid)
            process.stdin.close()
        assert str(file) in held._paths.values(), more
        held.forget()


def test_a_scorer_that_is_dead_offers_none(best):
    ended = threading.Event()

    def dialogue(stdin, _):
        try:
            Gate.of(stdin)
        except Ended:
            ended.set()

    talk_with(best, "raise SystemExit(3)", dialogue)
    assert ended.is_set()


def skip_unless(seen):
    """Skip where the harness is root without CAP_SYS_PTRACE, as in some containers."""
    if seen == [False]:
        pytest.skip("the files of another user's process cannot be seen here")


HOLDING = (
    OFFERING
    + """
names = sys.argv[1:]
files = [os.open(name, os.O_RDONLY) for name in names]
pages = mmap.mmap(files[0], 0, prot=mmap.PROT_READ)
os.close(files[0])
pages.madvise(mmap.MADV_RANDOM)
for _ in range(2):
    sys.stdin.buffer.read(1)
    told = [pages[40 * mmap.PAGESIZE], len(os.pread(files[1], 1, 0))]
    os.write(1, json.dumps(told).encode() + b"\\n")
"""
)


def test_what_is_in_memory_of_a_file_does_not_tell_what_a_scorer_read_of_it(walled):
    size = 64 * mmap.PAGESIZE
    files = [walled.home / "folder" / name for name in ("mapped", "open")]
    for file in files:
        file.write_bytes(bytes(size))
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    held = []
    seen = []

    def dialogue(stdin, stdout):
        with Gate.of(stdin) as offered:
            asked(stdin, stdout)
            seen.append(offered.visible)
            held.append(offered.shut())
            asked(stdin, stdout)

    code = HOLDING.replace("sys.argv[1:]", repr([str(file) for file in files]))
    talk_with(walled, code, dialogue)
    skip_unless(seen)
    held[0].even_out(str(walled.scratch))
    for file in files:
        with file.open("rb") as opened:
            assert pages_in_memory(opened.fileno()) * mmap.PAGESIZE == size, file


def test_the_time_of_access_does_not_tell_what_is_read_later(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(10))
    os.utime(file, (1, 2))
    with file.open("rb") as opened:
        held = holdings.Holdings()
        held.add(os.getpid())
        told = file.stat().st_atime
        opened.read()
    held.forget()
    assert file.stat().st_atime == told


def test_a_scorer_that_holds_too_many_files_is_not_shown_any_data(best, monkeypatch):
    monkeypatch.setattr(holdings, "MOST_OPEN", 5)
    hoarding = 'files = [open(f"/tmp/{number}", "w") for number in range(6)]\n'
    reason, visible = shut_off(best, OFFERING + hoarding + ANSWERING)
    skip_unless([visible])
    assert reason is Hoarding


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filters_ask_for_names_and_let_the_rest_through(machine):
    asking, denying = traces.assemble(machine)
    arch = AUDIT_ARCH[machine]
    column = list(AUDIT_ARCH).index(machine)
    read = (0, 63)
    write = (1, 64)
    for numbers in traces.TRACING.values():
        if numbers[column] is not None:
            assert decide(asking, arch, numbers[column], 0) == ASK
    for call in (read, write):
        assert decide(asking, arch, call[column], 0) == ALLOW
        assert decide(denying, arch, call[column], 0) == ALLOW
    sendto = traces.SENDTO[column]
    assert decide(denying, arch, sendto, 3, 0, 1, 0, 0) == ALLOW
    assert decide(denying, arch, sendto, 3, 0, 1, 0, 1 << 40) == ERRNO | errno.ENOSYS
    for numbers in traces.SENDS.values():
        assert decide(asking, arch, numbers[column], 0) == ALLOW  # the listener's own way
        assert decide(denying, arch, numbers[column], 0) == ERRNO | errno.ENOSYS
    with pytest.raises(KeyError):
        traces.assemble("riscv64")


def test_the_first_two_shapes_and_the_last_are_rehearsed_or_all():
    shapes = [Shape(4, columns, whole=False) for columns in (2, 5, 5, 9, 11)]
    few = Rehearsal(shapes, 24, complete=False)
    assert [shape.columns for shape in few.rehearsed] == [2, 5, 11]
    every = Rehearsal(shapes, 24, complete=True)
    assert [shape.columns for shape in every.rehearsed] == [2, 5, 9, 11]


LEARNING = (
    OFFERING
    + """
import struct
for number in range(9):
    rows, columns, _ = struct.unpack("<III", sys.stdin.buffer.read(12))
    if rows == 0:
        break
    sys.stdin.buffer.read(4 * rows * columns)
    if number == 1:
        time.sleep(0.5)
    os.write(1, bytes(1 + 2 * rows * columns * 24))
"""
)


def test_what_is_learnt_behind_a_rehearsal_counts_as_opening(best):
    """It holds for all answers that count, as what is learnt where the weights are loaded."""
    tokens = np.arange(33, dtype=np.int32) % 24
    validation = Validation(tokens, np.ones(24, np.int64), length=4)
    rng = np.random.default_rng(0)
    stopwatch = Stopwatch()

    def dialogue(stdin, stdout):
        rehearsal = Rehearsal(shapes_of(validation), validation.vocabulary, complete=False)
        rehearsal.hold(stdin, stdout, rng, stopwatch)
        score(validation, stdin, stdout, rng, stopwatch)

    talk_with(best, LEARNING, dialogue)
    assert stopwatch.answering.opening >= 0.5
