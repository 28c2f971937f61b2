"""What a run holds on the disk is counted; a full disk is the harness's own failure."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox.ground import processes
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import remove_tree
from sandbox.ground.log import Log
from sandbox.ground.outcome import MIB, Finished, LimitExceeded
from sandbox.limits import disk, held
from sandbox.limits.disk import CLOSED, Disk, folder_use
from sandbox.limits.meter import LONGEST_PAUSE, Meter
from tests.sandbox.as_user import call, place_of
from tests.sandbox.every_tier import RUNNERS, Place, folders, living, why_not
from tests.sandbox.ground.test_leftovers import deepen

PLENTY = 1 << 40


@pytest.fixture
def scratch():
    """A folder on a real disk, removed however deep it is."""
    with folders() as home:
        yield home / "scratch"
        remove_tree(home / "scratch")
        (home / "scratch").mkdir()


def test_every_level_counts_also_where_no_path_leads(scratch):
    deepen(scratch, 300)  # 15,000 characters
    assert folder_use(str(scratch), PLENTY) >= 300 * disk.BYTES_PER_ENTRY


def test_no_more_is_looked_at_than_tells_that_it_is_too_much(scratch):
    for number in range(100):
        (scratch / str(number)).touch()
    assert 10 * 4096 < folder_use(str(scratch), 10 * 4096) < 20 * 4096


def test_a_file_with_several_names_counts_once_and_a_sparse_one_for_what_it_holds(scratch):
    (scratch / "file").write_bytes(bytes(4 * MIB))
    for number in range(5):
        os.link(scratch / "file", scratch / f"name{number}")
    with (scratch / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert 4 * MIB <= folder_use(str(scratch), PLENTY) < 5 * MIB


def test_a_link_is_not_followed(scratch):
    (scratch / "link").symlink_to("/usr")
    assert folder_use(str(scratch), PLENTY) < MIB


def closed_folders():
    """Return what a user's folders count for that can be listed, entered, or neither."""
    with folders() as home:
        counted = []
        for mode in (0o400, 0o100, 0o000):
            closed = home / "scratch/closed"
            closed.mkdir()
            (closed / "file").touch()
            closed.chmod(mode)
            counted.append(folder_use(str(home / "scratch"), PLENTY))
            closed.chmod(0o700)
            remove_tree(closed)
        return counted


def test_a_folder_that_is_closed_to_the_harness_is_too_much():
    assert call("nobody", closed_folders) == [CLOSED] * 3


def test_a_folder_that_moves_while_it_is_counted_is_too_much_or_counted(scratch, monkeypatch):
    monkeypatch.setattr(disk, "OPEN_LEVELS", 2)
    top = scratch / "a/b/c/d/e"
    top.mkdir(parents=True)
    (scratch / "elsewhere").mkdir()
    real = disk._count_entries

    def moving(level, count):
        real(level, count)
        if (scratch / "a/b/c/d/e").exists() and not level.folders:
            (scratch / "a/b/c/d").rename(scratch / "elsewhere/d")

    monkeypatch.setattr(disk, "_count_entries", moving)
    assert folder_use(str(scratch), PLENTY) == CLOSED


def test_a_folder_that_is_gone_holds_nothing(scratch):
    assert folder_use(str(scratch / "gone"), PLENTY) == 0


def test_descriptors_in_a_socket_are_seen_and_told_from_those_on_their_way(monkeypatch):
    ours, theirs = socket.socketpair()
    queues = held.Queues()
    with ours, theirs, Path("/dev/null").open() as file:
        assert not queues.hide([os.getpid()])
        socket.send_fds(ours, [b"x"], [file.fileno()])
        assert held.sockets_with_descriptors([os.getpid()])
        assert not queues.hide([os.getpid()])
        monkeypatch.setattr(held, "LASTING_SECONDS", 0.0)
        assert queues.hide([os.getpid()])
        _, received, _, _ = socket.recv_fds(theirs, 10, 10)
        os.close(received[0])
        assert not queues.hide([os.getpid()])


