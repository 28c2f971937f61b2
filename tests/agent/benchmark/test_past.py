"""Past trials of every format become the same surrogate, or are refused with a reason."""

import json
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from agent.benchmark.past import read_past
from agent.benchmark.results import Results, setup_of
from agent.benchmark.tasks import open_task
from agent.benchmark.tasks.past import quality_of, space_of
from agent.errors import UsageFault
from agent.propose.search.study import quiet
from agent.records.results import PriorTrial

Row = tuple[dict[str, Any], float | None]
COUNT = 120


def loss(depth: int, rate: float, pattern: str) -> float:
    """Return a loss that is best at depth 9 and rate 0.02."""
    return (
        1.0
        + 0.004 * (depth - 9) ** 2
        + 0.05 * math.log(rate / 0.02) ** 2
        + (0.02 if pattern == "SSSS" else 0.0)
    )


def rows(seed: int = 0, count: int = COUNT) -> list[Row]:
    """Return trials of this loss; deep and wide ones fail, but not the first."""
    rng = np.random.default_rng(seed)
    made: list[Row] = [
        (
            {"DEPTH": 8, "BATCH": 64, "LR": 0.04, "PATTERN": "SSSL", "FIXED": 7},
            loss(8, 0.04, "SSSL"),
        )
    ]
    while len(made) < count:
        depth = int(rng.integers(4, 17))
        batch = 2 ** int(rng.integers(4, 9))
        rate = float(np.exp(rng.uniform(-6, -1)))
        pattern = str(rng.choice(["SSSL", "LLLL", "SSSS"]))
        failed = depth * batch > 1000
        constants = {"DEPTH": depth, "BATCH": batch, "LR": rate, "PATTERN": pattern, "FIXED": 7}
        made.append((constants, None if failed else loss(depth, rate, pattern)))
    return made


def automl(path: Path, made: list[Row]) -> Path:
    """Write autoresearch-automl's published form: methods, seeds, trials; a failure scores 100."""
    trials = [
        {
            "tid": i,
            "val_bpb": 100.0 if score is None else score,
            "success": score is not None,
            "wt": 300.1,
            **constants,
        }
        for i, (constants, score) in enumerate(made)
    ]
    half = len(trials) // 2
    path.write_text(
        json.dumps({"TPE": {"0": trials[:half]}, "SMAC": {"0": trials[half:]}}), encoding="utf-8"
    )
    return path


def json_lines(path: Path, made: list[Row]) -> Path:
    """Write neuropt's log, like autoresearch-automl's trials.jsonl: constants under `config`."""
    lines = [
        json.dumps(
            {
                "id": i,
                "config": c,
                "score": score,
                "status": "ok" if score is not None else "oom",
                "curves": {},
            }
        )
        for i, (c, score) in enumerate(made)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def table(path: Path, made: list[Row], mark: str = "\t") -> Path:
    """Write a results.tsv with a column per constant."""
    head = mark.join(["commit", "val_bpb", "status", "description", *made[0][0]])
    lines = [
        mark.join(
            [
                f"{i:07x}",
                "0.0" if score is None else repr(score),
                "crash" if score is None else "discard",
                f"idea {i}",
                *map(str, constants.values()),
            ]
        )
        for i, (constants, score) in enumerate(made)
    ]
    path.write_text("\n".join([head, *lines]), encoding="utf-8")
    return path


DISTRIBUTIONS: dict[str, optuna.distributions.BaseDistribution] = {
    "DEPTH": optuna.distributions.IntDistribution(4, 16),
    "BATCH": optuna.distributions.IntDistribution(16, 256),
    "LR": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True),
    "FIXED": optuna.distributions.IntDistribution(7, 7),
    "PATTERN": optuna.distributions.CategoricalDistribution(["SSSL", "LLLL", "SSSS"]),
}


def storage(path: Path, made: list[Row]) -> Path:
    """Let optuna write its storage, with one pruned and one running trial besides."""
    with quiet("optuna", logging.ERROR):
        study = optuna.create_study(storage=f"sqlite:///{path}", study_name="s")
    states = optuna.trial.TrialState
    for constants, score in made:
        state = states.FAIL if score is None else states.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(
                state=state, value=score, params=constants, distributions=DISTRIBUTIONS
            )
        )
    study.add_trial(
        optuna.trial.create_trial(
            state=states.PRUNED, params=made[0][0], distributions=DISTRIBUTIONS
        )
    )
    study.ask(DISTRIBUTIONS)
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
    return path


def test_the_formats_hold_the_same_trials(tmp_path: Path) -> None:
    made = rows(count=40)
    for path in (
        automl(tmp_path / "trials.json", made),
        json_lines(tmp_path / "search.jsonl", made),
        table(tmp_path / "results.tsv", made),
        table(tmp_path / "results.csv", made, ","),
    ):
        trials = [
            (trial.configuration, None if isinstance(trial.outcome, str) else trial.outcome)
            for trial in read_past(str(path))
        ]
        assert trials == made, path.name


def test_an_optuna_storage_is_read_as_optuna_wrote_it(tmp_path: Path) -> None:
    made = rows(count=12)
    trials = read_past(str(storage(tmp_path / "study.db", made)))
    assert [trial.configuration for trial in trials] == [constants for constants, _ in made]
    assert [trial.outcome for trial in trials] == [
        pytest.approx(score) if score is not None else "crash" for _, score in made
    ]


