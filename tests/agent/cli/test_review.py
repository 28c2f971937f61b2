"""The commands that look back, on a real repository whose run was written by the real history."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.errors import Fault, HistoryFault, UsageFault
from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import RunSettings, Settings
from agent.records.edits import SetConstant
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Change, Score, Trial
from agent.records.results import Result as Measurement
from sandbox.ground.budget import Budget

TRAIN = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nprint('trained')\n"
HOSTILE = "[bold]wider[/bold] \x1b[31mred\u202e"


def make_repository(folder: Path) -> Path:
    """A git repository with a train.py at its root."""
    folder.mkdir(parents=True)
    (folder / "train.py").write_text(TRAIN)
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start"),
    ):
        _git(folder, *words)
    return folder


def settings(folder: Path) -> RunSettings:
    """What the run `t` was asked for."""
    return RunSettings(
        tag="t",
        method="code",
        model="opus",
        budget=Budget(amount=20),
        seed=0,
        workers=1,
        trials=None,
        hours=None,
        max_cost=None,
        baseline_repeats=2,
        data_fingerprint=None,
        start_commit=_git(folder, "rev-parse", "HEAD").strip(),
        score="printed",
    )


def proposal(hypothesis: str) -> Proposal:
    """A model's proposal."""
    by = Provenance(
        method="code", origin="llm", model="opus", input_tokens=1000, output_tokens=50, cost=0.02
    )
    return Proposal(
        hypothesis=hypothesis,
        rationale="because\nof this",
        edits=(SetConstant(name="DEPTH", value="5"),),
        by=by,
    )


