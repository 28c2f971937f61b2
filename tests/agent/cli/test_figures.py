"""Every figure of a run is the same in every output: text, JSON, tables, pages, studies."""

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import optuna
import pytest
from rich.console import Console

from agent.display.format import USUAL, dollars, duration
from agent.display.live import LiveDisplay
from agent.display.table import summary
from agent.history.history import History
from agent.project.around import project_around
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.edits import SetConstant
from agent.records.events import RunStarted, TrialStarted
from agent.records.pace import PAUSE_SECONDS, pace_of
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Result, Score, Trial
from tests.agent.cli.night import TRAIN, make_repository, output_of, settings
from tests.agent.history.bundles import unpacked

BUNDLES = ("night", "suspects", "flight")
MORE_BUNDLES = ("adopted", "warm")


@dataclass(frozen=True)
class Entry:
    """A trial of the run `made`: what it scored, what its proposal cost, and when it was judged."""

    status: str
    depth: int
    value: float | None
    cost: float | None
    at: str
    model: bool = True


# A discard that scored lower than the best, a simplification that scored higher than what it
# simplifies, a failure, a refusal, a price that is not known, and a pause of a day.
MADE = (
    Entry("baseline", 4, 1.5, None, "2026-11-24T15:00:30+00:00", model=False),
    Entry("keep", 5, 1.4, 0.0123, "2026-11-24T15:01:05+00:00"),
    Entry("discard", 6, 1.2, 0.0101, "2026-11-24T15:01:40+00:00"),
    Entry("crash", 13, None, None, "2026-11-24T15:02:10+00:00"),
    Entry("refused", 5, None, 0.0007, "2026-11-24T15:02:11+00:00"),
    Entry("simplify", 7, 1.41, 0.02, "2026-11-25T15:02:11+00:00"),
    Entry("discard", 8, 1.7, 0.1, "2026-11-25T15:02:59+00:00"),
)
TRAINED_SECONDS = 30.0


def _proposal(entry: Entry) -> Proposal:
    model = "opus" if entry.model else None
    by = Provenance(
        method="code" if entry.model else "baseline",
        origin="llm" if entry.model else "baseline",
        model=model,
        input_tokens=900 if entry.model else 0,
        output_tokens=40 if entry.model else 0,
        cost=entry.cost,
    )
    edit = SetConstant(name="DEPTH", value=str(entry.depth))
    return Proposal(hypothesis=f"depth {entry.depth}", rationale="", edits=(edit,), by=by)


def _result(entry: Entry) -> Result | None:
    if entry.status == "refused":
        return None
    if entry.value is None:
        return Result(status="crash", detail="boom", seconds=TRAINED_SECONDS)
    scores = (Score(value=entry.value, seed=0, kind="self-reported"),)
    return Result(status="scored", scores=scores, seconds=TRAINED_SECONDS, score_seconds=2)


def _write(history: History, entry: Entry) -> None:
    best = history.trials[-1].value if history.trials else None
    source = TRAIN.replace("DEPTH = 4", f"DEPTH = {entry.depth}")
    attempt = history.commit_attempt(
        history.next_number, _proposal(entry), history.sources.with_text(source)
    )
    trial = Trial.model_validate(
        {
            "number": attempt.number,
            "status": entry.status,
            "proposal": attempt.proposal,
            "reason": "so it is",
            "result": _result(entry),
            "delta": None if best is None or entry.value is None else entry.value - best,
            "configuration": {"DEPTH": entry.depth, "LR": 0.1},
            "at": entry.at,
        }
    )
    history.commit_verdict(attempt, trial)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the run MADE, and a paid attempt in flight."""
    folder = make_repository(tmp_path_factory.mktemp("made") / "r")
    with History.create(find_project(folder, Settings()), settings(folder)) as history:
        for entry in MADE:
            _write(history, entry)
        flight = Entry("", 9, None, 0.25, "")
        history.commit_attempt(
            history.next_number, _proposal(flight), history.sources.with_text(TRAIN)
        )
    return folder


@pytest.fixture(
    params=[
        "made",
        *BUNDLES,
        *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_BUNDLES),
    ]
)
def home(
    request: pytest.FixtureRequest, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A repository with one recorded run, as the current folder."""
    folder = made if request.param == "made" else unpacked(request.param, tmp_path / "r")
    monkeypatch.chdir(folder)
    return folder


