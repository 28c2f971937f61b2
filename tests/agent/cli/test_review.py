"""The commands that look back: `status`, `log`, `show` and `diff`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.dashboard.view import read_view
from agent.errors import HistoryFault, UsageFault
from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.results import Attempt, Trial
from agent.records.spending import spending_of
from agent.run.bounds import Bounds
from tests.agent.cli.night import HOSTILE, fault, git, make_repository, output_of, settings, worker


@pytest.mark.usefixtures("here")
def test_the_log_is_a_plain_table_of_every_trial() -> None:
    lines = output_of("log").splitlines()
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["0", "baseline"],
        ["1", "keep"],
        ["2", "crash"],
        ["3", "refused"],
        ["4", "discard"],
    ]
    assert lines[-1].endswith("self-reported: as the run itself prints it")
    assert "1.401000" in lines[2]
    assert "[bold]wider[/bold] \\x1b[31mred\\u202e" in lines[3]
    assert output_of("log", "t") == output_of("log", "autoresearch/t") == output_of("log")


@pytest.mark.usefixtures("here")
def test_kept_leaves_out_what_was_not_kept() -> None:
    assert [line.split()[1] for line in output_of("log", "--kept").splitlines()[1:-1]] == [
        "baseline",
        "keep",
    ]


@pytest.mark.usefixtures("here")
def test_the_log_s_json_gives_the_ledger_back() -> None:
    trials = [Trial.model_validate(entry) for entry in json.loads(output_of("log", "--json"))]
    assert [trial.status for trial in trials] == ["baseline", "keep", "crash", "refused", "discard"]
    assert trials[2].proposal.hypothesis == HOSTILE
    assert trials[1].attempt and trials[1].verdict


@pytest.mark.usefixtures("here")
def test_a_trial_is_shown_in_full() -> None:
    text = output_of("show", "1")
    for part in (
        "#1 keep",
        "claimed  deeper",
        "changed  DEPTH 4 → 5",
        "because",
        "seed 1",
        "self-reported",
        "code/opus",
        "1,000 tokens in, 50 out, $0.0200",
        "it is a keep",
        "-DEPTH = 4",
        "+DEPTH = 5",
        "train-0.log",
    ):
        assert part in text
    assert "not on this machine" in output_of("show", "2")
    assert (
        Trial.model_validate_json(output_of("show", "4", "--json")).proposal.hypothesis == "hotter"
    )


@pytest.mark.usefixtures("here")
def test_an_attempt_in_flight_is_shown_too() -> None:
    text = output_of("show", "5")
    assert "#5 no verdict yet" in text
    assert "+LR = 0.01" in text
    assert Attempt.model_validate_json(output_of("show", "5", "--json")).number == 5
    assert "+LR = 0.01" in output_of("diff", "5")


@pytest.mark.usefixtures("here")
def test_a_diff_is_what_was_tried_or_with_two_numbers_what_was_kept() -> None:
    assert "+LR = 0.9" in output_of("diff", "4")
    assert "DEPTH" not in "\n".join(
        line for line in output_of("diff", "4").splitlines() if line.startswith(("+", "-"))
    )
    assert "+DEPTH = 5" in output_of("diff", "0", "4")
    assert "LR = 0.9" not in "\n".join(
        line for line in output_of("diff", "0", "4").splitlines() if line.startswith("+")
    )
    assert output_of("diff", "1", "4") == "no difference\n"
    assert output_of("diff", "3") == "no difference\n"


@pytest.mark.usefixtures("here")
def test_a_number_that_is_not_there_says_where_to_look() -> None:
    for words in (("show", "99"), ("diff", "99"), ("diff", "0", "99")):
        error = fault(*words)
        assert isinstance(error, UsageFault)
        assert error.next_command == "autoresearch log t"
    assert isinstance(fault("diff", "0", "5"), UsageFault)


@pytest.mark.usefixtures("here")
def test_a_branch_that_is_not_there_is_a_fault() -> None:
    assert isinstance(fault("log", "no-such-run"), HistoryFault)


def test_the_status_tells_a_run_at_work_from_one_at_rest(here: Path) -> None:
    text = output_of("status")
    assert "autoresearch/t  not running" in text
    assert "interrupted at #5; `autoresearch resume` continues" in text
    assert "        #5 colder" in text
    assert "best    1.401000 val_bpb by #1" in text
    assert "1 baseline, 1 keep, 1 discard, 1 crash, 1 refused" in text
    assert "spent   $0.12" in text, "the attempt in flight is paid for"
    at_rest = json.loads(output_of("status", "--json"))
    assert at_rest["running"] is False
    assert at_rest["pid"] is None
    with worker(here) as pid:
        assert f"running as process {pid}" in output_of("status")
        at_work = json.loads(output_of("status", "--json"))
        assert at_work["running"] is True
        assert at_work["pid"] == pid
        assert at_work["best"]["number"] == 1
        assert at_work["counts"] == {
            "baseline": 1,
            "keep": 1,
            "crash": 1,
            "refused": 1,
            "discard": 1,
        }
    assert json.loads(output_of("status", "--json"))["running"] is False


@pytest.mark.usefixtures("here")
def test_the_log_can_hold_the_diffs() -> None:
    text = output_of("log", "--kept", "-p")
    assert "#1 keep  1.401000 val_bpb" in text
    assert "  deeper  [it is a keep]" in text
    assert "+DEPTH = 5" in text
    assert "DEPTH = 13" not in text
    assert "\\x1b[31mred" in output_of("log", "-p")


@pytest.mark.usefixtures("here")
def test_a_shell_is_offered_numbers_and_nothing_that_a_model_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for shell in ("bash", "zsh", "fish"):
        monkeypatch.setenv("_AUTORESEARCH_COMPLETE", f"complete_{shell}")
        monkeypatch.setenv("COMP_WORDS", "autoresearch show ")
        monkeypatch.setenv("COMP_CWORD", "2")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "autoresearch show ")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        offered = CliRunner().invoke(app, prog_name="autoresearch").stdout
        assert "4" in offered
        assert not any(word in offered for word in ("deeper", "wider", "hotter"))


def test_every_place_says_the_same_cost(here: Path) -> None:
    with History.read(find_project(here, Settings()), "t") as history:
        view = read_view(history)
    dollars = spending_of(trial.proposal for trial in view.proposed).dollars
    assert dollars == pytest.approx(0.12), "five trials and the attempt in flight"
    status = json.loads(output_of("status", "--json"))
    assert (status["cost"], status["unpriced"]) == (dollars, 0)
    assert Bounds(max_cost=1).dollars(dollars) == pytest.approx(0.88)
    assert "spent   $0.12" in output_of("status")
    assert "$0.12" in output_of("compare", "t", "t")
    assert "spent: $0.12" in output_of("report", "t", "--markdown")
    assert "$0.12" in output_of("report", "--output", "-")


def test_the_status_can_be_watched_until_the_run_ends(here: Path) -> None:
    assert "not running" in output_of("status", "--watch")
    command = [str(Path(sys.executable).parent / "autoresearch"), "status", "--watch"]
    with worker(here):
        watching = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True)
        assert watching.stdout
        assert "running as process" in watching.stdout.readline()
    rest, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "not running" in rest


def test_a_repository_without_a_run_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_repository(tmp_path / "empty"))
    error = fault("log")
    assert isinstance(error, HistoryFault)
    assert error.next_command == "autoresearch start"


def test_without_a_name_it_is_the_run_that_goes_on_or_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_repository(tmp_path / "two runs"))
    project = find_project(Path.cwd(), Settings())
    for tag in ("t", "u"):
        # git's clock has seconds; the second run must be the later one.
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-11-24T15:04:0{ord(tag) - ord('t')}+00:00")
        with History.create(project, settings(Path.cwd()).model_copy(update={"tag": tag})):
            pass
    assert json.loads(output_of("status", "--json"))["branch"] == "autoresearch/u"
    with worker(Path.cwd()):
        assert json.loads(output_of("status", "--json"))["branch"] == "autoresearch/t"


@pytest.mark.usefixtures("here")
def test_looking_back_changes_nothing(home: Path) -> None:
    before = _everything(home)
    for words in (
        ("log",),
        ("show", "1"),
        ("diff", "1"),
        ("diff", "0", "4"),
        ("status",),
        ("export",),
        ("report", "-o", "-"),
    ):
        output_of(*words)
    assert _everything(home) == before


def _everything(home: Path) -> str:
    commands = (
        ("for-each-ref",),
        ("status", "--porcelain"),
        ("stash", "list"),
        ("worktree", "list"),
    )
    return "".join(git(home, *words) for words in commands)