def settle(
    history: History, status: str, hypothesis: str, source: str, value: float | None = None
) -> Trial:
    """Commit an attempt and its verdict."""
    before = history.trials[-1].value if history.trials else None
    attempt = history.commit_attempt(history.next_number, proposal(hypothesis), source)
    result: Measurement | None = None
    if value is not None:
        scores = (
            Score(value=value, seed=0, kind="self-reported"),
            Score(value=value + 0.002, seed=1, kind="self-reported"),
        )
        result = Measurement(
            status="scored",
            scores=scores,
            curve=((0.5, 3.0), (1.0, 2.5)),
            seconds=3.0,
            peak_memory_mb=2048.0,
            tier="A",
        )
    elif status != "refused":
        result = Measurement.model_validate({"status": status, "detail": "boom"})
    trial = Trial.model_validate(
        {
            "number": attempt.number,
            "status": status,
            "proposal": attempt.proposal,
            "reason": f"it is a {status}",
            "result": result,
            "delta": None if value is None or before is None else value - before,
            "changes": (Change(name="DEPTH", before=4, after=5),),
            "at": "2026-11-24T15:04:05+00:00",
        }
    )
    return history.commit_verdict(attempt, trial)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run `t` of a baseline, a keep, a crash, a refusal and a discard; and #5 in flight."""
    folder = make_repository(tmp_path_factory.mktemp("review") / "a repository")
    with History.create(find_project(folder, Settings()), settings(folder)) as history:
        settle(history, "baseline", "train.py as it is", TRAIN, 1.5)
        settle(history, "keep", "deeper", TRAIN.replace("DEPTH = 4", "DEPTH = 5"), 1.4)
        settle(history, "crash", HOSTILE, TRAIN.replace("DEPTH = 4", "DEPTH = 13"))
        settle(history, "refused", "misspelt", history.source)
        settle(history, "discard", "hotter", history.source.replace("LR = 0.1", "LR = 0.9"), 1.6)
        history.commit_attempt(
            history.next_number, proposal("colder"), history.source.replace("LR = 0.1", "LR = 0.01")
        )
    logs = folder / ".autoresearch" / "runs" / "t" / "trials" / "0001"
    logs.mkdir(parents=True)
    (logs / "train-0.log").write_text("step 1\n")
    return folder


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That repository, as the current folder."""
    monkeypatch.chdir(home)
    return home


def run(*words: str) -> Result:
    """The result of a command, in this process."""
    return CliRunner().invoke(app, words)


def said(*words: str) -> str:
    """What a command that must succeed printed; never a raw control character."""
    result = run(*words)
    assert result.exit_code == 0, result.output or result.exception
    assert all(map(str.isprintable, result.stdout.replace("\t", " ").splitlines()))
    return result.stdout


def fault(*words: str) -> Fault:
    """The fault that a command ends with."""
    result = run(*words)
    assert isinstance(result.exception, Fault), result.output
    return result.exception


@pytest.mark.usefixtures("here")
def test_the_log_is_a_plain_table_of_every_trial() -> None:
    lines = said("log").splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["0", "baseline"],
        ["1", "keep"],
        ["2", "crash"],
        ["3", "refused"],
        ["4", "discard"],
    ]
    assert "1.401000" in lines[2]
    assert "[bold]wider[/bold] \\x1b[31mred\\u202e" in lines[3]
    assert said("log", "t") == said("log", "autoresearch/t") == said("log")


@pytest.mark.usefixtures("here")
def test_kept_leaves_out_what_was_not_kept() -> None:
    assert [line.split()[1] for line in said("log", "--kept").splitlines()[1:]] == [
        "baseline",
        "keep",
    ]


@pytest.mark.usefixtures("here")
def test_the_log_s_json_gives_the_ledger_back() -> None:
    trials = [Trial.model_validate(one) for one in json.loads(said("log", "--json"))]
    assert [trial.status for trial in trials] == ["baseline", "keep", "crash", "refused", "discard"]
    assert trials[2].proposal.hypothesis == HOSTILE
    assert trials[1].attempt and trials[1].verdict


@pytest.mark.usefixtures("here")
def test_a_trial_is_shown_in_full() -> None:
    text = said("show", "1")
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
    assert "not on this machine" in said("show", "2")
    assert Trial.model_validate_json(said("show", "4", "--json")).proposal.hypothesis == "hotter"


@pytest.mark.usefixtures("here")
def test_an_attempt_in_flight_is_shown_too() -> None:
    text = said("show", "5")
    assert "#5 no verdict yet" in text
    assert "+LR = 0.01" in text
    assert Attempt.model_validate_json(said("show", "5", "--json")).number == 5
    assert "+LR = 0.01" in said("diff", "5")


@pytest.mark.usefixtures("here")
def test_a_diff_is_what_was_tried_or_with_two_numbers_what_was_kept() -> None:
    assert "+LR = 0.9" in said("diff", "4")
    assert "DEPTH" not in "\n".join(
        line for line in said("diff", "4").splitlines() if line.startswith(("+", "-"))
    )
    assert "+DEPTH = 5" in said("diff", "0", "4")
    assert "LR = 0.9" not in "\n".join(
        line for line in said("diff", "0", "4").splitlines() if line.startswith("+")
    )
    assert said("diff", "1", "4") == "no difference\n"
    assert said("diff", "3") == "no difference\n"


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
    text = said("status")
    assert "autoresearch/t  not running" in text
    assert "left    #5 colder" in text
    assert "best    1.401000 val_bpb by #1" in text
    assert "1 baseline, 1 keep, 1 discard, 1 crash, 1 refused" in text
    assert "spent   $0.10" in text
    at_rest = json.loads(said("status", "--json"))
    assert (at_rest["running"], at_rest["pid"], at_rest["cost"]) == (
        False,
        None,
        pytest.approx(0.10),
    )
    with _worker(here) as pid:
        assert f"running as process {pid}" in said("status")
        at_work = json.loads(said("status", "--json"))
        assert (at_work["running"], at_work["pid"], at_work["best"]["number"]) == (True, pid, 1)
        assert at_work["counts"] == {
            "baseline": 1,
            "keep": 1,
            "crash": 1,
            "refused": 1,
            "discard": 1,
        }
    assert json.loads(said("status", "--json"))["running"] is False


def test_the_export_has_upstream_s_columns_and_statuses(here: Path) -> None:
    rows = [line.split("\t") for line in said("export").splitlines()]
    assert rows[0] == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert [row[1:4] for row in rows[1:]] == [
        ["1.501000", "2.0", "keep"],
        ["1.401000", "2.0", "keep"],
        ["0.000000", "0.0", "crash"],
        ["1.601000", "2.0", "discard"],
    ]
    assert _git(here, "log", "-1", "--format=%s", rows[2][0]).strip() == "attempt #1: deeper"


def test_the_export_goes_to_a_file_where_one_is_named(here: Path, tmp_path: Path) -> None:
    for form in ("tsv", "jsonl", "csv"):
        file = tmp_path / f"trials.{form}"
        assert said("export", "--format", form, "--output", str(file)) == ""
        assert file.read_bytes().decode() == said("export", "--format", form)
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "trials.csv").read_text())))) == 5
    assert isinstance(
        fault("export", "--output", str(here / "no" / "such" / "folder" / "x.tsv")), UsageFault
    )
    assert isinstance(fault("export", "--format", "optuna"), UsageFault), (
        "an SQLite file is nothing for stdout"
    )
    assert isinstance(
        fault("export", "--format", "optuna", "--output", str(here / "no" / "x.db")), UsageFault
    )


def test_the_report_is_a_page_named_after_the_run_or_markdown(here: Path, tmp_path: Path) -> None:
    page = tmp_path / "night.html"
    assert said("report", "--output", str(page)) == ""
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    for part in (
        "deeper",
        "1.401000",
        '<tr class="add">',
        "[bold]wider[/bold] \\x1b[31mred\\u202e",
        "#5</strong> colder",
    ):
        assert part in text
    assert "| #1 | 1.401000 | -0.101000 |" in said("report", "t", "--markdown")
    assert said("report", "--output", "-").startswith("<!doctype html>")
    assert isinstance(
        fault("report", "--output", str(here / "no" / "such" / "folder" / "x.html")), UsageFault
    )


@pytest.mark.usefixtures("here")
def test_a_figure_goes_into_a_file(tmp_path: Path) -> None:
    for words in (("progress",), ("compare", "t", "t")):
        file = tmp_path / f"{words[0]}.svg"
        assert said("plot", *words, "--output", str(file)) == ""
        assert "<svg" in file.read_text()
    assert isinstance(fault("plot", "progress", "t", "t"), UsageFault)
    assert isinstance(fault("plot", "importance"), UsageFault)


@pytest.mark.usefixtures("here")
def test_the_log_can_hold_the_diffs() -> None:
    text = said("log", "--kept", "-p")
    assert "#1 keep  1.401000 val_bpb" in text
    assert "  deeper  [it is a keep]" in text
    assert "+DEPTH = 5" in text
    assert "DEPTH = 13" not in text
    assert "\\x1b[31mred" in said("log", "-p")


@pytest.mark.usefixtures("here")
def test_runs_are_put_beside_each_other() -> None:
    lines = said("compare", "t", "autoresearch/t").splitlines()
    assert lines[0].split() == ["t", "t"]
    assert [line.split()[1:] for line in lines if line.startswith("best")] == [
        ["1.401000", "by", "#1"] * 2
    ]
    assert isinstance(fault("compare", "t"), UsageFault)


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


def test_the_status_can_be_watched_until_the_run_ends(here: Path) -> None:
    assert "not running" in said("status", "--watch")
    command = [str(Path(sys.executable).parent / "autoresearch"), "status", "--watch"]
    with _worker(here):
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
    assert json.loads(said("status", "--json"))["branch"] == "autoresearch/u"
    with _worker(Path.cwd()):
        assert json.loads(said("status", "--json"))["branch"] == "autoresearch/t"


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
        said(*words)
    assert _everything(home) == before


def _everything(home: Path) -> str:
    commands = (
        ("for-each-ref",),
        ("status", "--porcelain"),
        ("stash", "list"),
        ("worktree", "list"),
    )
    return "".join(_git(home, *words) for words in commands)


def _git(home: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=home, capture_output=True, text=True, check=True
    ).stdout


WORKER = """
import sys
from pathlib import Path
from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import read_settings

with History.open(find_project(Path.cwd(), read_settings(Path.cwd())), "t"):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _worker(home: Path) -> Iterator[int]:
    """The id of another process that works on the run."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=home, env=env, text=True, **pipes
    ) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.stdin.close()
        assert process.wait(30) == 0