def column(name: str) -> str:
    """Return the row of `compare` with this name, of the first of its two equal runs."""
    run = tag()
    line = next(
        line for line in output_of("compare", run, run).splitlines() if line.startswith(name)
    )
    cells = re.split(r"  +", line)
    assert cells[1:2] == cells[2:3]
    return cells[1] if len(cells) > 1 else ""


def tag() -> str:
    branch: str = state()["branch"]
    return branch.removeprefix("autoresearch/")


def state() -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(output_of("status", "--json"))
    return printed


def labelled(text: str) -> Mapping[str, str]:
    """Return the lines `label   text` of a status or a summary."""
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs if name}


def bullets(text: str) -> Mapping[str, str]:
    """Return the items of a list in a Markdown report."""
    lines = (line.removeprefix("- ") for line in text.splitlines() if line.startswith("- "))
    pairs = (line.partition(": ") for line in lines)
    return {name: unescape(value) for name, _, value in pairs}


def visible(page: str) -> str:
    """Return the text of an HTML page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def study(tmp_path: Path) -> optuna.Study:
    file = tmp_path / "figures.db"
    output_of("export", "--format", "optuna", "-o", str(file))
    return optuna.load_study(study_name=f"autoresearch/{tag()}", storage=f"sqlite:///{file}")


def screen(trials: tuple[Trial, ...], flights: list[Attempt]) -> str:
    """Return what the live view shows of these trials, with the attempts in training."""
    console = Console(file=io.StringIO(), width=160, height=60, force_terminal=True)
    display = LiveDisplay(console)
    display.handle(
        RunStarted(
            tag="t",
            branch="autoresearch/t",
            method="code",
            model=None,
            budget="30s",
            tier="A",
            workers=1,
            trials=trials,
            planned=None,
        )
    )
    for slot, flight in enumerate(flights):
        display.handle(TrialStarted(flight, slot, 0, 1, "candidate"))
    with console.capture() as capture:
        console.print(display.page())
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).split())


@pytest.mark.usefixtures("home")
def test_every_output_of_a_run_has_the_same_figures(tmp_path: Path) -> None:
    status = state()
    text = labelled(output_of("status"))
    markdown = output_of("report", "--markdown")
    listed = bullets(markdown)
    page = visible(output_of("report", "-o", "-"))
    trials = tuple(map(Trial.model_validate, json.loads(output_of("log", "--json"))))
    flights = [Attempt.model_validate(flight) for flight in status["in_flight"]]
    live = screen(trials, flights)
    rows = list(csv.DictReader(io.StringIO(output_of("export", "--format", "csv"))))

    with History.read(project_around(Path.cwd()).project, tag()) as history:
        console = Console(file=io.StringIO(), width=10_000, markup=False, highlight=False)
        console.print(summary(history.branch, history.trials, console))
    ended = labelled(console.file.getvalue())  # type: ignore[attr-defined]

    # The best.
    best = status["best"]
    exported = study(tmp_path)
    if best is None:
        assert text["best"] == ended["best"] == "none: no trial has a score yet"
        assert "No trial has a score yet." in markdown and column("best") == "none"
        assert not [t for t in exported.trials if t.state == optuna.trial.TrialState.COMPLETE]
    else:
        trial = next(trial for trial in trials if trial.number == best["number"])
        value = USUAL.score(trial.value)
        named = f"{value} val_bpb by #{trial.number}"
        assert text["best"].startswith(named) and ended["best"] == text["best"]
        assert f"**{value} val_bpb** by #{trial.number}" in markdown
        assert named in page and column("best") == f"{value} by #{trial.number}"
        assert re.search(rf"best {value} (by #{trial.number} |– the baseline)", live)
        assert exported.best_trial.user_attrs["trial"] == trial.number
        assert exported.best_value == trial.value
        gain = re.search(r"(\S+) \(\S+%\) against the baseline", text["best"])
        share = f"{gain[1]} vs baseline" if gain else "the baseline: nothing has beaten it yet"
        assert share in live
        assert (gain[1] if gain else "The baseline: nothing has beaten it yet") in page
        assert (gain[1] if gain else "the baseline: nothing has beaten it yet") in markdown
        assert column("gain") == (gain[1] if gain else "+0.000000")

    # Counts, noise.
    assert text["trials"] == ended["trials"] == listed["trials"] == column("trials")
    numbers = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z-]+)", text["trials"])}
    assert numbers == status["counts"]
    kept = sum(status["counts"].get(name, 0) for name in ("keep", "simplify", "adopted"))
    assert f"{len(trials)} {kept} kept" in page and f"{len(trials)} trials, {kept} kept" in live
    assert text["noise"] == ended["noise"] == listed["noise"] == column("noise")
    assert text["noise"] in page
    if status["noise"] is not None:
        assert f"±{status['noise']:.2g} per paired comparison" in text["noise"]

    # Time: never more training than the clock had, unless several trained at once.
    assert text["time"] == ended["time"] == listed["time"] == column("time")
    assert text["time"] in page
    assert text["time"].startswith(f"{duration(status['training_seconds'])} of training")
    elapsed = status["elapsed_seconds"]
    if elapsed is not None:
        assert f" in {duration(elapsed)}" in text["time"]
        alone = status["training_seconds"] <= elapsed
        assert alone or text["time"].partition(";")[0].endswith(", several at once")
    pace = status["trials_per_hour"]
    if pace is not None:
        assert text["time"].endswith(f"; {pace:.1f} trials per hour")
        assert f"{pace:.1f}/h" in live
    assert sum(float(row["seconds"] or 0) for row in rows) == pytest.approx(
        status["training_seconds"]
    )

    # Cost: of whatever was proposed, in flight too.
    assert text["spent"] == listed["spent"] == column("spent")
    assert all(part.rstrip(")") in page for part in text["spent"].split(" ("))
    known = dollars(status["cost"])
    unpriced = status["unpriced"]
    more = f"at least {known} (the price of {unpriced} is not fully known)" if unpriced else known
    assert text["spent"] == more and known in live
    paid = sum(float(row["cost"] or 0) for row in rows)
    paid += sum(flight.proposal.by.cost or 0 for flight in flights)
    assert paid == pytest.approx(status["cost"])


@pytest.mark.usefixtures("home")
def test_every_output_of_a_trial_has_the_same_figures() -> None:
    trials = tuple(map(Trial.model_validate, json.loads(output_of("log", "--json"))))
    table = output_of("log").splitlines()
    rows = list(csv.DictReader(io.StringIO(output_of("export", "--format", "csv"))))
    lines = output_of("export", "--format", "jsonl").splitlines()
    assert [Trial.model_validate_json(line) for line in lines] == list(trials)
    for trial, line, row in zip(trials, table[1:], rows, strict=False):
        shown = output_of("show", str(trial.number))
        assert Trial.model_validate_json(output_of("show", str(trial.number), "--json")) == trial
        assert line.split()[:2] == [str(trial.number), trial.status]
        assert [row["number"], row["status"]] == line.split()[:2]
        assert shown.splitlines()[0].startswith(f"#{trial.number} {trial.status}")
        if trial.value is not None:
            assert USUAL.score(trial.value) in line and USUAL.score(trial.value) in shown
            assert float(row["val_bpb"]) == trial.value
        if trial.delta is not None:
            assert f"{trial.delta:+.6f}" in line and f"{trial.delta:+.6f}" in shown
        if trial.result:
            assert duration(trial.result.seconds) in line
            assert f"{duration(trial.result.seconds)} of training" in shown
        if trial.proposal.by.cost:
            assert f"${trial.proposal.by.cost:.4f}" in shown


def test_the_study_says_why_a_lower_score_is_not_the_best(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    trials = {trial.user_attrs["trial"]: trial for trial in study(tmp_path).trials}
    violated = [number for number, trial in trials.items() if any(trial.constraints.values())]
    assert violated == [1, 2], "the lucky discard, and the state before the simplification"
    assert trials[2].value == 1.2 and trials[2].user_attrs["outranked_by"] == 5
    assert "outranked_by" not in trials[6].user_attrs


def test_a_pause_between_sessions_is_no_work(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    trials = tuple(map(Trial.model_validate, json.loads(output_of("log", "--json"))))
    pace = pace_of(trials)
    assert pace.trained == 6 and pace.training == 6 * TRAINED_SECONDS
    assert pace.elapsed is not None and pace.training < pace.elapsed < PAUSE_SECONDS
    assert pace_of(()).elapsed is None and pace_of(trials[:1]).per_hour is None
    assert pace_of((trials[4],)).elapsed is None, "a refusal trains nothing"
    together = [trial.model_copy(update={"at": trials[0].at}) for trial in trials]
    assert pace_of(together).training > (pace_of(together).elapsed or 0), "several at once"
