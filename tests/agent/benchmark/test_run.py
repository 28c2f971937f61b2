"""Runs: resumed from any trial, the same function for every method, and methods with a model."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.benchmark.methods import REFERENCES, check_methods
from agent.benchmark.results import Line, Run
from agent.benchmark.run import observations, run_trials
from agent.benchmark.task import Outcome, Task
from agent.benchmark.tasks import DEFAULT, TASKS, open_task
from agent.errors import Fault, UsageFault
from agent.llm.scripted import Scripted
from agent.propose import METHODS
from agent.propose.search.observe import key_of
from agent.space import read_space

TRIALS = 14


def run(method: str, task: str = "valley", seed: int = 101) -> Run:
    """Return a run."""
    return Run(task=task, method=method, seed=seed)


def completed(
    method: str, done: Sequence[Line] = (), task: str = "valley", trials: int = TRIALS
) -> list[Line]:
    """Return all trials of a run, without the times."""
    lines = run_trials(open_task(task), run(method, task), done, trials, None)
    no_times = {"propose_seconds": 0.0, "evaluate_seconds": 0.0}
    return [*done, *(line.model_copy(update=no_times) for line in lines)]


@pytest.mark.parametrize("method", ["random", "tpe", "cmaes", "trust", *REFERENCES])
def test_a_run_resumes_from_any_trial_as_if_it_had_never_stopped(method: str) -> None:
    whole = completed(method)
    assert [line.number for line in whole] == list(range(TRIALS + 1))
    for done in (1, 7, TRIALS):
        read = [Line.model_validate_json(line.model_dump_json()) for line in whole[:done]]
        assert completed(method, read) == whole


def test_every_method_meets_the_same_function_and_the_same_noise() -> None:
    random = completed("random")
    trust = completed("trust")
    assert random[0].configuration == open_task("valley").space.default
    assert (random[0].value, random[0].true) == (trust[0].value, trust[0].true)
    assert random[0].value != random[0].true
    assert random[1].configuration != trust[1].configuration


def test_seeds_are_other_functions() -> None:
    scores = set()
    for seed in range(5):
        [baseline] = run_trials(open_task("rugged"), run("random", "rugged", seed), (), 0, None)
        scores.add(baseline.true)
    assert len(scores) == 5


@pytest.mark.parametrize("name", [*DEFAULT, "far"])
def test_a_synthetic_task_starts_where_it_works_and_fails_somewhere(name: str) -> None:
    lines = completed("random", task=name, trials=60)
    assert lines[0].failure is None
    assert 0.1 < sum(line.failure is not None for line in lines[1:]) / 60 < 0.9
    assert all((line.value is None) == (line.failure is not None) for line in lines)


def test_samplers_of_optuna_are_told_what_happened_and_stay_in_the_space() -> None:
    space = open_task("valley").space
    lines = completed("optuna-tpe", trials=25)
    assert any(line.failure for line in lines)
    assert all(space.repair(line.configuration) == line.configuration for line in lines)
    assert len({key_of(line.configuration) for line in lines}) > 20


def test_a_start_that_fails_ends_the_run() -> None:
    broken = Task(
        "broken",
        "",
        "",
        read_space("A = 1.0  # [0 .. 2]\n"),
        "A = 1.0\n",
        lambda _: lambda c, n: Outcome("crash"),
    )
    with pytest.raises(Fault, match="starts from fail"):
        list(run_trials(broken, run("random", "broken"), (), 3, None))


@pytest.mark.parametrize("method", ["code", "hybrid", "llm-hps", "nonsense"])
def test_a_method_that_cannot_run_is_refused_with_the_reason(method: str) -> None:
    with pytest.raises(UsageFault):
        check_methods([method], None)
    check_methods([name for name, row in METHODS.items() if row.is_search], None)


def test_an_unknown_task_is_refused() -> None:
    for name in ("nonsense", "valley:3", "workspace:never"):
        with pytest.raises(UsageFault):
            open_task(name)
    assert set(DEFAULT) < set(TASKS)


ANSWERS = [
    {
        "reason": "lower",
        "configuration": {"MATRIX_LR": 0.02},
        "input_tokens": 100,
        "output_tokens": 10,
        "cost": 0.01,
    },
    {"text": "I would rather not.", "input_tokens": 50, "output_tokens": 5, "cost": 0.005},
    {
        "reason": "more",
        "configuration": {"DEPTH": 9},
        "input_tokens": 120,
        "output_tokens": 10,
        "cost": 0.01,
    },
]


def test_a_model_s_tokens_and_refusals_are_recorded_and_its_run_resumes() -> None:
    task = open_task("valley")
    model = Scripted(ANSWERS)
    whole = list(run_trials(task, run("llm-hps"), (), 3, model))
    assert [line.failure for line in whole] == [None, None, "refused", None]
    assert whole[1].configuration == {**task.space.default, "MATRIX_LR": 0.02}
    assert whole[3].configuration == {**task.space.default, "DEPTH": 9}
    assert [line.proposal.by.input_tokens for line in whole if line.proposal] == [100, 50, 120]
    assert len(observations(whole)) == 3
    read = [Line.model_validate_json(line.model_dump_json()) for line in whole[:2]]
    again = list(run_trials(task, run("llm-hps"), read, 3, model))
    assert [line.configuration for line in again] == [line.configuration for line in whole[2:]]


def test_a_batch_of_a_model_is_run_one_by_one() -> None:
    batch = [{"MATRIX_LR": rate} for rate in (0.01, 0.02, 0.03)]
    model = Scripted([{"reason": "all three", "configurations": batch}])
    lines = list(run_trials(open_task("valley"), run("llm-curves"), (), 3, model))
    assert [line.configuration["MATRIX_LR"] for line in lines[1:]] == [0.01, 0.02, 0.03]


def test_the_real_tasks_really_train() -> None:
    scores = {}
    for name, small in (
        ("cnn", {"LR": 0.03, "N_BLOCKS": 2, "BASE_CHANNELS": 4}),
        ("trees", {"MAX_ITER": 20}),
    ):
        task = open_task(name)
        assert len(task.space.parameters) == {"cnn": 14, "trees": 8}[name]
        evaluate = task.make(3)
        configuration = {**task.space.default, **small}
        first = evaluate(configuration, 0)
        assert evaluate(configuration, 9) == first, "no noise within a seed"
        assert isinstance(first.measured, float)
        assert task.make(4)(configuration, 0) != first, "a seed is another split"
        scores[name] = first.measured
    assert scores["cnn"] < 2.0, "better than guessing one of ten (2.3)"
    assert scores["trees"] < 0.5, "better than guessing one of two (0.69)"
    pooled_away = {**open_task("cnn").space.default, "N_BLOCKS": 6, "POOL_EVERY": 1}
    assert open_task("cnn").make(3)(pooled_away, 0).measured == "crash"


@pytest.mark.slow
def test_the_workspace_is_trained_in_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    task = open_task("workspace:3steps")
    outcome = task.make(1)({**task.space.default, "DEPTH": 1}, 0)
    assert isinstance(outcome.measured, float) and 0 < outcome.measured < 12
    assert json.dumps(outcome.curve)
