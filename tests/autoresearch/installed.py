"""The wheel, and environments outside the clone that hold it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.e2e.researcher import clean_environment

ROOT = Path(__file__).parents[2]
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index")


def pip(*arguments: str, timeout: float = 600, **environment: str) -> str:
    """Run pip, and return what it prints; a failure fails the test."""
    run = _pip(arguments, timeout, environment)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def an_index_answers(folder: Path) -> bool:
    """Whether pip can reach a package index; `folder` takes what it loads."""
    words = ("download", "--no-deps", "--no-cache-dir", "-d", str(folder), "hatchling")
    return _pip(words, 120, {}).returncode == 0


def _pip(
    arguments: tuple[str, ...], timeout: float, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, **environment},
    )


def build_wheel(folder: Path) -> Path:
    """Build the wheel from the source tree into `folder`."""
    pip("wheel", *OFFLINE, "-w", str(folder), str(ROOT))
    [wheel] = folder.glob("autoresearch-*.whl")
    return wheel


def empty_environment(folder: Path) -> Path:
    """Make an environment without packages, and return the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin"


def offline(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel and the dependencies that are installed here."""
    programs = empty_environment(folder)
    pip("--python", str(programs / "python"), "install", "--no-deps", "--no-index", str(wheel))
    lend_packages(folder)
    return programs


def lend_packages(environment: Path) -> None:
    """Link the packages that are installed here into an environment, autoresearch left out."""
    [packages] = environment.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        is_ours = entry.name.startswith(("_editable_impl_autoresearch", "autoresearch", "agent"))
        if not is_ours and not (packages / entry.name).exists():
            _lend(entry, packages / entry.name)


def _lend(entry: Path, place: Path) -> None:
    """Link the files of a package into another environment; copy them between file systems."""
    if not entry.is_dir():
        _link(str(entry), str(place))
        return
    shutil.copytree(entry, place, copy_function=_link, ignore=shutil.ignore_patterns("__pycache__"))


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it if that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def variables_of(programs: Path, folder: Path) -> dict[str, str]:
    """Return the variables of a shell in which an environment is activated."""
    variables = clean_environment()
    variables["PATH"] = os.pathsep.join([str(programs), variables["PATH"]])
    variables["AUTORESEARCH_CACHE"] = str(folder.parent / "cache")
    return variables


def type_in(programs: Path, folder: Path, *arguments: str) -> str:
    """Run a program of an environment in `folder`, and return what it prints."""
    run = subprocess.run(
        [str(programs / arguments[0]), *arguments[1:]],
        cwd=folder,
        env=variables_of(programs, folder),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
