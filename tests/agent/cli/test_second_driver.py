"""A run whose driver is in a batch job is worked on by nobody else."""

from pathlib import Path

import pytest

from agent.cli.slurm import driver_inside, record_path, refuse_second_driver
from agent.errors import RunBusy
from agent.evaluate.slurm.allocation import Allocation, remember
from agent.evaluate.slurm.folder import Folder
from agent.project.find import Project, find_project
from agent.project.settings import Settings


@pytest.fixture
def project(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project beside a Slurm that knows one job, number 7, which runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "squeue").write_text(
        "#!/bin/sh\n"
        "case \"$*\" in *--jobs=7*) echo 'RUNNING|None|2030-01-01T00:00:00|N/A|n1';; esac\n"
    )
    (commands / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    return find_project(here, Settings())


def noted(project: Project, driver: str, folder: str | None = None, job: int = 7) -> None:
    """Write down the allocation of the run `t`."""
    record = record_path(project, "t")
    record.parent.mkdir(parents=True, exist_ok=True)
    words = {"job": job, "folder": folder or str(Folder.new("t").path), "driver": driver}
    remember(record, Allocation.model_validate(words))


def test_a_second_driver_is_refused_while_the_job_is_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_second_driver(project, "t")
    noted(project, "inside")
    with pytest.raises(RunBusy, match="job 7 is RUNNING on n1") as busy:
        refuse_second_driver(project, "t")
    assert busy.value.next_command == "autoresearch stop t"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    refuse_second_driver(project, "t")


def test_a_job_that_is_over_or_only_has_the_nodes_is_no_driver(project: Project) -> None:
    noted(project, "inside", job=8)
    refuse_second_driver(project, "t")
    noted(project, "outside")
    refuse_second_driver(project, "t")


def test_a_record_that_somebody_else_wrote_names_no_driver(project: Project) -> None:
    """`stop` would send the user's job 7 a signal."""
    noted(project, "inside", folder=project.root)
    assert driver_inside(project, "t") is None
    refuse_second_driver(project, "t")
