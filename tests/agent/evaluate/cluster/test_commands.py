"""The commands on a real Ray cluster: every node examined, a night there, and on without it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import pytest

from tests.agent.evaluate.cluster.loopback import Loopback, loopback

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

TOML = 'train = "fit.py"\nmetric = "test accuracy"\ndirection = "maximize"\nread_only = ["data"]\n'
FIT = """
import os
LR = 0.1  # [0.01 .. 1 log]
loss = abs(LR - 0.4) + float(open("data/noise").read())
print(f"test accuracy: {90 - loss:.2f}%")
assert not [name for name in os.environ if "KEY" in name or "TOKEN" in name]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Loopback]:
    with loopback(nodes=1) as cluster:
        yield cluster


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    tmp_path.chmod(0o755)
    (folder / "data/noise").write_text("0.5")
    (folder / "fit.py").write_text(FIT)
    (folder / "autoresearch.toml").write_text(TOML)
    (folder / ".gitignore").write_text("data\n")
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *words], cwd=folder, check=True)
    return folder


def command(
    cluster: Loopback, project: Path, *words: str, python: Sequence[str] = ("-m", "autoresearch")
) -> "subprocess.CompletedProcess[str]":
    """Run autoresearch as a user whose keys are in the environment. python: how it is run."""
    environment = {**cluster.environment, "ANTHROPIC_API_KEY": "sk-not-for-nodes", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *python, *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_doctor_examines_each_node_and_starts_nothing(cluster: Loopback, project: Path) -> None:
    done = command(cluster, project, "doctor", "--on", f"ray:{cluster.address}", "--json")
    assert done.returncode == 0, done.stderr
    [node] = json.loads(done.stdout)
    assert node["fit"] and node["refused"] == ""
    standing = node["standing"]
    assert standing["authentication"] == "token" and standing["tier"] in ("A", "B", "C")
    assert standing["cores"] == 1 and len(standing["slots"]) == 1
    assert node["absent"] == [], "loopback has the same files"
    assert not (project / ".autoresearch/runs").exists()
    shown = command(cluster, project, "doctor", "--on", f"ray:{cluster.address}")
    assert "1 of 1 nodes are fit, for 1 trials at once; nothing was started" in shown.stdout


def test_a_night_there_goes_on_here(cluster: Loopback, project: Path) -> None:
    on = f"ray://127.0.0.1:{cluster.client_port}"
    words = ["--model", "none", "--trials", "2", "--budget", "1steps", "--tag", "night", "--trust"]
    started = command(cluster, project, "start", "--on", on, *words, "--json")
    assert started.returncode == 0, started.stderr
    events = [json.loads(line) for line in started.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds.count("PlaceJoined") == 1 and kinds.count("Judged") == 3
    resumed = command(cluster, project, "resume", "--trials", "1", "--json")
    assert resumed.returncode == 0, resumed.stderr
    kinds = [json.loads(line)["event"] for line in resumed.stdout.splitlines()]
    assert "PlaceJoined" not in kinds and kinds.count("Judged") == 1


def test_a_trial_is_measured_again_there(cluster: Loopback, project: Path) -> None:
    on = f"ray:{cluster.address}"
    words = ["--model", "none", "--trials", "1", "--budget", "1steps", "--tag", "again", "--trust"]
    assert command(cluster, project, "start", *words).returncode == 0
    done = command(cluster, project, "replicate", "1", "--on", on, "--trust", "--json")
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    [compared] = measured["comparisons"]
    assert compared["trial"] == 1 and len(compared["pairs"]) == 3 and measured["machine"]
    state = json.loads(command(cluster, project, "status", "again", "--json").stdout)
    assert state["places"]["present"] == []
    slurm = command(cluster, project, "replicate", "1", "--on", "slurm", "--trust")
    assert slurm.returncode == 2 and "next:  autoresearch replicate" in slurm.stderr
    gone = command(cluster, project, "finalize", "--on", on)
    assert gone.returncode == 2 and "--test is not given" in gone.stderr


TOKENS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "needs a token"),
    ({"RAY_AUTH_MODE": "disabled"}, "token"),
    ({"RAY_AUTH_TOKEN": "ab" * 32}, "refused the token, for it has another one"),
    ({"RAY_AUTH_TOKEN": "ab\u00fc"}, "refused the token, for it has another one"),
    ({"RAY_AUTH_TOKEN_PATH": "/tmp"}, "file cannot be opened"),
)


