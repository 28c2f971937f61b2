"""What reaches out of a project beyond its settings: its environment, and prepare.py's network."""

import os
import sys
import threading
from pathlib import Path

import pytest

from agent.cli.build import Place, prepared
from agent.cli.consent import AGREED, Consent
from agent.cli.reach import (
    _programs,
    _tracked_python,
    agree_to_read,
    agreed_run,
    items_of_network,
    prepare_source,
)
from agent.cli.slurm_options import OnSlurm
from agent.cli.working import manner_of
from agent.errors import ProjectFault, TrustFault
from agent.history.history import History
from agent.project.data import NetworkWanted, Source, prepare_data
from agent.project.find import find_project
from agent.project.interpreter import interpreter_of
from agent.project.settings import Settings
from agent.project.template import template_files
from agent.project.trust import Item
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Crashed, Limits, Outcome, RunSpec, Usage
from sandbox.tiers.choose import Chosen
from sandbox.walls.mounts import binds
from tests.agent.study import make_repository, project_of, settings_of
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
    named = Settings(python=".venv/bin/python")
    assert _tracked_python(project_of(folder), named) == (str(private),)


@pytest.mark.parametrize("name", ["env", "above/env"])
def test_an_environment_behind_a_tracked_link_is_asked_about(tmp_path: Path, name: str) -> None:
    folder = make_repository(tmp_path / "r")
    private = tmp_path / "private"
    (private / name / LIBRARY).mkdir(parents=True)
    (private / name / "bin").mkdir()
    (private / name / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    link = folder / name.split("/")[0]
    link.symlink_to(private / link.name)
    named = Settings(python=f"{name}/bin/python")
    assert _tracked_python(project_of(folder), named) == (), "it is the user's own"
    git(folder, "add", link.name)
    assert str(private / name) in _tracked_python(project_of(folder), named)


def test_what_was_agreed_to_leads_where_it_led_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user may update the checkout of a stranger's repository while a run trains."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = make_repository(tmp_path / "r")
    for name in ("public", "keys"):
        (tmp_path / name).mkdir()
    link = folder / "data"
    link.symlink_to(tmp_path / "public")
    project = project_of(folder)
    agree_to_read(project, Settings(read_only=(str(link),)), Consent(project, trusted=True))
    spec = RunSpec(
        argv=("x",),
        folder=str(folder),
        scratch=str(folder),
        log="x",
        limits=Limits(wall_seconds=1),
        read_only=(str(link),),
    )
    assert str(tmp_path / "public") in [bind.source for bind in binds(spec)]
    link.unlink()
    link.symlink_to(tmp_path / "keys")
    with pytest.raises(SandboxFault, match="led to"):
        binds(spec)


def test_an_environment_whose_part_becomes_a_link_is_not_shown(tmp_path: Path) -> None:
    """A repository may track it, and the user pull while a run trains."""
    environment = tmp_path / "r" / ".venv"
    (environment / LIBRARY).mkdir(parents=True)
    (environment / "bin").mkdir()
    python = environment / "bin" / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    spec = RunSpec(
        argv=(str(python),),
        folder=str(tmp_path),
        scratch=str(tmp_path),
        log="x",
        limits=Limits(wall_seconds=1),
    )
    assert str(environment / "lib") in [bind.source for bind in binds(spec)]
    (environment / "lib").rename(environment / "old")
    (environment / "lib").symlink_to(tmp_path)
    with pytest.raises(SandboxFault, match="it was no link"):
        binds(spec)


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


def test_what_a_run_is_measured_on_is_asked_about_where_only_its_record_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A branch may name a path that the checkout has as a link, and its settings do not name."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = make_repository(tmp_path / "r")
    (folder / "evaluate.py").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "an evaluator")
    project = project_of(folder)
    own = Evaluator(command="python evaluate.py", hidden=("vault",))
    run = settings_of(project, score="evaluated", objective=Objective(metric="loss", evaluate=own))
    History.create(project, run).close()
    consent = Consent(project, trusted=False)
    with agreed_run(project, Settings(), consent, run.tag, asks=False):
        pass
    (tmp_path / "keys").mkdir()
    (folder / "vault").symlink_to(tmp_path / "keys")
    with (
        pytest.raises(TrustFault, match=f"vault, which is {tmp_path}/keys"),
        agreed_run(project, Settings(), consent, run.tag, asks=False),
    ):
        pass


