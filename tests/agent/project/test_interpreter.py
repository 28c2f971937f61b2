"""The interpreter of trainings: where it is found, what it shows, and what is wrong with one."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.project.find import Project, find_project
from agent.project.interpreter import Interpreter, interpreter_of
from agent.project.settings import Settings
from tests.agent.study import make_repository

BASE = Path(os.path.realpath(sys.executable))
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def make_venv(folder: Path, home: Path = BASE.parent, version: str = "3.12.1") -> Path:
    """Make an environment as venv and uv lay it out; return its interpreter."""
    packages = folder / f"lib/python{VERSION}/site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(BASE)
    (folder / "bin/python").symlink_to("python3")
    (folder / "pyvenv.cfg").write_text(f"home = {home}\nversion_info = {version}\n")
    return folder / "bin/python"


def project_in(folder: Path, settings: Settings | None = None) -> Project:
    return find_project(make_repository(folder), settings or Settings())


def found(project: Project, settings: Settings | None = None, **variables: str) -> Interpreter:
    return interpreter_of(project, settings or Settings(), variables)


def test_the_harness_s_own_where_a_project_has_none(tmp_path: Path) -> None:
    interpreter = found(project_in(tmp_path))
    assert (interpreter.path, interpreter.is_own) == (sys.executable, False)
    assert "autoresearch itself" in interpreter.label


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_the_environment_in_the_project(tmp_path: Path, name: str) -> None:
    project = project_in(tmp_path)
    python = make_venv(tmp_path / name)
    (tmp_path / name / f"lib/python{VERSION}/site-packages/jax").mkdir()
    interpreter = found(project, VIRTUAL_ENV="/elsewhere")
    assert (interpreter.path, interpreter.version) == (str(python), "3.12.1")
    assert interpreter.leads_to == str(BASE)
    assert (interpreter.has("jax"), interpreter.has("torch")) == (True, False)
    assert str(tmp_path / name / "lib") in interpreter.binds
    assert str(BASE.parent.parent / "lib") in interpreter.binds or str(BASE).startswith("/usr/")
    assert str(python) in interpreter.label and str(BASE) in interpreter.label


def test_the_folder_of_the_settings_comes_before_the_repository_s(tmp_path: Path) -> None:
    make_repository(tmp_path)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "train.py").write_text("")
    outer = make_venv(tmp_path / ".venv")
    assert found(find_project(inner, Settings())).path == str(outer)
    own = make_venv(inner / ".venv")
    assert found(find_project(inner, Settings())).path == str(own)


def test_a_setting_comes_first_and_an_active_environment_last(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project")
    active = make_venv(tmp_path / "conda")
    conda = {"CONDA_PREFIX": str(tmp_path / "conda"), "CONDA_DEFAULT_ENV": "mine"}
    assert found(project, **conda).path == str(active)
    assert not found(project, **{**conda, "CONDA_DEFAULT_ENV": "base"}).is_own
    virtual = {"VIRTUAL_ENV": str(tmp_path / "conda"), "CONDA_DEFAULT_ENV": "base"}
    assert found(project, **virtual).path == str(active), "conda's base is active behind it"
    own = make_venv(tmp_path / "project/.venv")
    assert found(project, **conda).path == str(own)
    named = make_venv(tmp_path / "project/env")
    settings = Settings(python="env/bin/python")
    interpreter = found(project, settings, **conda)
    assert (interpreter.path, interpreter.origin) == (str(named), "settings")


def test_an_environment_of_copies_shows_what_it_was_made_of(tmp_path: Path) -> None:
    """No link leads from its program to the standard library."""
    project = project_in(tmp_path / "project")
    base = make_venv(tmp_path / "base")
    python = make_venv(tmp_path / "project/.venv", home=base.parent)
    python.unlink()
    shutil.copy(BASE, python)
    assert str(tmp_path / "base/lib") in found(project).binds


def test_an_environment_that_says_no_version_has_that_of_its_files(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    make_venv(tmp_path / ".venv")
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"home = {BASE.parent}\n")
    assert found(project).version == VERSION


def test_what_is_installed_as_editable_is_known_by_its_folders(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    make_venv(tmp_path / ".venv")
    packages = tmp_path / f".venv/lib/python{VERSION}/site-packages"
    for name in ("src", "lib/mypkg"):
        (tmp_path / name).mkdir(parents=True)
    (packages / "_project.pth").write_text(
        f"{tmp_path}/src\nimport sys\n{tmp_path}/gone\n/{'a' * 300}\n"
    )
    finder = f"MAPPING: dict[str, str] = {{'mypkg': '{tmp_path}/lib/mypkg'}}\n"
    (packages / "__editable___mypkg_0_finder.py").write_text(finder)
    interpreter = found(project)
    assert interpreter.sources == (f"{tmp_path}/src", f"{tmp_path}/lib")
    assert interpreter.inside(tmp_path) == ("src", "lib")
    assert interpreter.inside(tmp_path / "src") == (".",)


def break_link(python: Path) -> None:
    python.unlink()
    python.symlink_to("/nowhere/python3.9")


def lead_to_a_secret(python: Path) -> None:
    (python.parents[2] / "python3").write_text("secret")
    python.unlink()
    python.symlink_to(python.parents[2] / "python3")


def lead_out(python: Path) -> None:
    secret = python.parents[2] / "secret"
    secret.mkdir()
    (python.parents[1] / "include").symlink_to(secret)


def lose_its_base(python: Path) -> None:
    (python.parents[1] / "pyvenv.cfg").write_text("home = /nowhere/bin\n")


def name_no_folder(python: Path) -> None:
    (python.parents[1] / "pyvenv.cfg").write_text(f"home = /{'a' * 300}\n")


def be_old(python: Path) -> None:
    (python.parents[1] / "pyvenv.cfg").write_text(f"home = {BASE.parent}\nversion = 3.6.9\n")


BROKEN = {
    break_link: "leads to /nowhere/python3.9, which does not exist",
    lambda python: python.unlink(): "is not there",
    lead_to_a_secret: "which is no Python itself",
    lead_out: "leads out of its environment",
    lose_its_base: "is made of /nowhere/bin, which is gone",
    name_no_folder: "is made of /a{300}, which is gone",
    be_old: "trainings need 3.9 or newer",
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_environment_is_told_with_what_mends_it(tmp_path: Path, damage) -> None:
    project = project_in(tmp_path)
    damage(make_venv(tmp_path / ".venv"))
    with pytest.raises(ProjectFault, match=BROKEN[damage]) as fault:
        found(project)
    assert fault.value.next_command is not None
    assert fault.value.next_command.startswith("python3 -m venv --clear")
    (tmp_path / "uv.lock").write_text("")
    with pytest.raises(ProjectFault) as fault:
        found(project)
    assert fault.value.next_command == f"uv sync --directory {tmp_path}"


def test_a_setting_that_names_nothing_is_told_with_its_file(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    for name in ("env/bin/python", "python9.9", "~nobody9/bin/python", "a\0b/bin/python"):
        with pytest.raises(ProjectFault, match="is not there") as fault:
            found(project, Settings(python=name))
        assert fault.value.next_command == f"$EDITOR {tmp_path}/autoresearch.toml   # python = …"


def test_a_script_is_no_interpreter(tmp_path: Path) -> None:
    """A shim would start something else, from a folder that no sandbox shows."""
    project = project_in(tmp_path)
    shim = tmp_path / "bin/python"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\ntouch /tmp/started\n")
    shim.chmod(0o755)
    with pytest.raises(ProjectFault, match="no Python itself"):
        found(project, Settings(python="bin/python"))


def test_no_pipe_is_waited_for(tmp_path: Path) -> None:
    """A received environment may have one where a file is read."""
    project = project_in(tmp_path)
    make_venv(tmp_path / ".venv")
    (tmp_path / ".venv" / "pyvenv.cfg").unlink()
    packages = tmp_path / ".venv" / f"lib/python{VERSION}/site-packages"
    for place in (tmp_path / ".venv" / "pyvenv.cfg", packages / "a.pth"):
        os.mkfifo(place)
    os.mkfifo(packages / "__editable__.py")
    assert found(project).sources == ()
