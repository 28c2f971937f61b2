"""The main job as a new user does it: init, start by default, read the history, clone, resume."""

from pathlib import Path

import pytest

from benchmarks.no_ops import shrunk
from tests.e2e.researcher import fsck, git, ledger, miniature, statuses, type_in


def test_a_night_in_miniature_on_the_bundled_workspace(tmp_path: Path) -> None:
    night_in_miniature(tmp_path, repeats=1)


@pytest.mark.slow  # on a repository that trains in no time: below
def test_a_clone_of_a_night_on_the_bundled_workspace_resumes(tmp_path: Path) -> None:
    home = night_in_miniature(tmp_path, repeats=2)
    git(tmp_path, "clone", "-q", str(home), "clone")
    cache = {"AUTORESEARCH_CACHE": str(tmp_path / "cache")}
    resumed = type_in(tmp_path / "clone", "resume", "--trials", "1", **cache)
    assert resumed.returncode == 0, resumed.stderr
    assert [trial["number"] for trial in ledger(tmp_path / "clone")] == [0, 1, 2]


def night_in_miniature(tmp_path: Path, repeats: int) -> Path:
    """Return the repository of a night of one trial."""
    cache = {"AUTORESEARCH_CACHE": str(tmp_path / "cache")}
    made = type_in(tmp_path, "init", "research")
    assert made.returncode == 0, made.stderr
    home = shrunk(tmp_path / "research")  # scoring it at its own size takes most of a test's time
    options = ["--trials", "1", "--budget", "3steps", "--verdict", "greedy"]
    options += ["--baseline-repeats", str(repeats)]
    start = type_in(home, "start", "--model", "none", *options, **cache)
    assert start.returncode == 0, start.stderr
    assert statuses(home)[0] == "baseline"
    trials = ledger(home)
    assert len(trials) == 2
    assert all(score["kind"] == "sealed" for score in trials[0]["result"]["scores"])
    assert trials[0]["result"]["tier"] in ("A", "B", "C")
    assert trials[0]["result"]["parameters"] > 1000
    assert git(home, "status", "--porcelain") == "", "the user's checkout is as it was"
    assert git(home, "branch", "--show-current") == "main"
    notebook = git(
        home, "log", "--first-parent", "--format=%s", f"main..{trials_branch(home)}"
    ).splitlines()
    assert notebook[-2].startswith("#0 baseline")
    fsck(home)
    return home


def test_a_clone_of_a_run_resumes(tmp_path: Path) -> None:
    home = miniature(tmp_path / "home")
    options = ("--model", "none", "--trials", "1", "--budget", "1steps")
    assert type_in(home, "start", *options).returncode == 0
    git(tmp_path, "clone", "-q", str(home), "clone")
    resumed = type_in(tmp_path / "clone", "resume", "--trials", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert statuses(tmp_path / "clone")[:1] == ["baseline"]
    assert len(ledger(tmp_path / "clone")) == 3


def trials_branch(folder: Path) -> str:
    return git(
        folder, "for-each-ref", "--format=%(refname:short)", "refs/heads/autoresearch"
    ).splitlines()[0]


@pytest.mark.parametrize(
    "method", ["cmaes", *(pytest.param(name, marks=pytest.mark.slow) for name in ("random", "tpe"))]
)
def test_a_foreign_repository_runs_with_no_configuration(tmp_path: Path, method: str) -> None:
    home = miniature(tmp_path / "foreign")
    run = type_in(
        home, "start", "--model", "none", "--method", method, "--trials", "3", "--budget", "1steps"
    )
    assert run.returncode == 0, run.stderr
    trials = ledger(home)
    assert trials[0]["status"] == "baseline"
    assert len(trials) == 4
    assert {
        score["kind"] for trial in trials if trial["result"] for score in trial["result"]["scores"]
    } == {"self-reported"}
    assert all(
        {change["name"] for change in trial["changes"]} <= {"LR", "DEPTH"} for trial in trials
    )
    assert git(home, "status", "--porcelain") == ""


def test_a_second_start_runs_beside_the_first(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    for _ in range(2):
        assert (
            type_in(
                home, "start", "--model", "none", "--trials", "1", "--budget", "1steps"
            ).returncode
            == 0
        )
    branches = git(
        home, "for-each-ref", "--format=%(refname:short)", "refs/heads/autoresearch"
    ).splitlines()
    assert len(branches) == 2
    for branch in branches:
        assert len(ledger(home, branch)) == 2


def test_two_workers(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    run = type_in(
        home, "start", "--model", "none", "--trials", "4", "--budget", "1steps", "--workers", "2"
    )
    if "accelerators" in run.stderr or "1 cores" in run.stderr:
        pytest.skip("this machine has room for one worker")
    assert run.returncode == 0, run.stderr
    trials = ledger(home)
    assert sorted(trial["number"] for trial in trials) == list(range(len(trials)))
    assert sum(trial["status"] not in ("baseline", "refused") for trial in trials) >= 4


def test_without_a_key_it_says_which_variable_to_set(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    run = type_in(home, "start", "--model", "opus")
    assert run.returncode == 5
    assert "ANTHROPIC_API_KEY" in run.stderr
    assert "--model none" in run.stderr
    assert git(home, "for-each-ref", "refs/heads/autoresearch") == "", "nothing was created"


def test_review_commands_answer_on_a_finished_run(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    assert (
        type_in(
            home,
            "start",
            "--model",
            "none",
            "--trials",
            "2",
            "--budget",
            "1steps",
            "--tag",
            "night",
        ).returncode
        == 0
    )
    for command in ("log", "log --kept", "show 1", "diff 1", "diff 0 1", "status", "status --json"):
        run = type_in(home, *command.split())
        assert run.returncode == 0, (command, run.stderr)
        assert run.stdout.strip(), command
        assert "\x1b" not in run.stdout, "plain output when it is not a terminal"
    for form in ("tsv", "csv", "jsonl"):
        assert type_in(home, "export", "--format", form).returncode == 0
    tsv = type_in(home, "export", "--format", "tsv").stdout.splitlines()
    assert tsv[0] == "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
    assert len(tsv) == 4
    missing = type_in(home, "show", "99")
    assert missing.returncode != 0
    assert "99" in missing.stderr


@pytest.mark.parametrize(
    "command", ["init", "start", "resume", "log", "show", "diff", "status", "export", "doctor"]
)
def test_every_command_has_help_with_an_example(tmp_path: Path, command: str) -> None:
    run = type_in(tmp_path, command, "--help")
    assert run.returncode == 0
    assert f"autoresearch {command}" in run.stdout.split("Example")[1]


def test_a_run_tells_the_users_command_and_is_not_stopped_by_it(tmp_path: Path) -> None:
    home = miniature(tmp_path / "r")
    heard = tmp_path / "heard"
    script = tmp_path / "tell.sh"
    script.write_text(
        f'#!/bin/sh\necho "$AUTORESEARCH_EVENT $AUTORESEARCH_RUN" >> {heard}\nexit 3\n'
    )
    script.chmod(0o755)
    run = type_in(
        home,
        "start",
        "--model",
        "none",
        "--trials",
        "2",
        "--budget",
        "1steps",
        "--tag",
        "t",
        "--notify",
        str(script),
    )
    assert run.returncode == 0, run.stderr
    assert heard.read_text().splitlines()[-1] == "end t"
    assert run.stdout.count("the notify command failed, the run goes on") == 1
    refused = type_in(home, "start", "--model", "none", "--tracker", "pigeon")
    assert refused.returncode == 2
    assert "tensorboard" in refused.stderr
