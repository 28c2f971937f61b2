"""The figures of a benchmark are small files that change little when they are drawn again."""

from pathlib import Path

import numpy as np
import pytest

from agent.benchmark.figures import FIGURES, POINTS
from agent.benchmark.ranking import TaskResults, results_by_task
from agent.benchmark.results import Command, Line, Results, Row, Run, Setup
from agent.dashboard.figures import save

METHODS = ("random", "tpe", "cmaes", "gp", "trust", "optuna-tpe")
TASKS = ("valley", "far", "scaling", "rugged", "trees")
TRIALS = 300


def results() -> list[TaskResults]:
    """Return as many tasks, methods and trials as the largest benchmark of the documentation."""
    dice = np.random.default_rng(0)
    rows: list[Row] = [Command(command="c", tasks=TASKS, trials=TRIALS)]
    for task in TASKS:
        rows.append(Setup(task=task, about="", noise="", space="0", machine="m", versions={}))
        for method in METHODS:
            for seed in range(3):
                rows += lines(Run(task=task, method=method, seed=seed), dice)
    return results_by_task(Results(Path("made-up"), rows))


def lines(run: Run, dice: np.random.Generator) -> list[Line]:
    """Return a run whose scores become better by chance."""
    scores = 1.0 - np.cumsum(dice.random(TRIALS + 1)) / 1000
    return [
        Line(run=run, number=number, configuration={}, value=float(score), propose_seconds=0.1)
        for number, score in enumerate(scores)
    ]


@pytest.fixture(scope="module")
def tasks() -> list[TaskResults]:
    """Return the results once for all figures."""
    return results()


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_small_and_drawn_again_alike(
    name: str, tasks: list[TaskResults], tmp_path: Path
) -> None:
    save(FIGURES[name](tasks), tmp_path / "a.svg")
    save(FIGURES[name](tasks), tmp_path / "b.svg")
    svg = (tmp_path / "a.svg").read_bytes()
    assert svg == (tmp_path / "b.svg").read_bytes()
    assert len(svg) < 120_000, f"30 curves of at most {POINTS} points"
    assert b"trust" in svg
