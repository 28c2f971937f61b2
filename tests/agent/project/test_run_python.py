"""A run's interpreter is that of its start, or the resume says what has become of it."""

import shutil
import sys
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.interpreter import interpreter_of
from agent.project.run_python import recorded_python, settings_of_run
from agent.project.settings import RunSettings, Settings
from agent.records.objective import Python
from tests.agent.project.test_interpreter import make_venv
from tests.agent.study import make_repository, project_of, settings_of

NOTHING = Settings()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return project_of(make_repository(tmp_path / "project"))


def run_of(project: Project, settings: Settings = NOTHING) -> RunSettings:
    return settings_of(project, interpreter=recorded_python(project, settings))


def path_of(project: Project, run: RunSettings, typed: str | None = None) -> str:
    """The interpreter that a resume has."""
    return interpreter_of(project, settings_of_run(project, NOTHING, run, typed)).path


def test_what_is_recorded_holds_in_every_clone(project: Project) -> None:
    make_venv(Path(project.root) / ".venv")
    recorded = recorded_python(project, NOTHING)
    assert recorded == Python(path=".venv/bin/python", version="3.12.1", origin="project")
    outside = make_venv(Path(project.root).parent / "env")
    named = recorded_python(project, Settings(python=str(outside)))
    assert (named.path, named.origin) == (str(outside), "settings")


def test_the_record_governs_whatever_is_there_by_now(project: Project) -> None:
    own = run_of(project)
    assert path_of(project, own) == sys.executable
    made = make_venv(Path(project.root) / ".venv")
    assert path_of(project, own) == sys.executable, "the environment came later"
    assert path_of(project, run_of(project)) == str(made)
    assert path_of(project, settings_of(project)) == str(made), "an older run has no record"


def test_one_that_is_gone_is_named_with_what_brings_it_back(project: Project) -> None:
    made = make_venv(Path(project.root) / ".venv")
    run = run_of(project)
    shutil.rmtree(made.parent.parent)
    with pytest.raises(ProjectFault) as fault:
        settings_of_run(project, NOTHING, run)
    assert "ran on .venv/bin/python (Python 3.12.1, the project's own)." in fault.value.message
    assert f"{made}, is not there" in fault.value.message
    assert f"A new run would have {sys.executable}" in fault.value.message
    assert fault.value.next_command.startswith("python3 -m venv --clear")
    (Path(project.root) / "uv.lock").touch()
    with pytest.raises(ProjectFault) as fault:
        settings_of_run(project, NOTHING, run)
    assert fault.value.next_command == f"uv sync --directory {project.root}"


def test_another_version_is_another_interpreter(project: Project) -> None:
    made = make_venv(Path(project.root) / ".venv")
    run = run_of(project)
    cfg = made.parent.parent / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace("3.12.1", "3.12.9"))
    assert path_of(project, run) == str(made), "a patch of the same version"
    cfg.write_text(cfg.read_text().replace("3.12.9", "3.13.0"))
    with pytest.raises(ProjectFault) as fault:
        settings_of_run(project, NOTHING, run)
    assert f"(Python 3.12.1, the project's own); {made} is Python 3.13.0 now" in fault.value.message
    [command, _] = fault.value.next_command.split("   #")
    assert command == f"autoresearch resume --python {made}"
    assert path_of(project, run, str(made)) == str(made), "by the owner's word"


def test_one_of_elsewhere_that_is_gone(project: Project) -> None:
    outside = make_venv(Path(project.root).parent / "env")
    run = run_of(project, Settings(python=str(outside)))
    assert path_of(project, run) == str(outside), "the settings no longer name it"
    shutil.rmtree(outside.parent.parent)
    with pytest.raises(ProjectFault) as fault:
        settings_of_run(project, NOTHING, run)
    assert fault.value.next_command == f"autoresearch resume --python {sys.executable}"
    broken = make_venv(Path(project.root) / ".venv")
    broken.unlink()
    with pytest.raises(ProjectFault, match="is not there") as fault:
        settings_of_run(project, NOTHING, run)
    assert "A new run" not in fault.value.message, "it would have none"
    assert fault.value.next_command == "autoresearch resume --python PATH"
