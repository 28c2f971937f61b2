"""Makes and removes the folders of one training, and its link to the data."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.errors import SandboxFault
from agent.git.home import remove_file
from sandbox.ground.lacks import next_after
from sandbox.ground.links import refuse_link_above
from sandbox.score.opened import link_files, unlink_files

WORKSPACE = "scratch/workspace"
"""Where the attempt's files lie: in what the training may write, and under its disk quota."""

Export = Callable[[str, Path], None]
"""Writes the files of a commit into a folder."""


@contextmanager
def exported(home: Path, commit: str, export: Export) -> Iterator[Path]:
    """Yield `home` with the attempt's files and an empty scratch; remove both afterwards.

    Others cannot pass it where a run has this user's own uid: what it leaves could lend them rights
    of this user's or of a group's. Raise SandboxFault if a folder cannot be made.
    """
    _remove(home)
    _make(home / "scratch")
    if os.geteuid() != 0:
        home.chmod(0o700)
    try:
        export(commit, home / WORKSPACE)
        yield home
    finally:
        _remove(home)


def put_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Replace files of an exported folder, keeping their modes. texts: by path.

    Raise SandboxFault for a path behind a link of the commit's.
    """
    for path, text in texts.items():
        refuse_link_above(folder, path)
        file = folder / path
        mode = file.stat().st_mode
        file.unlink()
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        file.chmod(mode)


@contextmanager
def own_data(data: str | None, folder: Path) -> Iterator[str | None]:
    """Yield the training data linked into `folder` for one training; None if impossible."""
    linked = data is not None and link_files(Path(data) / "train", folder)
    try:
        yield str(folder) if linked else None
    finally:
        unlink_files(folder)


def new_log(log: str) -> None:
    """Make the folder of a log, and remove earlier logs of this name: each is a new file.

    Raise SandboxFault if the folder cannot be made.
    """
    _make(Path(log).parent, exist_ok=True)
    for path in (Path(log), Path(log).with_suffix(".scoring.log")):
        remove_file(path)


def _make(folder: Path, exist_ok: bool = False) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except OSError as error:
        message = f"cannot make the trial's folder {folder}: {error.strerror}"
        raise SandboxFault(message, next_after(error, "df -h .")) from None


def _remove(folder: Path) -> None:
    """Remove a folder of a training, even if it is very deep or not writable."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(folder)], capture_output=True, check=False)
