"""The folder of an allocation, the commands, and what a node does with its environment."""

import os
import re
import socket
import stat
from pathlib import Path

import pytest

from agent.errors import Fault, UsageFault
from agent.evaluate.slurm import node
from agent.evaluate.slurm.allocation import Allocation, end_earlier, read_allocation, remember
from agent.evaluate.slurm.commands import Job, submit
from agent.evaluate.slurm.folder import Folder, Head, allocations, write_json


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_token_is_for_the_user_alone_and_never_the_same() -> None:
    before = os.umask(0)
    try:
        one = Folder.new("night")
        two = Folder.new("night")
    finally:
        os.umask(before)
    assert mode(one.token) == 0o600
    assert mode(one.path) == 0o700
    assert len(one.token.read_text()) == 64
    assert one.token.read_text() != two.token.read_text()
    assert re.fullmatch(r"night-\d{4}-\d{6}-[0-9a-f]{6}", one.path.name)
    assert one.path.parent == allocations() == two.path.parent


def test_a_file_is_whole_on_the_disk_before_it_has_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = Folder.new("night")
    seen: list[tuple[bool, str]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        [draft] = folder.path.glob(".batch.sh.*")
        seen.append((folder.batch.exists(), draft.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    folder.write(folder.batch, "#!/bin/sh\n")
    assert seen == [(False, "#!/bin/sh\n")]
    assert mode(folder.batch) == 0o600
    assert sorted(path.name for path in folder.path.iterdir()) == ["batch.sh", "token"]


def test_what_the_job_printed_is_its_end_and_never_a_links(tmp_path: Path) -> None:
    folder = Folder.new("night")
    assert folder.output_end() == ""
    folder.log.write_bytes(b"x" * 3000 + b"\nthe \xff end \n")
    assert folder.output_end().endswith("the \ufffd end") and len(folder.output_end()) < 2000
    folder.log.unlink()
    (tmp_path / "secret").write_text("a secret")
    folder.log.symlink_to(tmp_path / "secret")
    assert folder.output_end() == ""


def test_a_folder_that_others_can_write_is_refused() -> None:
    Folder.new("night")
    allocations().chmod(0o777)
    with pytest.raises(Fault, match="can be written by others"):
        Folder.new("night")


def test_a_folder_that_cannot_be_made_is_told(state: Path) -> None:
    state.write_text("a file is in the way")
    with pytest.raises(Fault, match=r"cannot write .*/autoresearch/slurm/night-") as fault:
        Folder.new("night")
    assert fault.value.next_command == "df -h ~"


def test_the_head_is_read_once_it_is_written_whole() -> None:
    folder = Folder.new("night")
    assert folder.reached() is None
    folder.head.write_text('{"client": "ray://10.0')
    assert folder.reached() is None
    head = Head(client="ray://10.0.0.7:1", cluster="10.0.0.7:2")
    write_json(folder, folder.head, head)
    assert folder.reached() == head


def test_a_link_in_place_of_the_address_is_not_followed(tmp_path: Path) -> None:
    folder = Folder.new("night")
    (tmp_path / "other").write_text('{"client": "ray://evil:1", "cluster": "evil:2"}')
    folder.head.symlink_to(tmp_path / "other")
    assert folder.reached() is None


def test_the_record_of_an_allocation_survives_a_second_and_torn_writes(tmp_path: Path) -> None:
    path = tmp_path / "allocation.json"
    assert read_allocation(path) is None
    remember(path, Allocation(job=1, folder="/a", driver="outside"))
    remember(path, Allocation(job=2, folder="/b", driver="inside"))
    assert read_allocation(path) == Allocation(job=2, folder="/b", driver="inside")
    path.write_text('{"job": 2')
    assert read_allocation(path) is None


def test_a_record_that_somebody_else_wrote_ends_no_job_and_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's folder may have come with it. Slurm is not asked: it is not here."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "token").write_text("of something else")
    record = tmp_path / "allocation.json"
    remember(record, Allocation(job=1, folder=str(tmp_path), driver="outside"))
    end_earlier(record)
    assert (tmp_path / "token").exists() and not record.exists()
    own = Folder.new("night")
    remember(record, Allocation(job=1, folder=str(own.path), driver="outside"))
    with pytest.raises(UsageFault, match="squeue"):
        end_earlier(record)


def test_without_slurm_the_fault_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageFault, match="sbatch is not here"):
        submit(tmp_path / "batch.sh")


def test_a_job_in_the_queue_is_said_with_its_reason() -> None:
    job = Job(number=7, state="PENDING", reason="Priority", starts="2026-11-30T03:00:00")
    assert job.text == "job 7 waits in the queue: Priority, may start at 2026-11-30T03:00:00"
    assert (job.waits, job.works) == (True, False)
    unknown = Job(number=7, state="PENDING", reason="Resources", starts="N/A")
    assert unknown.text == "job 7 waits in the queue: Resources"
    none = Job(number=7, state="CONFIGURING", reason="None")
    assert none.text == "job 7 waits in the queue"
    works = Job(number=7, state="RUNNING", nodes="a[1-2]", reason="None")
    assert (works.text, works.waits, works.works) == ("job 7 is RUNNING on a[1-2]", False, True)
    gone = Job(number=7, state="GONE")
    assert (gone.text, gone.waits, gone.works) == ("job 7 is GONE on no node", False, False)
    waiting = "PENDING CONFIGURING REQUEUED REQUEUE_HOLD SPECIAL_EXIT"
    assert all(Job(number=7, state=state).waits for state in waiting.split())
    working = "RUNNING COMPLETING SUSPENDED STOPPED RESIZING SIGNALING"
    assert all(Job(number=7, state=state).works for state in working.split())


def test_nothing_of_the_users_environment_travels_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    folder = Folder.new("night")
    own = node.environment(folder)
    assert "secret" not in own.values()
    assert not [name for name in own if "KEY" in name or name.startswith("SLURM")]
    assert own["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert own["RAY_AUTH_TOKEN_PATH"] == str(folder.token)
    assert folder.token.read_text() not in own.values()


def test_a_driver_is_seen_by_its_connection_and_missed_when_it_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert node.connections(port) == 0
        with socket.create_connection(("127.0.0.1", port)) as driver:
            accepted, _ = server.accept()
            assert node.connections(port) == 1
            driver.close()
            accepted.close()
        assert node.connections(port) == 0