@pytest.mark.skipif(processes.KCMP is None, reason="this kernel is not asked which threads share")
def test_descriptors_that_threads_share_are_looked_at_once(monkeypatch):
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert len(list(processes.descriptor_tables(os.getpid()))) == 1
        monkeypatch.setattr(processes, "KCMP", None)
        assert len(list(processes.descriptor_tables(os.getpid()))) >= 2, "else of each"
    finally:
        over.set()
        thread.join()


SENDER = """
import os, socket, sys
ours, theirs = socket.socketpair()
file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
os.unlink(sys.argv[1])
os.write(file, bytes(24 << 20))
socket.send_fds(ours, [b"x"], [file])
os.close(file)
print("sent", flush=True)
sys.stdin.read()
"""


def test_what_waits_in_a_socket_counts_also_where_others_make_room(scratch, monkeypatch):
    monkeypatch.setattr(held, "LASTING_SECONDS", 0.0)
    neighbour = scratch.parent / "neighbour"
    with neighbour.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 64 * MIB)
    command = [sys.executable, "-c", SENDER, str(scratch / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        measured = Disk(str(scratch), 16 * MIB, lambda: [sender.pid])
        sender.stdout.readline()
        neighbour.unlink()
        assert measured.read() >= 24 * MIB
        sender.communicate()


def test_what_was_removed_before_it_reached_the_disk_is_not_written(monkeypatch):
    texts = {
        "/proc/7/io": "wchar: 9000\nwrite_bytes: 5000\ncancelled_write_bytes: 2000\n",
        "/proc/8/io": "wchar: 9000\nwrite_bytes: 100\ncancelled_write_bytes: 0\n",
    }
    monkeypatch.setattr(disk, "read_file", lambda path: texts.get(path, ""))
    assert disk.bytes_written([7, 8, 9]) == 3100, "and 9 has ended"


def test_the_pause_follows_the_processor_and_has_a_ceiling():
    def dear():
        deadline = time.thread_time() + 0.1
        while time.thread_time() < deadline:
            pass
        return 0

    busy = Meter(dear)
    busy.over(1, 100.0)
    assert busy.due == 100.0 + LONGEST_PAUSE
    waiting = Meter(lambda: time.sleep(0.2) or 0)
    waiting.over(1, 100.0)
    assert waiting.due < 100.3  # a wait costs nobody anything


def test_a_grown_device_asks_for_a_look_at_once(scratch):
    measured = Disk(str(scratch), 8 * MIB, list)
    measured.read()
    assert not measured.urgent()
    (scratch / "file").write_bytes(os.urandom(64 * MIB))
    os.sync()
    assert measured.urgent()


def test_a_nearly_full_device_is_the_harness_s_fault(scratch):
    measured = Disk(str(scratch), 8 * MIB, list)
    measured.check_floor()
    measured.floor = 1 << 62
    with pytest.raises(SandboxFault, match="is nearly full") as caught:
        measured.check_floor()
    assert caught.value.next_command == f"df -h {scratch}"


def test_a_run_that_removes_its_folder_breaks_nothing(place):
    code = f"""
        import shutil, time
        shutil.rmtree({str(place.scratch)!r}, ignore_errors=True)
        time.sleep(0.5)
        """
    assert isinstance(place.run(code).outcome, Finished)
    place.scratch.mkdir(exist_ok=True)


def test_a_folder_that_somebody_else_removes_is_named(tmp_path):
    """As by `rm -r .autoresearch` while a run works."""
    scratch = tmp_path / "room" / "scratch"
    scratch.mkdir(parents=True)
    measured = Disk(str(scratch), 8 * MIB, list)
    shutil.rmtree(scratch)
    measured.check_floor()
    shutil.rmtree(scratch.parent)
    with pytest.raises(SandboxFault, match="was removed"):
        measured.read()


def two_kinds_of_shared_memory(tier):
    """Return how a run ends that holds shared pages and a file of memory, each below the limit."""
    code = """
        import mmap, os, time
        hog = mmap.mmap(-1, 120 << 20)
        for at in range(0, len(hog), 4096): hog[at] = 1
        file = os.memfd_create("hog")
        for _ in range(120): os.write(file, bytes(1 << 20))
        time.sleep(60)
        """
    with folders() as home:
        return (
            place_of(tier, home)
            .run(code, memory_bytes=200 * MIB, disk_bytes=1024 * MIB)
            .outcome.kind
        )


@pytest.mark.parametrize("tier", RUNNERS)
def test_two_kinds_of_shared_memory_count_together(tier):
    if reason := why_not(tier):
        pytest.skip(reason)
    assert call("nobody", two_kinds_of_shared_memory, tier) == "out-of-memory"


# ---------------------------------------------------------------- the log


@pytest.fixture
def small_disk(tmp_path):
    """A mounted disk of 256 KiB."""
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", tmp_path], check=False
        ).returncode
    ):
        pytest.skip("only root can mount a small disk")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_disk_that_fills_while_a_training_prints_is_told_as_that(place, small_disk):
    spec = place.spec(
        f"import os, time  # {place.mark}\nos.write(1, bytes(1 << 20)); time.sleep(60)"
    )
    began = time.monotonic()
    with pytest.raises(SandboxFault, match="no space left") as caught:
        place.runner.run(
            spec.model_copy(update={"log": str(small_disk / "log")}), threading.Event()
        )
    assert time.monotonic() - began < 20
    assert caught.value.next_command == f"df -h {small_disk}"
    assert living(place.mark) == []


