"""What reaches out of a project beyond its settings: an environment that it tracks."""

import os
import sys
from pathlib import Path

import pytest

from agent.cli.reach import _programs, _tracked_python
from agent.project.settings import Settings
from tests.agent.study import make_repository, project_of
from tests.e2e.researcher import git

LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"


def test_the_python_that_a_tracked_environment_is_made_of_is_asked_about(tmp_path: Path) -> None:
    """A clone's pyvenv.cfg may name a private environment of the user's, which trainings see."""
    folder = make_repository(tmp_path / "r")
    private = tmp_path / "private"
    (private / LIBRARY).mkdir(parents=True)
    (private / "bin").mkdir()
    place = folder / ".venv"
    (place / "bin").mkdir(parents=True)
    (place / LIBRARY).mkdir(parents=True)
    (place / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (place / "pyvenv.cfg").write_text(f"home = {private}/bin\n")
    assert _tracked_python(project_of(folder), Settings()) == (), "it is the user's own"
    git(folder, "add", "--force", ".venv")
    assert _tracked_python(project_of(folder), Settings()) == (str(private),)


@pytest.mark.parametrize("path", ["inner", "alias.x", "pager.x"])
def test_programs_of_a_submodule_are_asked_about_whatever_it_is_called(
    tmp_path: Path, path: str
) -> None:
    folder = make_repository(tmp_path / "r")
    inner = make_repository(folder / path)
    entry = f"160000,{git(inner, 'rev-parse', 'HEAD')},{path}"
    git(folder, "update-index", "--add", "--cacheinfo", entry)
    git(folder, "config", "alias.x", "evil")
    git(inner, "config", "filter.x.smudge", "evil")
    assert [str(program) for program in _programs(folder)] == [f"{path}: filter.x.smudge=evil"]
