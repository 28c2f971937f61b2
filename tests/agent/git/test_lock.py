"""The lock of a run: one process at a time, gone with its owner, and never in the way of a look."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import HistoryFault, RunBusy
from agent.git.lock import hold, holder

HOLD = """
import sys, time
from pathlib import Path
from agent.git.lock import hold
file = hold(Path(sys.argv[1]), "x")
print("held", flush=True)
time.sleep(60)
"""


def other(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def test_two_processes(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "t" / "lock"
    process = other(path)
    try:
        with pytest.raises(RunBusy, match=f"process {process.pid} works on the run t") as busy:
            hold(path, "the run t")
        assert "autoresearch status" in str(busy.value.next_command)
        assert holder(path) == process.pid
    finally:
        end(process)
    assert holder(path) is None, "kill -9 frees it"
    hold(path, "the run t").close()


def test_one_process_twice(tmp_path: Path) -> None:
    with hold(tmp_path / "lock", "x"):
        assert holder(tmp_path / "lock") == os.getpid()
        with pytest.raises(RunBusy):
            hold(tmp_path / "lock", "x")
    assert holder(tmp_path / "lock") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"1", b"4000000000", b"no number", b"\xff\xfe\0", b"9" * 10**6, b"-3", "²".encode()],
)
def test_what_a_dead_process_or_an_editor_left_in_the_file(tmp_path: Path, content: bytes) -> None:
    """Only the kernel's lock counts; the number in the file is for the message."""
    path = tmp_path / "lock"
    path.write_bytes(content)
    assert holder(path) is None
    with hold(path, "x"):
        assert path.read_text() == str(os.getpid())
        path.write_bytes(content)
        assert isinstance(holder(path), int)
        with pytest.raises(RunBusy):
            hold(path, "x")


def test_looking_on_does_not_make_it_busy(tmp_path: Path) -> None:
    """`status` in a loop beside a start: whoever looks holds the lock for an instant."""
    path = tmp_path / "lock"
    hold(path, "x").close()
    program = (
        "import sys\nfrom pathlib import Path\nfrom agent.git.lock import holder\n"
        "while True: holder(Path(sys.argv[1]))"
    )
    looking = subprocess.Popen([sys.executable, "-c", program, str(path)])
    try:
        for _ in range(200):
            hold(path, "x").close()
    finally:
        looking.kill()
        looking.wait()


def test_nothing_there(tmp_path: Path) -> None:
    assert holder(tmp_path / "no" / "lock") is None
    assert not (tmp_path / "no").exists(), "looking makes nothing"


def test_a_place_that_takes_no_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "lock", tmp_path / "folder"):
        for call in (lambda path=path: hold(path, "x"), lambda path=path: holder(path)):
            with pytest.raises(HistoryFault, match="lock") as fault:
                call()
            assert not isinstance(fault.value, RunBusy)
