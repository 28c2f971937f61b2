"""Answers of Slurm's commands as sites change them, by scripts that stand in their place."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Fault
from agent.evaluate.slurm.allocation import allocated
from agent.evaluate.slurm.commands import cancel, look, submit
from agent.evaluate.slurm.request import request_of

Script = Callable[[str, str], None]
BANNER = "echo 'Project: vision (12,000 hours left)'; "
WAITS = "echo 'PENDING|Resources|N/A|N/A|'"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a script in the place of a command."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def write(name: str, text: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.mark.parametrize("answer", ["echo 4711", "echo '4711;cluster'", f"{BANNER}echo 4711"])
def test_the_number_of_a_job_is_found_behind_a_sites_words(script: Script, answer: str) -> None:
    script("sbatch", answer)
    assert submit(Path("batch.sh")) == 4711


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("echo 'error: no account' >&2; exit 1", "did not take the job: error: no account"),
        (BANNER, "sbatch names no job: Project: vision"),
        ("true", "sbatch names no job: code 0"),
    ],
)
def test_without_a_number_there_is_a_reason_and_a_command(
    script: Script, answer: str, why: str
) -> None:
    script("sbatch", answer)
    with pytest.raises(Fault, match=why) as fault:
        submit(Path("batch.sh"))
    assert fault.value.next_command


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (WAITS, "PENDING"),
        (f"{BANNER}{WAITS}", "PENDING"),
        ("true", "GONE"),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", "GONE"),
    ],
)
def test_a_state_is_found_behind_a_sites_words(script: Script, answer: str, state: str) -> None:
    script("squeue", answer)
    assert look(7).state == state


def test_a_signal_goes_to_the_driver_of_a_job_and_an_end_to_all_of_it(
    script: Script, tmp_path: Path
) -> None:
    script("scancel", f'echo "$@" >> {tmp_path}/asked')
    cancel(7, "INT")
    cancel(7)
    assert (tmp_path / "asked").read_text() == "--signal=INT --batch 7\n7\n"


def test_a_controller_that_does_not_answer_is_named(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.slurm.commands.SECONDS", 0.05)
    script("squeue", "exec sleep 60")
    with pytest.raises(Fault, match="squeue took more than 0 s") as fault:
        look(7)
    assert fault.value.next_command == "scontrol ping"


def test_slurm_gets_only_the_variables_that_change_no_request(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "LD_LIBRARY_PATH")
    script("scancel", f"env > {tmp_path}/env")
    for name in (*handed[2:], "SBATCH_PARTITION", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "/of the user")
    cancel(7)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == set(handed)


@pytest.mark.parametrize("answer", ["echo 'hello | world'", BANNER, "echo '7|a|b|c|d'", "exit 1"])
def test_an_answer_that_is_none_is_asked_for_again(script: Script, answer: str) -> None:
    script("squeue", answer)
    with pytest.raises(Fault, match="Slurm does not answer"):
        look(7)


def test_a_job_that_cannot_be_ended_has_no_token_and_stays_on_record(
    script: Script, tmp_path: Path
) -> None:
    script("sbatch", "echo 4711")
    script("squeue", WAITS)
    script("scancel", "echo 'error: Socket timed out' >&2; exit 1")
    record = tmp_path / "allocation.json"
    cancelled = threading.Event()
    cancelled.set()
    wait = allocated(request_of(hours=1), "t", record, cancelled, lambda _: None)
    with pytest.raises(Fault, match="could not be ended: error: Socket timed out") as fault, wait:
        pass
    assert fault.value.next_command == "scancel 4711"
    assert record.exists() and not [*tmp_path.rglob("token")]