def test_without_the_token_the_next_command_is_said(cluster: Loopback, project: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "HOME": str(project.parent), "COLUMNS": "200"}
    addresses = (cluster_address(cluster), f"ray://127.0.0.1:{cluster.client_port}")
    for (extra, why), on in product(TOKENS, addresses):
        words = ["start", "--on", on, "--model", "none", "--trust"]
        done = subprocess.run(
            [sys.executable, "-m", "autoresearch", *words],
            cwd=project,
            env={**bare, **extra},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert why in done.stderr and "next:" in done.stderr


def references(project: Path) -> str:
    """Return every ref of a repository."""
    words = ["git", "for-each-ref"]
    return subprocess.run(words, cwd=project, check=True, capture_output=True, text=True).stdout


def refused(done: "subprocess.CompletedProcess[str]", project: Path, before: str) -> None:
    """Assert that a start was refused with a next command, and that nothing is left of it."""
    assert done.returncode not in (0, 1), done.stdout + done.stderr
    assert "next:" in done.stderr
    assert references(project) == before
    assert not [*(project / ".autoresearch").glob("*/night")]


def test_a_dry_run_shows_the_places_and_starts_nothing(cluster: Loopback, project: Path) -> None:
    before = references(project)
    on = ["--on", f"ray:{cluster.address}", "--model", "none", "--trust"]
    shown = command(cluster, project, "start", "--dry-run", *on)
    assert shown.returncode == 0, shown.stderr
    assert "1 of 1 nodes are fit, for 1 trials at once; nothing was started" in shown.stdout
    plan = json.loads(command(cluster, project, "start", "--dry-run", "--json", *on).stdout)
    assert [node["fit"] for node in plan["places"]] == [True]
    assert references(project) == before
    assert not (project / ".autoresearch/runs").exists()


def test_where_nothing_answers_no_branch_is_made(cluster: Loopback, project: Path) -> None:
    before = references(project)
    words = ["--model", "none", "--budget", "1steps", "--tag", "night", "--trust"]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        on = f"ray://127.0.0.1:{closed.getsockname()[1]}"
        done = command(cluster, project, "start", "--on", on, *words)
        assert "nothing answers there" in done.stderr
        refused(done, project, before)
        shown = command(cluster, project, "start", "--on", on, *words, "--dry-run")
    assert shown.returncode == 0 and "nothing answers there" in shown.stdout


@pytest.mark.parametrize("how", [[], ["--detach"]])
def test_a_cluster_of_another_ray_is_refused_before_a_branch(
    cluster: Loopback, project: Path, how: list[str]
) -> None:
    before = references(project)
    start = ["start", "--on", f"ray://127.0.0.1:{cluster.client_port}", "--model", "none", *how]
    words = [*start, "--budget", "1steps", "--tag", "night", "--trust"]
    older = "import ray; ray.__version__ = '2.0.0'; from agent.cli import main; main()"
    done = command(cluster, project, *words, python=["-c", older])
    assert "another Ray or Python" in done.stderr, done.stderr
    refused(done, project, before)


@pytest.mark.parametrize("how", [[], ["--detach"]])
def test_a_run_that_finds_no_place_is_taken_back(project: Path, how: list[str]) -> None:
    before = references(project)
    words = ["--model", "none", "--budget", "1steps", "--tag", "night", "--trust"]
    with loopback(nodes=0) as bare:
        on = f"ray://127.0.0.1:{bare.client_port}"
        done = command(bare, project, "start", "--on", on, *words, *how)
    assert "the cluster has no node with a CPU to train on" in done.stderr, done.stderr
    assert "autoresearch/night is removed again, because nothing ran" in done.stderr
    refused(done, project, before)


def cluster_address(cluster: Loopback) -> str:
    """Return what to type after --on."""
    return f"ray:{cluster.address}"
