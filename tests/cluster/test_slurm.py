"""Nights on a real Slurm of two nodes on loopback: they run, are cancelled, and go on."""

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.night import START, Night
from tests.cluster.raylets import in_folder, marked
from tests.cluster.slurm_here import Slurm, missing, slurm
from tests.e2e.researcher import AUTORESEARCH, git, ledger, wait_for

pytestmark = pytest.mark.skipif(
    bool(missing()), reason="apt-get install slurmctld slurmd slurm-client munge"
)
TRIALS = 3
ON = ("--on=slurm", "--partition=cpu", "--workers=2", "--hours=0.5")


@pytest.fixture(scope="module")
def here() -> Iterator[Slurm]:
    with slurm() as own:
        yield own


@pytest.fixture
def night(tmp_path: Path, here: Slurm) -> Iterator[Night]:
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "SECRET_API_KEY": "travels-nowhere"}
    names = {name: here.environment[name] for name in ("PATH", "SLURM_CONF")}
    own = Night(tmp_path / "home", **state, **names)
    yield own
    own.close()
    here("scancel", "--user=" + str(os.getuid()), check=False)
    wait_for(lambda: not here.jobs(), 60, "the queue to empty")


def folders(night: Night) -> list[Path]:
    """The folders of the night's allocations, the oldest first."""
    found = (night.home.parent / "state" / "autoresearch" / "slurm").glob("t-*")
    return sorted(found, key=lambda folder: folder.stat().st_ctime)


