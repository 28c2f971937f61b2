"""Metrics beside the main one in commands: a run with guards, a check and a target is shown."""

import csv
import io
import json
import threading
from pathlib import Path

import pytest

from agent.afterwards.finalize import finalize_run
from agent.afterwards.remeasure import Limits, compare, state_of
from agent.errors import UsageFault
from agent.evaluate.bench import Bench, Plan
from agent.evaluate.slots import make_slots
from agent.history.history import History
from agent.project.objective import metric_of
from agent.project.settings import read_settings
from agent.records.objective import Objective
from agent.trackers.tracker import numbers_of
from sandbox.ground.outcome import Finished, Outcome, RunSpec, Usage
from sandbox.tiers.scripted import ScriptedRunner
from tests.agent.cli.night import fault, git, output_of
from tests.agent.study import project_of, proposal, study, val_bpb, work_on

GOAL = Objective.model_validate(
    {
        "metric": "val_bpb",
        "guards": ["latency_ms <= 20"],
        "checks": ["sh -c true"],
        "also": ["params_m"],
        "target": 0.5,
    }
)


def script(spec: RunSpec) -> tuple[Outcome, str]:
    """Score as ever; depth costs latency. A check succeeds."""
    if Path(spec.argv[0]).name == "sh":
        return Finished(usage=Usage(seconds=1.0)), ""
    source = (Path(spec.folder) / "train.py").read_text()
    depth = int(source.partition("DEPTH = ")[2].split()[0])
    score = val_bpb(source)
    text = f"latency_ms: {2 * depth}\nparams_m: {depth / 10}\n---\nval_bpb: {score}\n"
    return Finished(usage=Usage(seconds=1.0)), text


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a run `t`: a baseline, a keep, a guarded trial and a discard."""
    folder = tmp_path_factory.mktemp("further")
    steps = [proposal(LR=0.2), proposal(LR=0.3, DEPTH=12), proposal(LR=0.9, DEPTH=2)]
    with study(folder, objective=GOAL) as history:
        work_on(history, steps, script, trials=3)
        assert [trial.status for trial in history.trials] == [
            "baseline",
            "keep",
            "guarded",
            "discard",
        ]
    return folder


@pytest.fixture(autouse=True)
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def test_the_log_has_a_column_for_each_where_it_is_asked_for() -> None:
    head, _, _, guarded = output_of("log", "t", "--also").splitlines()[:4]
    assert "latency_ms" in head and "params_m" in head
    assert "24" in guarded and "1.2" in guarded
    assert "latency_ms" not in output_of("log", "t")


def test_two_metrics_are_drawn_and_the_front_is_listed() -> None:
    text = output_of("log", "t", "--pareto", "val_bpb,params_m")
    assert "trials are not dominated in val_bpb (lower is better) and params_m" in text
    assert "1 guarded, never on the front" in text
    answer = json.loads(output_of("log", "t", "--pareto", "val_bpb,params_m:max", "--json"))
    assert [axis["direction"] for axis in answer["axes"]] == ["minimize", "maximize"]
    on_front = [trial["number"] for trial in answer["trials"] if trial["front"]]
    assert on_front == [1]


def test_a_metric_that_is_not_recorded_is_named() -> None:
    found = fault("log", "t", "--pareto", "val_bpb,param_m")
    assert isinstance(found, UsageFault)
    assert "Did you mean 'params_m'?" in found.message


def test_a_trial_shows_its_guards_and_its_check() -> None:
    kept = output_of("show", "1", "-b", "t")
    assert "latency_ms <= 20: inside" in kept
    assert "sh -c true: passed" in kept
    assert "latency_ms <= 20: outside" in output_of("show", "2", "-b", "t")


def test_the_status_says_how_each_condition_fares() -> None:
    text = output_of("status", "t")
    assert "guards  latency_ms <= 20, 8 at the best; 1 trial broke it" in text
    assert "checks  sh -c true; 0 trials failed one" in text
    assert "target  0.5, not near yet" in text


def test_exports_and_trackers_have_every_metric(home: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(output_of("export", "t", "--format", "csv"))))
    assert [row["also.latency_ms"] for row in rows] == ["8.0", "8.0", "24.0", "4.0"]
    assert rows[2]["status"] == "guarded" and rows[2]["also.params_m"] == "1.2"
    lines = output_of("export", "t", "--format", "jsonl").splitlines()
    assert json.loads(lines[2])["guards"][0]["guard"] == "latency_ms <= 20"
    with History.read(project_of(home), "t") as history:
        numbers = numbers_of(history.trials[2], history.run.goal)
    assert numbers["also/latency_ms"] == 24


def test_a_kept_state_that_is_measured_again_is_held_to_the_guards(home: Path) -> None:
    with History.read(project_of(home), "t") as history:
        baseline, kept, guarded, _ = history.trials
        plan = Plan(
            score="printed",
            train="train.py",
            data=None,
            read_only=(),
            budget=history.run.budget,
            memory_bytes=None,
            metric=metric_of(GOAL),
        )
        slots = make_slots(1, (0,), ())
        bench = Bench(plan, ScriptedRunner(script), slots, home / "again", history.export)
        states = [state_of(kept), state_of(guarded)]
        found = compare(
            bench,
            states,
            state_of(baseline),
            (5, 6, 7),
            lambda *_: None,
            threading.Event(),
            None,
            limits=Limits(GOAL.guards),
        ).comparisons
    assert [comparison.guards[0].finding for comparison in found] == ["inside", "outside"]
    assert str(found[1]).endswith("; latency_ms <= 20: outside")


def test_a_final_commit_names_the_guards_and_checks_that_held(home: Path) -> None:
    with History.read(project_of(home), "t") as history:
        list(finalize_run(history, "tuned", frozenset()))
    message = git(home, "log", "-1", "--format=%B", "tuned")
    assert "Guard: latency_ms <= 20: latency_ms 8 over 1 run, 12 inside" in message
    assert "Check: sh -c true, passed" in message


def test_nonsense_in_a_list_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "autoresearch.toml").write_text(
        'metric = "acc"\nguards = [\n  "ms <= 30",\n  "loss <= basline",\n]\n'
    )
    with pytest.raises(UsageFault) as found:
        read_settings(tmp_path)
    assert "autoresearch.toml:4: guards.1: Unknown word 'basline'" in found.value.message
    (tmp_path / "autoresearch.toml").write_text('checks = ["pytest \'a"]\n')
    with pytest.raises(UsageFault, match="No closing quotation"):
        read_settings(tmp_path)
    (tmp_path / "autoresearch.toml").write_text('checks = ["a\\u001b[31m"]\n')
    with pytest.raises(UsageFault, match="no command in one line"):
        read_settings(tmp_path)