def test_names_and_words_of_failures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "optimizer.lr,score,status\n0.1,1.5,ok\n0.2,,oom\n0.3,,FAILED\n0.4,nan,ok\nnan,1.0,ok\n",
        encoding="utf-8",
    )
    assert [(trial.configuration, trial.outcome) for trial in read_past(str(path))] == [
        ({"OPTIMIZER_LR": 0.1}, 1.5),
        ({"OPTIMIZER_LR": 0.2}, "oom"),
        ({"OPTIMIZER_LR": 0.3}, "crash"),
        ({"OPTIMIZER_LR": 0.4}, "crash"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "results.tsv",
            "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1\t0.99\t44.0\tkeep\tbaseline\n",
            "prose",
        ),
        ("a.json", "{broken", "no trial"),
        ("a.csv", "LR,accuracy\n0.1,0.9\n", "no trial"),
        ("a.jsonl", "", "no trial"),
        ("b.csv", "l.r,l-r,score\n0.1,0.2,1.0\n", "become one constant"),
    ],
)
def test_what_is_no_table_of_trials_is_refused(
    name: str, text: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageFault, match=reason):
        read_past(str(tmp_path / name))
    with pytest.raises(UsageFault, match="cannot read"):
        read_past(str(tmp_path / "missing.json"))


def past(
    made: list[Row], score: Callable[[float], float] = lambda value: value
) -> list[PriorTrial]:
    """Return the rows as they are read."""
    return [
        PriorTrial(
            number=number,
            configuration=constants,
            outcome="crash" if value is None else score(value),
        )
        for number, (constants, value) in enumerate(made)
    ]


def test_the_space_is_what_the_trials_span() -> None:
    made = past(rows())
    space = space_of(made, made[0].configuration)
    by_name = {p.name: p for p in space.parameters}
    assert list(by_name) == ["DEPTH", "BATCH", "LR", "PATTERN"]
    assert (
        by_name["DEPTH"].kind,
        by_name["DEPTH"].low,
        by_name["DEPTH"].high,
        by_name["DEPTH"].default,
    ) == ("int", 4, 16, 8)
    assert by_name["BATCH"].power_of_two
    assert by_name["LR"].kind == "float" and by_name["LR"].log
    assert set(by_name["PATTERN"].choices) == {"SSSL", "LLLL", "SSSS"}


def test_a_number_is_searched_as_those_who_tried_it_searched_it() -> None:
    # Both span a factor of hundreds or more: the smallest of many even draws is near 0.
    draws = [(n + 0.5) / 200 for n in range(200)]
    made = [
        PriorTrial(number=n, configuration={"EVEN": u, "FACTORS": 1e-4 * 1e4**u}, outcome=u)
        for n, u in enumerate(draws)
    ]
    assert [parameter.log for parameter in space_of(made, made[0].configuration).parameters] == [
        False,
        True,
    ]


def test_the_surrogate_predicts_and_tells_how_well(tmp_path: Path) -> None:
    task = open_task(f"trials:{automl(tmp_path / 'trials.json', rows())}")
    assert task.quality is not None
    assert task.quality.trials == COUNT and task.quality.failed > 10
    assert (
        (task.quality.r2 or 0) > 0.5
        and (task.quality.rank or 0) > 0.7
        and (task.quality.auc or 0) > 0.9
    )
    assert f"R² {task.quality.r2:.2f}" in task.about and "AUC" in task.about
    evaluate = task.make(1)
    start = task.space.default
    better = {**start, "LR": 0.02, "DEPTH": 9}
    assert evaluate(start, 0) == task.make(1)(start, 5)
    good = evaluate(better, 1).measured
    base = evaluate(start, 0).measured
    assert isinstance(good, float) and isinstance(base, float) and good < base
    assert evaluate({**start, "DEPTH": 16, "BATCH": 256}, 2).measured == "oom"


def test_scores_that_nothing_explains_make_no_surrogate(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    noise = [
        (constants, None if score is None else float(rng.normal())) for constants, score in rows()
    ]
    with pytest.raises(UsageFault, match=r"too poor to compare methods on: .*5-fold"):
        open_task(f"trials:{automl(tmp_path / 'trials.json', noise)}")
    with pytest.raises(UsageFault, match="needs 30"):
        open_task(f"trials:{automl(tmp_path / 'few.json', rows(count=20))}")
    with pytest.raises(UsageFault, match=r"40 trials with a score, of 4 conf.* needs 10"):
        open_task(f"trials:{automl(tmp_path / 'alike.json', [*scored_rows(4)] * 10)}")


def scored_rows(count: int) -> list[Row]:
    """Return `count` trials that all have a score."""
    return [row for row in rows() if row[1] is not None][:count]


def test_a_measure_that_few_failures_cannot_give_is_none_in_the_file_too(tmp_path: Path) -> None:
    task = open_task(f"trials:{automl(tmp_path / 'trials.json', scored_rows(60))}")
    assert task.quality is not None and task.quality.auc is None
    setup = setup_of(task, "here", {})
    for _ in range(2):
        with Results.open(tmp_path / "bench.jsonl") as results:
            results.agree(setup)
    assert Results.read(tmp_path / "bench.jsonl").setups[task.name] == setup


def test_a_repeated_trial_does_not_predict_its_twin() -> None:
    rng = np.random.default_rng(6)
    once = [(constants, float(rng.normal())) for constants, score in rows() if score is not None]
    quality = quality_of(space_of(past(once), once[0][0]), past([*once, *once]))
    assert quality.r2 is not None and quality.r2 < 0.3
