"""The wheel works in an environment of its own, outside the clone: `init` and `start` included."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.e2e.researcher import clean_environment

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def pip(*arguments: str) -> None:
    """Run pip without a network."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(ROOT))
    [path] = folder.glob("autoresearch-*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the dependencies installed here."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    [packages] = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        is_ours = entry.name.startswith(("_editable_impl_autoresearch", "autoresearch", "agent"))
        if not is_ours and not (packages / entry.name).exists():
            copy_of(entry, packages / entry.name)
    return folder / "bin"


def copy_of(entry: Path, place: Path) -> None:
    """Link the files of a package into another environment; copy them between file systems."""
    if not entry.is_dir():
        link(str(entry), str(place))
        return
    shutil.copytree(entry, place, copy_function=link, ignore=shutil.ignore_patterns("__pycache__"))


def link(source: str, target: str) -> None:
    """Give a file a second name, or copy it if that cannot be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def type_in(environment: Path, folder: Path, *arguments: str) -> str:
    """Run a program of the environment in `folder`, and return what it prints."""
    variables = clean_environment()
    variables["PATH"] = os.pathsep.join([str(environment), variables["PATH"]])
    variables["AUTORESEARCH_CACHE"] = str(folder.parent / "cache")
    run = subprocess.run(
        [str(environment / arguments[0]), *arguments[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_it_holds_the_three_packages_the_template_and_the_corpus(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {"agent", "autoresearch", "sandbox"} == {top for top in tops if ".d" not in top}
    for name in ("workspace/train.py", "workspace/prepare.py", "program.md"):
        assert f"agent/_template/{name}" in names
    for package in ("agent", "autoresearch", "sandbox"):
        assert f"{package}/py.typed" in names
    assert any(name.endswith("share/autoresearch/state-of-the-union.jsonl.xz") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_nothing_of_the_source_tree_is_used(environment: Path, tmp_path: Path) -> None:
    code = "import agent, autoresearch, sandbox, sys; print(agent.__file__, autoresearch.__file__,"
    code += " sandbox.__file__, *sys.path, sep='\\n')"
    places = type_in(environment, tmp_path, "python", "-c", code).splitlines()
    inside = [place for place in places if Path(place) == ROOT or "/tests/" in place]
    packages = {str(Path(place).parent.parent) for place in places[:3]}
    assert not inside
    assert packages == {str(next(environment.parent.glob("lib/python*/site-packages")))}


def test_a_night_runs_from_init_to_the_report(environment: Path, tmp_path: Path) -> None:
    type_in(environment, tmp_path, "autoresearch", "init", "research")
    folder = tmp_path / "research"
    # A budget in steps: in five seconds a busy machine may not make a single one.
    flags = ("--model", "none", "--trials", "1", "--budget", "3steps", "--baseline-repeats", "1")
    type_in(environment, folder, "autoresearch", "start", *flags)
    log = type_in(environment, folder, "autoresearch", "log")
    assert "baseline" in log
    type_in(environment, folder, "autoresearch", "report", "--output", "report.html")
    assert (folder / "report.html").stat().st_size > 10_000
    assert type_in(environment, folder, "python", "-m", "autoresearch", "status")
