"""Plain files that others wrote: links and pipes are not read."""

import os
from pathlib import Path

import pytest

from sandbox.ground.plain_files import lines_of, named_file, start_of


def test_start_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(b"DEPTH = 8\r\n")
    assert start_of(tmp_path / "train.py", 5) == b"DEPTH"
    assert start_of(tmp_path / "train.py", 100) == b"DEPTH = 8\r\n"


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    assert start_of(tmp_path / "link", 100) is None
    assert start_of(tmp_path / "pipe", 100) is None
    assert start_of(tmp_path, 100) is None


def test_a_file_that_a_user_names(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"text")
    (tmp_path / "link").symlink_to("own")
    assert named_file(tmp_path / "link", 4) == b"text"
    with pytest.raises(OSError, match="more than 3 bytes"):
        named_file(tmp_path / "own", 3)
    with pytest.raises(OSError, match="no file"):
        named_file(tmp_path, 3)


def test_the_lines_of_what_is_no_plain_file_of_the_folder_are_none(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("a\nb\n")
    assert lines_of(tmp_path, "own.py") == 2
    (tmp_path / "link").symlink_to(tmp_path.parent)
    os.mkfifo(tmp_path / "pipe")
    behind = f"link/{tmp_path.name}/own.py"
    for name in (behind, "link", "pipe", "none", "a" * 5000, "half \ud800", "nul\0"):
        assert lines_of(tmp_path, name) == 0