def typed(night: Night, *words: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [str(AUTORESEARCH), *words],
        cwd=night.home,
        env=night.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_up(night: Night) -> bool:
    assert night.driver is not None
    assert night.driver.poll() is None, night.account()
    return bool(night.events("Judged"))


def nothing_left(night: Night, here: Slurm) -> None:
    """Assert that the job has ended with all its processes, and that no secret lies about."""
    wait_for(lambda: not here.jobs(), 60, "the end of the job")
    for folder in folders(night):
        assert not (folder / "token").exists()
        token = f"RAY_AUTH_TOKEN_PATH={folder}/token"
        wait_for(lambda mark=token: not marked(mark), 30, "the end of Ray")
        assert in_folder(folder) == []
    assert not (night.home / ".autoresearch" / "runs" / "t" / "allocation.json").exists()


def measured(night: Night) -> int:
    found = ledger(night.home, "t")
    return sum(t["result"] is not None and t["status"] != "baseline" for t in found)


def test_a_night_waits_in_the_queue_says_so_and_runs_on_both_nodes(
    night: Night, here: Slurm
) -> None:
    blocker = here("sbatch", "--parsable", "-N2", "-o/dev/null", "--wrap", "sleep 600").strip()
    night.start(*ON, f"--trials={TRIALS}")
    wait_for(lambda: "waits in the queue: Resources" in night.errors(), 60, "the queue to be said")
    assert "waits in the queue: Resources" in typed(night, "status", "t")
    [folder] = folders(night)
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    here("scancel", blocker)
    assert night.end() == 0, night.account()
    night.check_whole(TRIALS)
    assert len({event["place"] for event in night.events("PlaceJoined")}) == 2
    nothing_left(night, here)
    batch = (folder / "batch.sh").read_text()
    assert "travels-nowhere" not in batch + (folder / "job.log").read_text()
    assert "slurm" not in typed(night, "status", "t")


def test_ctrl_c_in_the_queue_takes_the_job_out_of_it(night: Night, here: Slurm) -> None:
    blocker = here("sbatch", "--parsable", "-N2", "-o/dev/null", "--wrap", "sleep 600").strip()
    night.start(*ON, f"--trials={TRIALS}")
    wait_for(lambda: "waits in the queue" in night.errors(), 60, "the queue to be said")
    night.kill(signal.SIGINT)
    assert night.end(60) == 130
    again = "autoresearch resume t --workers=2 --on=slurm --partition=cpu"
    assert f"the job is cancelled; `{again}` asks for another" in night.errors()
    assert here.jobs() == [blocker]
    here("scancel", blocker)
    nothing_left(night, here)


def test_a_detached_driver_waits_in_the_queue_and_stop_ends_its_job(
    night: Night, here: Slurm
) -> None:
    blocker = here("sbatch", "--parsable", "-N2", "-o/dev/null", "--wrap", "sleep 600").strip()
    said = typed(night, "start", *START, *ON, "--trials=2", "--detach")
    assert "goes on in the background" in said
    assert "waits in the queue" in typed(night, "status", "t")
    log = night.home / ".autoresearch" / "runs" / "t" / "run.log"
    assert "waits in the queue" in log.read_text()
    assert "has stopped" in typed(night, "stop", "t")
    assert here.jobs() == [blocker]
    here("scancel", blocker)
    nothing_left(night, here)


def test_a_cancelled_job_ends_the_night_resumable(night: Night, here: Slurm) -> None:
    night.start(*ON, "--trials=20")
    wait_for(lambda: is_up(night), 240, "a baseline")
    [job] = here.jobs()
    here("scancel", job)
    assert night.end(180) != 0
    assert "next:  autoresearch resume" in night.errors()
    nothing_left(night, here)
    before = measured(night)
    night.resume(*ON, f"--trials={TRIALS}")
    assert night.end() == 0, night.account()
    assert measured(night) >= before + TRIALS
    night.check_whole(measured(night))
    nothing_left(night, here)


def test_sigterm_to_the_driver_ends_its_job(night: Night, here: Slurm) -> None:
    night.start(*ON, "--trials=20")
    wait_for(lambda: is_up(night), 240, "a baseline")
    night.kill(signal.SIGTERM)
    night.end(90)
    nothing_left(night, here)


def test_the_time_limit_ends_the_night_resumable(night: Night, here: Slurm) -> None:
    night.start(*ON, "--trials=200")
    wait_for(lambda: is_up(night), 240, "a baseline")
    [job] = here.jobs()
    here("scontrol", "update", f"jobid={job}", "timelimit=1")
    assert night.end(240) != 0
    assert here.state(job) == "TIMEOUT"
    assert "next:  autoresearch resume" in night.errors()
    nothing_left(night, here)
    night.check_whole_so_far()


def test_resume_ends_the_job_that_a_killed_driver_left(night: Night, here: Slurm) -> None:
    night.start(*ON, "--trials=20")
    wait_for(lambda: is_up(night), 240, "a baseline")
    [old] = here.jobs()
    night.kill()
    night.end()
    assert "is RUNNING on" in typed(night, "status", "t")
    night.resume(*ON, "--trials=2")
    assert night.end() == 0, night.account()
    assert here.state(old) == "CANCELLED"
    night.check_whole(measured(night))
    nothing_left(night, here)


def test_a_driver_inside_works_in_the_batch_job_and_is_stopped_from_outside(
    night: Night, here: Slurm
) -> None:
    night.start(*ON, "--driver=inside", "--trials=200")
    assert night.end(120) == 0, night.account()
    [job] = here.jobs()
    wait_for(lambda: measured_so_far(night) >= 2, 240, "two trials")
    assert f"job {job} is RUNNING" in typed(night, "status", "t")
    night.resume("--trials=1")
    assert night.end(60) != 0, "nobody works on a run beside its driver"
    assert f"job {job} is RUNNING" in night.errors()
    said = typed(night, "stop", "t")
    assert re.search(r"autoresearch/t has stopped; `autoresearch resume t` continues it", said)
    nothing_left(night, here)
    night.check_whole(measured(night))


def measured_so_far(night: Night) -> int:
    try:
        return measured(night)
    except AssertionError:  # the branch is being written
        return 0


@pytest.mark.parametrize("how", [[], ["--driver=inside"], ["--detach"]])
def test_slurm_refuses_an_unknown_partition_and_no_run_is_left(
    night: Night, here: Slurm, how: list[str]
) -> None:
    before = git(night.home, "for-each-ref")
    night.start("--on=slurm:nosuch", "--hours=1", "--trials=1", *how)
    assert night.end(120) == 1
    assert "Slurm did not take the job" in night.errors()
    assert "autoresearch/t is removed again, because nothing ran" in night.errors()
    assert git(night.home, "for-each-ref") == before
    assert not [*(night.home / ".autoresearch").glob("*/t")]
    nothing_left(night, here)


def test_what_a_dry_run_shows_is_what_is_submitted(night: Night, here: Slurm) -> None:
    words = [*START, *ON, "--trials=2"]
    shown = typed(night, "start", *words, "--dry-run")
    plan = json.loads(typed(night, "start", *words, "--dry-run", "--json"))
    assert here.jobs() == [] and folders(night) == []
    blocker = here("sbatch", "--parsable", "-N2", "--wrap", "sleep 600").strip()
    night.start(*ON, "--trials=2")
    wait_for(lambda: "waits in the queue" in night.errors(), 60, "the queue to be said")
    [folder] = folders(night)
    batch = (folder / "batch.sh").read_text()
    assert re.sub(r"t-\d{4}-\d{6}-\w{6}", folder.name, plan["batch"]) == batch
    assert "#SBATCH --partition=cpu" in shown
    night.kill(signal.SIGINT)
    assert night.end(60) == 130
    here("scancel", blocker)


def test_the_batch_file_of_sixteen_gpus_is_accepted(tmp_path: Path) -> None:
    """GPUs are files here: Slurm counts them, and nothing trains on them."""
    from agent.evaluate.slurm.request import request_of
    from agent.evaluate.slurm.script import batch_file

    request = request_of(hours=8, partition="cpu", gpus="2", cpus=1)
    with slurm(gpus=1) as with_gpus:
        file = tmp_path / "batch.sh"
        file.write_text(batch_file(request, "t", tmp_path, "/bin/true"))
        done = subprocess.run(
            ["sbatch", "--test-only", str(file)],
            env=with_gpus.environment,
            capture_output=True,
            text=True,
        )
        assert "on nodes n[0-1]" in done.stderr, done.stderr
        job = with_gpus("sbatch", "--parsable", str(file)).strip()
        shown = with_gpus("scontrol", "show", "job", job)
        assert "Requeue=0" in shown
        assert "TresPerJob=gres:gpu:2" in shown or "gpu=2" in shown
