"""The hash of what a prepare.py can run changes with every file that can hold code."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.project.prepare_code import code_of


def project(tmp_path: Path) -> tuple[Path, Path]:
    copy = tmp_path / "copy"
    (copy / "package").mkdir(parents=True)
    (copy / "prepare.py").write_text("import package.fetch\n")
    (copy / "package" / "fetch.py").write_text("A = 1\n")
    (copy / "package" / "link").symlink_to("fetch.py")
    shown = tmp_path / "repository" / ".venv"
    (shown / "lib").mkdir(parents=True)
    (shown / "lib" / "numpy.py").write_text("A = 1\n")
    return copy, shown


def test_the_same_files_have_the_same_hash_wherever_the_copy_lies(tmp_path: Path) -> None:
    copy, shown = project(tmp_path)
    before = code_of(copy, [str(shown)])
    copy.rename(tmp_path / "another")
    assert code_of(tmp_path / "another", [str(shown)]) == before
    assert before.files == 3 and before.places == (str(shown),)


def relink(copy: Path) -> None:
    (copy / "package" / "link").unlink()
    (copy / "package" / "link").symlink_to("../prepare.py")


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "a module": lambda copy, _: (copy / "package" / "fetch.py").write_text("A = 2\n"),
    "a new file": lambda copy, _: (copy / "json.py").write_text(""),
    "a new name": lambda copy, _: (copy / "package" / "fetch.py").rename(copy / "fetch.py"),
    "a link": lambda copy, _: relink(copy),
    "a new folder": lambda copy, _: (copy / "empty").mkdir(),
    "an installed package": lambda _, shown: (shown / "lib" / "numpy.py").write_text("A = 2\n"),
    "another installed package": lambda _, shown: (shown / "lib" / "a.pth").write_text("import x"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_it(tmp_path: Path, change: str) -> None:
    copy, shown = project(tmp_path)
    before = code_of(copy, [str(shown)])
    CHANGES[change](copy, shown)
    assert code_of(copy, [str(shown)]).sha256 != before.sha256


def test_times_that_somebody_set_back_hide_no_change(tmp_path: Path) -> None:
    copy, shown = project(tmp_path)
    file = shown / "lib" / "numpy.py"
    before = code_of(copy, [str(shown)])
    times = file.stat()
    file.write_text("A = 2\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert code_of(copy, [str(shown)]).sha256 != before.sha256
