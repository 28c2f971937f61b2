"""Temporary folders go with their owner, or with a later sweep; any tree can be removed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.ground import leftovers
from sandbox.ground.leftovers import remove_tree, sweep, temporary_folder

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from sandbox.ground.leftovers import temporary_folder\n"
    "with temporary_folder('test', Path(sys.argv[1])) as path: print(path, flush=True); "
    "time.sleep(60)"
)


@pytest.fixture
def owner(tmp_path):
    """Another process that holds a folder, and the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        path = Path(process.stdout.readline().strip())
        assert path.parent == tmp_path, "the owner did not start"
        yield process, path
        process.kill()


def test_a_folder_is_gone_when_its_owner_has_left(tmp_path):
    with temporary_folder("test", tmp_path) as path:
        (path / "deep").mkdir()
        assert path.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_owner_left_is_swept_and_what_is_held_is_not(tmp_path, owner):
    process, path = owner
    (path / "file").write_text("x")
    with temporary_folder("test", tmp_path):
        assert path.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    (tmp_path / "autoresearch-other-1").mkdir()
    with temporary_folder("test", tmp_path) as mine:
        assert {entry.name for entry in tmp_path.iterdir()} == {mine.name, "autoresearch-other-1"}


def test_a_link_that_looks_like_a_folder_of_ours_is_not_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    (tmp_path / "autoresearch-test-link1234").symlink_to("precious")
    sweep("test", tmp_path)
    assert (tmp_path / "precious/file").exists()


def test_a_folder_of_the_users_with_such_a_name_stays(tmp_path):
    (tmp_path / "autoresearch-test-results").mkdir()
    (tmp_path / "autoresearch-test-a1b2c3d4").mkdir()
    sweep("test", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["autoresearch-test-results"]


def test_a_sweep_beside_new_folders_takes_none_of_them(tmp_path):
    stop = threading.Event()

    def sweeping():
        while not stop.is_set():
            sweep("test", tmp_path)

    thread = threading.Thread(target=sweeping)
    thread.start()
    try:
        for _ in range(200):
            with temporary_folder("test", tmp_path) as path:
                (path / "file").write_text("x")
                assert (path / "file").exists()
    finally:
        stop.set()
        thread.join()


def deepen(top, levels):
    """Make a chain of folders below `top`, longer than any path may be."""
    here = os.open(top, leftovers.FOLDER)
    for _ in range(levels):
        os.mkdir("x" * 50, dir_fd=here)
        below = os.open("x" * 50, leftovers.FOLDER, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_a_tree_deeper_than_any_path_is_removed(tmp_path):
    (tmp_path / "top").mkdir()
    deepen(tmp_path / "top", 1100)
    (tmp_path / "outside").write_text("x")
    (tmp_path / "top/link").symlink_to("../outside")
    (tmp_path / "top/closed").mkdir(mode=0o000)
    remove_tree(tmp_path / "top")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
