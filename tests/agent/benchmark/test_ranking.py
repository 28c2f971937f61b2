"""Rankings of results that are made up so that the answer is priced."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from agent.benchmark.ranking import overall, results_by_task
from agent.benchmark.results import Command, Line, Results, Row, Run, Setup
from agent.benchmark.tables import task_table
from agent.records.proposals import Proposal, Provenance


def setup(task: str) -> Setup:
    """Return a task."""
    return Setup(task=task, about="made up", noise="none", space="0", machine="m", versions={})


def rows(
    task: str, method: str, seed: int, scores: list[float | None], cost: float | None = None
) -> list[Row]:
    """Return a run: 1.0 for the baseline, then these scores.

    With a cost it is a model's, of ten tokens a trial.
    """
    run = Run(task=task, method=method, seed=seed)
    by = Provenance(method=method, origin="llm", input_tokens=10, cost=cost, calls=1)
    proposal = Proposal(hypothesis="h", by=by) if cost is not None else None
    lines = [Line(run=run, number=0, configuration={}, value=1.0)]
    lines += [
        Line(
            run=run,
            number=n,
            configuration={},
            value=score,
            failure=None if score is not None else "oom",
            propose_seconds=0.5,
            evaluate_seconds=2.0,
            proposal=proposal,
        )
        for n, score in enumerate(scores, 1)
    ]
    return list(lines)


def file_of(all_rows: list[Row]) -> Results:
    """Return a file that holds these rows."""
    return Results(Path("made-up"), all_rows)


def results(*runs: list[Row]) -> Results:
    """Return a file of runs of three trials on the task `a`."""
    command = Command(command="c", tasks=("a",), trials=3)
    return file_of([command, setup("a"), *chain(*runs)])


def test_gains_failures_ranks_and_times_are_those_of_the_lines() -> None:
    [task] = results_by_task(
        results(
            rows("a", "good", 1, [0.8, 0.7, 0.6]),
            rows("a", "good", 2, [0.9, None, 0.8]),
            rows("a", "random", 1, [None, 0.9, 0.9]),
            rows("a", "random", 2, [1.2, 1.1, 0.9]),
        )
    )
    good, poor = task.rankings
    assert (good.method, poor.method, task.yardstick) == ("good", "random", "random")
    assert good.gain == {3: pytest.approx(0.3)}
    assert good.spread == pytest.approx(np.std([0.4, 0.2], ddof=1))
    assert (good.score, good.rank, poor.rank) == (pytest.approx(0.7), 1.0, 2.0)
    assert (good.failed, poor.failed) == (pytest.approx(1 / 6), pytest.approx(1 / 6))
    assert (good.propose_seconds, good.evaluate_seconds) == (0.5, 2.0)
    assert (good.reached.after, poor.reached.after) == (1, 3), (
        "the mean gain of `random` at the end is 0.1"
    )
    assert (good.beaten, poor.beaten) == (None, 0.5)
    assert task.seconds["good"][0].tolist() == [0.0, 2.5, 5.0, 7.5]


def test_a_count_is_shown_with_its_interval_where_it_has_one() -> None:
    [task] = results_by_task(
        results(
            *(rows("a", "good", seed, [0.8, 0.7, 0.5 if seed else 0.7]) for seed in range(4)),
            *(rows("a", "random", seed, [0.9, 0.9, 0.6]) for seed in range(4)),
            *(rows("a", "poor", seed, [None, None, None]) for seed in range(4)),
        )
    )
    header, table = task_table(task)
    shown = {row[0]: row[header.index("as random")] for row in table}
    assert shown == {"good": "3 (3–never)", "random": "3", "poor": "never"}


def test_only_complete_runs_under_seeds_that_all_methods_have_count() -> None:
    [task] = results_by_task(
        results(
            rows("a", "good", 1, [0.8, 0.7, 0.6]),
            rows("a", "good", 2, [0.9, 0.8]),
            rows("a", "good", 3, [0.8, 0.8, 0.8]),
            rows("a", "random", 1, [0.9, 0.9, 0.9]),
            rows("a", "random", 2, [0.9, 0.9, 0.9]),
        )
    )
    assert (task.seeds, task.unfinished) == ((1,), 3)
    assert not results_by_task(results(rows("a", "good", 1, [0.8])))


def test_tokens_add_up_and_one_unpriced_price_makes_the_sum_unpriced() -> None:
    priced = rows("a", "llm", 1, [0.8, 0.7, 0.6], cost=0.5)
    [task] = results_by_task(results(priced))
    assert (task.rankings[0].tokens, task.rankings[0].dollars) == (30, 1.5)
    line = priced[-1]
    assert isinstance(line, Line) and line.proposal
    unpriced = line.proposal.model_copy(
        update={"by": line.proposal.by.model_copy(update={"cost": None})}
    )
    [task] = results_by_task(
        results([*priced[:-1], line.model_copy(update={"proposal": unpriced})])
    )
    assert task.rankings[0].dollars is None


def test_all_tasks_together_count_in_units_of_their_own() -> None:
    all_rows: list[Row] = [
        Command(command="1", tasks=("a",), trials=3),
        Command(command="2", tasks=("b",), trials=1),
        setup("a"),
        setup("b"),
    ]
    for task, scale, trials in (("a", 1.0, 3), ("b", 100.0, 1)):
        for seed in range(6):
            size = scale * (1 + 0.01 * seed)
            all_rows += rows(task, "good", seed, [1.0 - 0.2 * size] * trials)
            all_rows += rows(task, "poor", seed, [1.0 - 0.1 * size] * trials)
    whole = overall(results_by_task(file_of(all_rows)))
    assert whole is not None
    assert (whole.blocks, whole.tasks) == (12, ("a", "b"))
    assert whole.ranks["good"].shape == (12, 4), "the shorter task keeps its ranks"
    assert whole.ranks["good"][:, 1:].tolist() == [[1.0] * 3] * 12
    [pair] = whole.comparisons
    assert (pair.wins, pair.losses, pair.significant) == (12, 0, True)
    assert pair.difference == pytest.approx(2.0, rel=0.1), "two standard deviations on either task"


def test_a_task_that_a_method_lacks_is_left_out_of_the_whole() -> None:
    command = Command(command="1", tasks=("a", "b"), trials=1)
    runs = [*rows("a", "x", 1, [0.5]), *rows("a", "y", 1, [0.6]), *rows("b", "x", 1, [0.5])]
    whole = overall(results_by_task(file_of([command, setup("a"), setup("b"), *runs])))
    assert whole is not None and whole.tasks == ("a",)
