"""Plain files that others wrote: links and pipes are not read."""

import os
from pathlib import Path

from sandbox.ground.plain_files import start_of


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