FETCH = "raise SystemExit('urlopen error')\n"


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `init` writes it."""
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "sealed"
    (folder / "workspace").mkdir(parents=True)
    for name, text in template_files().items():
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    return folder


def wanted(folder: Path) -> tuple[Source, tuple[Item, ...]]:
    """Commit what lies in the folder; return its prepare.py, and what its user is asked.

    It is tried in a sandbox that fails like one without a network.
    """
    git(folder, "add", "--force", "workspace")
    git(folder, "commit", "-qm", "next", "--allow-empty")
    project = find_project(folder, Settings())
    source = prepare_source(project, git(folder, "rev-parse", "HEAD"))
    python = interpreter_of(project, Settings()).path
    with (
        pytest.raises(NetworkWanted) as want,
        prepare_data(source, Unconnected(), python=python),
    ):
        pass
    return source, items_of_network(source, want.value, ())


class Unconnected:
    """A runner without a network, which runs nothing."""

    def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
        Path(spec.log).write_text("urlopen error\n")
        return Crashed(usage=Usage(seconds=1.0), exit_code=1)


def test_what_init_wrote_runs_alone_and_needs_no_word(sealed: Path) -> None:
    (sealed / "workspace" / "pyarrow").mkdir()
    (sealed / "workspace" / "pyarrow" / "parquet.py").write_text(FETCH)
    source, items = wanted(sealed)
    assert items == ()
    source.export(sealed / "copy")
    names = {path.name for path in (sealed / "copy").rglob("*")}
    assert names == {"prepare.py", "corpora.py"}, "else the package would have the network"


def test_another_module_beside_a_prepare_is_asked_about_anew(sealed: Path) -> None:
    helper = sealed / "workspace" / "fetch.py"
    helper.write_text("A = 1\n")
    prepare = sealed / "workspace" / "prepare.py"
    prepare.write_text(prepare.read_text() + "\nimport fetch\n")
    first = wanted(sealed)[1]
    assert [item.kind for item in first] == ["network"]
    train = sealed / "workspace" / "train.py"
    train.write_text(train.read_text() + "\n# by a model\n")
    assert wanted(sealed)[1] == first, "prepare.py does not see what edits may touch"
    helper.write_text("A = 2\n")
    assert wanted(sealed)[1] != first


def test_an_environment_in_the_repository_is_part_of_what_may_use_the_network(
    sealed: Path,
) -> None:
    place = sealed / ".venv"
    (place / "bin").mkdir(parents=True)
    (place / LIBRARY / "site-packages").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (place / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(sys.executable)).parent}\n")
    first = wanted(sealed)[1]
    assert [item.kind for item in first] == ["network"] and str(place) in first[0].line
    assert wanted(sealed)[1] == first
    (place / LIBRARY / "site-packages" / "a.pth").write_text("import evil\n")
    assert wanted(sealed)[1] != first


def test_a_python_that_the_settings_name_is_part_of_what_may_use_the_network(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies beside the repository, in the archive that brought both."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = tmp_path / "env"
    (place / "bin").mkdir(parents=True)
    (place / LIBRARY / "site-packages").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    git(sealed, "add", "--force", "workspace")
    git(sealed, "commit", "-qm", "as init wrote it")
    commit = git(sealed, "rev-parse", "HEAD")
    sandbox = Chosen(Unconnected(), "none")
    for python, asked in ((None, "urlopen error"), (str(place / "bin" / "python"), "network")):
        settings = Settings(python=python)
        project = find_project(sealed, settings)
        with (
            pytest.raises((ProjectFault, TrustFault), match=asked) as fault,
            prepared(Place(project, settings), commit, sandbox, Consent(project, trusted=False)),
        ):
            pass
        assert isinstance(fault.value, TrustFault) == (python is not None)


def test_a_session_that_goes_on_agrees_to_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--trust was typed for the list of its start; a pull may have made it longer since."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv(AGREED, "")
    project = project_of(make_repository(tmp_path / "r"))
    first, more = (Settings(read_only=(str(tmp_path / name),)) for name in ("first", "more"))
    agree_to_read(project, first, Consent(project, trusted=True))
    manner = manner_of(
        None, OnSlurm(), 1, None, None, trust=True, unsafe=False, detach=True, as_json=False
    )
    assert "--trust" not in manner.words()
    agree_to_read(project, first, Consent(project, trusted=False))
    with pytest.raises(TrustFault, match="more"):
        agree_to_read(project, more, Consent(project, trusted=False))
