"""Somebody else's repository, used as its README says: real training, and no configuration."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.space import read_constants
from tests.e2e.researcher import clean_environment, fsck, git, ledger, type_in

FOREIGN = Path(__file__).parents[1] / "foreign" / "repo"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a user who cloned the repository to `research` and ran its prepare.py."""
    shutil.copytree(FOREIGN, tmp_path / "research", ignore=shutil.ignore_patterns("__pycache__"))
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "as cloned"]):
        git(tmp_path / "research", *command)
    environment = clean_environment(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / ".cache"))
    subprocess.run(
        [sys.executable, "prepare.py"],
        cwd=tmp_path / "research",
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert (tmp_path / ".cache" / "autoresearch" / "corpus.bin").stat().st_size > 50_000
    shutil.rmtree(tmp_path / "research" / "__pycache__", ignore_errors=True)
    return tmp_path


def autoresearch(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Typed by a user who agrees that trainings read the cache where prepare.py left its data."""
    trust = ("--trust",) if words[0] == "start" else ()
    return type_in(
        home / "research", *words, *trust, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache")
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_hopeless_trainings_are_given_up(home: Path) -> None:
    """Random search over a range part of which learns next to nothing (#7 is there).

    Real trainings of three seconds.
    """
    repository = home / "research"
    prepare = repository / "prepare.py"
    prepare.write_text(prepare.read_text().replace("TIME_BUDGET = 1.0", "TIME_BUDGET = 3.0"))
    train = repository / "train.py"
    train.write_text(train.read_text().replace('end="",', 'end="", flush=True,'))
    names = ("EMBEDDING_DIM", "HIDDEN_DIM", "BATCH_SIZE", "WEIGHT_DECAY")
    fixed = "".join(f'{name} = "fixed"\n' for name in names)
    (repository / "autoresearch.toml").write_text(
        f'[ranges]\nLEARNING_RATE = "0.00001 .. 0.1 log"\n{fixed}'
    )
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "longer")
    words = (
        "start",
        "--model",
        "none",
        "--method",
        "random",
        "--verdict",
        "greedy",
        "--baseline-repeats",
        "1",
        "--trials",
        "8",
    )
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    run = type_in(repository, *words, "--prune", "median", "--trust", timeout=850, **own)
    assert run.returncode == 0, run.stdout + run.stderr
    trials = ledger(repository)
    given_up = [trial for trial in trials if trial["status"] == "pruned"]
    scored = [trial for trial in trials if trial["status"] in ("baseline", "keep", "discard")]
    others = [trial["reason"] for trial in trials if trial not in given_up + scored]
    assert len(trials) == 9 and not others, others
    assert given_up and min(trial["number"] for trial in given_up) >= 5, (
        "five curves are needed first"
    )
    for trial in given_up:
        assert trial["result"]["scores"] == [] and "pruned at" in trial["reason"]
        assert 0.3 < trial["result"]["curve"][-1][0] < 1, trial["reason"]
    best = min(scored, key=lambda trial: trial["result"]["scores"][0]["value"])
    rate = best["configuration"]["LEARNING_RATE"]
    assert all(trial["configuration"]["LEARNING_RATE"] < rate for trial in given_up), (
        "what barely learns"
    )
    assert "pruned" in autoresearch(home, "status").stdout
    shown = autoresearch(home, "show", str(given_up[0]["number"])).stdout
    assert "pruned" in shown and "median of" in shown
    fsck(repository)


@pytest.mark.slow
def test_it_runs_with_no_configuration(home: Path) -> None:
    repository = home / "research"
    run = autoresearch(home, "start", "--model", "none", "--trials", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    trials = ledger(repository)
    assert trials[0]["status"] == "baseline"
    measured = [trial for trial in trials if trial["status"] != "refused"]
    assert len(measured) == 3
    for trial in measured:
        assert trial["status"] in ("baseline", "keep", "discard"), trial["reason"]
        assert {score["kind"] for score in trial["result"]["scores"]} == {"self-reported"}
        assert all(1.0 < score["value"] < 8.0 for score in trial["result"]["scores"]), (
            "bits per byte of a model that has learnt"
        )
        assert trial["result"]["facts"]["num_steps"] > 1
        assert trial["result"]["facts"]["training_seconds"] < 30, (
            "its own TIME_BUDGET, not the default of five minutes"
        )
        assert trial["result"]["curve"]
    own = {"EMBEDDING_DIM", "HIDDEN_DIM", "BATCH_SIZE", "LEARNING_RATE", "WEIGHT_DECAY"}
    assert set(read_constants((repository / "train.py").read_text())) == own
    changed = {change["name"] for trial in trials[1:] for change in trial["changes"]}
    assert changed
    assert changed <= own
    logs = sorted((repository / ".autoresearch").glob("runs/*/trials/0000/*.log"))
    assert len(logs) == 3
    last = logs[0].read_text().rpartition("---")[2]
    assert f"val_bpb:          {trials[0]['result']['scores'][0]['value']:.6f}" in last, (
        "the summary is the score"
    )
    assert json.loads(autoresearch(home, "status", "--json").stdout)["budget"] == "1s"
    assert git(repository, "diff", "--name-only", "main", git_branch(repository)) in (
        "",
        "train.py",
    )
    assert git(repository, "status", "--porcelain") == ""
    assert "self-reported" in autoresearch(home, "show", "1").stdout
    fsck(repository)


def git_branch(repository: Path) -> str:
    return git(repository, "for-each-ref", "--format=%(refname)", "refs/heads/autoresearch")


OVERWRITE = """import time
try:
    with open("prepare.py") as own:
        edited = own.read().replace("TIME_BUDGET = 1.0", "TIME_BUDGET = 60.0")
    with open("prepare.py", "w") as own:
        own.write(edited)
    print("prepare.py is mine now")
except OSError as error:
    print("prepare.py is not mine:", error)
"""


@pytest.mark.slow
def test_a_train_py_that_edits_its_copy_of_prepare_py_gains_no_time(
    home: Path, tmp_path: Path
) -> None:
    """What it writes is in the room of that run alone, and the harness's clock holds there too."""
    repository = home / "research"
    edit = {"kind": "replace_statements", "old": "import time", "new": OVERWRITE}
    (tmp_path / "replies.jsonl").write_text(
        json.dumps({"hypothesis": "more time", "rationale": "", "edits": [edit]}) + "\n"
    )
    script = f"scripted:{tmp_path / 'replies.jsonl'}"
    run = autoresearch(
        home,
        "start",
        "--method",
        "code",
        "--model",
        script,
        "--tag",
        "t",
        "--trials",
        "1",
        "--baseline-repeats",
        "1",
    )
    assert run.returncode == 0, run.stdout + run.stderr
    baseline, trial = ledger(repository, "t")
    assert baseline["status"] == "baseline"
    assert trial["status"] == "invalid", trial["reason"]
    assert "had not ended, where the budget of 1 s" in trial["reason"]
    logs = list((repository / ".autoresearch/runs/t/trials/0001").glob("train-*.log"))
    assert logs
    assert all("prepare.py is mine now" in log.read_text() for log in logs)
    for commit in (trial["attempt"], trial["verdict"]):
        assert (
            git(repository, "show", f"{commit}:prepare.py")
            == (FOREIGN / "prepare.py").read_text().strip()
        )


def test_a_budget_that_it_would_not_keep_to_is_refused(home: Path) -> None:
    run = autoresearch(home, "start", "--model", "none", "--budget", "20s")
    assert run.returncode == 2
    assert "TIME_BUDGET in prepare.py (1s)" in run.stderr
    assert git_branch(home / "research") == ""