def test_a_conversation_on_a_full_disk_is_told_as_that(place, small_disk):
    spec = place.spec("import os, sys; os.write(2, bytes(1 << 20)); sys.stdin.read()")
    with pytest.raises(SandboxFault, match="no space left"):
        place.runner.converse(
            spec.model_copy(update={"log": str(small_disk / "log")}),
            threading.Event(),
            lambda stdin, stdout: stdout.readline(),
        )


def test_a_log_replaces_what_was_there_and_follows_nothing(tmp_path):
    (tmp_path / "log").write_text("before")
    with Log(str(tmp_path / "log")) as log:
        log.write(b"now")
    assert (tmp_path / "log").read_text() == "now"
    (tmp_path / "link").symlink_to("log")
    os.link(tmp_path / "log", tmp_path / "second")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "second", "fifo", "nowhere/log"):
        with pytest.raises(SandboxFault, match="log") as caught:
            Log(str(tmp_path / name))
        assert caught.value.next_command == (None if "/" in name else f"rm {tmp_path / name}")
    assert (tmp_path / "log").read_text() == "now"


# ---------------------------------------------------------------- cores


def test_asking_for_other_cores_changes_nothing_and_libraries_go_on(walled):
    core = min(os.sched_getaffinity(0))
    code = """
        import json, os
        os.sched_setaffinity(0, range(64))
        print(json.dumps(list(os.sched_getaffinity(0))))
        """
    assert walled.run(code, cpus=(core,)).value == [core]


def test_a_plain_run_that_takes_other_cores_is_ended():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core is all there is")
    core = min(os.sched_getaffinity(0))
    with folders() as home:
        place = Place(RUNNERS["none"](), home)
        ran = place.run(
            "import os, time; os.sched_setaffinity(0, range(64)); time.sleep(60)", cpus=(core,)
        )
        assert isinstance(ran.outcome, LimitExceeded)
        assert ran.outcome.limit == "cores"
        assert isinstance(
            place.run(f"import os; os.sched_setaffinity(0, [{core}])", cpus=(core,)).outcome,
            Finished,
        )
