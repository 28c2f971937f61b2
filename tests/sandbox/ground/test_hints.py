"""A failure that comes of the sandbox says so, with the setting that changes it."""

import threading
from pathlib import Path

import pytest

from sandbox.ground.budget import Budget
from sandbox.ground.hints import Room, hint_of
from sandbox.ground.outcome import MIB, Crashed, Limits, OutOfMemory, Usage
from sandbox.score.measure import Job, Unscored, measure
from tests.sandbox.every_tier import Place

USAGE = Usage(seconds=1.0)
CRASHED = Crashed(usage=USAGE, exit_code=1)
WORDS = {
    "import urllib.request as r; r.urlopen('http://example.com')": "no network",
    "import socket; socket.create_connection(('192.0.2.1', 80))": "network",
    "open('/usr/x', 'w')": "only the trial's copy",
    "import nothing_of_the_kind": "install nothing_of_the_kind there",
    "open('data/x.csv')": 'read_only = ["data"]',
    "open('/srv/nothing/x.csv')": "read_only = [",
    "import os; os.environ['DATA_DIR']": 'environment = ["DATA_DIR"]',
    "open('big', 'wb').write(bytes(20 << 20))": 'disk = "',
    "print('x' * (2 << 20))": 'output = "',
    "bytearray(1 << 29); import time; time.sleep(9)": 'memory = "',
}


def measured(place: Place, source: str) -> Unscored:
    """Measure a failing script, whose project has data that git does not."""
    copy = place.scratch / "workspace"
    checkout = place.home / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/x.csv").write_text("1")
    copy.mkdir()
    (copy / "train.py").write_text(source)
    limits = Limits(wall_seconds=30, disk_bytes=16 * MIB, output_bytes=MIB, memory_bytes=256 * MIB)
    given = place.given()
    job = Job(
        folder=str(copy),
        scratch=str(place.scratch),
        log=str(place.home / "log"),
        data=None,
        budget=Budget(amount=5, unit="s"),
        seed=0,
        score="printed",
        limits=limits,
        checkout=str(checkout),
        python=given["python"],
        read_only=given.get("read_only", ()),
    )
    result = measure(job, place.runner, threading.Event())
    assert isinstance(result, Unscored), result
    return result


@pytest.mark.parametrize("source", WORDS)
def test_a_failure_of_the_room_names_what_changes_it(best: Place, source: str) -> None:
    assert WORDS[source] in measured(best, source).detail or best.tier == "C"


@pytest.mark.slow
@pytest.mark.parametrize("source", WORDS)
def test_so_it_does_on_every_tier(walled: Place, source: str) -> None:
    detail = measured(walled, source).detail
    assert WORDS[source] in detail or (walled.tier == "C" and "Errno 13" in detail)


def test_a_failure_of_its_own_has_no_hint(best: Place) -> None:
    assert measured(best, "raise ValueError('x')").detail == "ValueError: x"


def room(log: Path, words: str, tier: str = "A") -> Room:
    log.write_text(words)
    return Room(tier, log, "/p/bin/python", log.parent / "checkout", log.parent / "copy")


def test_what_a_log_said_before_its_last_traceback_is_no_cause(tmp_path: Path) -> None:
    words = "OSError: [Errno 30] Read-only file system\nTraceback (most recent call last):\nE: x\n"
    assert hint_of(CRASHED, room(tmp_path / "log", words)) == ""


@pytest.mark.parametrize("name", [".git/config", ".autoresearch/x", "../secret", "/etc/shadow"])
def test_a_hint_does_not_tell_whether_another_file_is_there(tmp_path: Path, name: str) -> None:
    """A training can print what it likes, and ask for a hint by that."""
    (tmp_path / "checkout/.git").mkdir(parents=True)
    (tmp_path / "checkout/.git/config").write_text("")
    (tmp_path / "secret").write_text("")
    words = f"FileNotFoundError: [Errno 2] No such file or directory: '{name}'"
    answer = hint_of(CRASHED, room(tmp_path / "log", words))
    assert answer == hint_of(CRASHED, room(tmp_path / "log", words.replace(name, name + "x")))


def test_a_name_that_no_file_can_have_ends_no_night(tmp_path: Path) -> None:
    name = "a" * 290
    words = f"FileNotFoundError: [Errno 2] No such file or directory: '{name}'"
    assert hint_of(CRASHED, room(tmp_path / "log", words)) == ""


def test_the_loopback_of_tier_c_is_explained_and_a_gpus_own_memory_is_not(tmp_path: Path) -> None:
    words = "OSError: [Errno 97] Address family not supported by protocol"
    assert "loopback included" in hint_of(CRASHED, room(tmp_path / "log", words, "C"))
    assert hint_of(CRASHED, room(tmp_path / "log", words, "none")) == ""
    allocator = OutOfMemory(usage=USAGE, evidence="its output says 'CUDA out of memory'")
    assert hint_of(allocator, room(tmp_path / "log", "")) == ""


def test_what_git_lfs_has_not_fetched_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "train.csv").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    failed = room(tmp_path / "log", "ValueError: not enough values to unpack")
    assert hint_of(CRASHED, failed) == ""  # a text of the project's own
    (copy / ".gitattributes").write_text("*.csv filter=lfs diff=lfs merge=lfs -text\n")
    assert 'type git lfs pull; read_only = ["train.csv"] in' in hint_of(CRASHED, failed)


def test_shared_memory_that_is_full_is_told_from_a_full_disk(tmp_path: Path) -> None:
    full = "RuntimeError: unable to write to file </torch_7_0>: No space left on device (28)"
    assert 'memory = "' in hint_of(CRASHED, room(tmp_path / "log", full))
    assert "disk = " in hint_of(CRASHED, room(tmp_path / "log", full.replace("</torch", "</x")))
