"""How methods stand, on results that are made up so that the answer is known."""

from pathlib import Path

import numpy as np
import pytest

from agent.benchmark.ranking import fields, overall
from agent.benchmark.results import Asked, Game, Line, Results, Row, Setup
from agent.benchmark.tables import task_table
from agent.records.proposals import Proposal, Provenance


def setup(task: str) -> Setup:
    """A task."""
    return Setup(task=task, about="made up", noise="none", space="0", machine="m", versions={})


def rows(
    task: str, method: str, seed: int, scores: list[float | None], cost: float | None = None
) -> list[Row]:
    """A game: 1.0 for the baseline, then these; a model that takes ten tokens a trial where there is a cost."""
    game = Game(task=task, method=method, seed=seed)
    by = Provenance(method=method, origin="llm", input_tokens=10, cost=cost, calls=1)
    proposal = Proposal(hypothesis="h", by=by) if cost is not None else None
    lines = [Line(game=game, number=0, configuration={}, value=1.0)]
    lines += [
        Line(
            game=game,
            number=n,
            configuration={},
            value=score,
            failure=None if score is not None else "oom",
            asked=0.5,
            ran=2.0,
            proposal=proposal,
        )
        for n, score in enumerate(scores, 1)
    ]
    return list(lines)


def file_of(all_rows: list[Row]) -> Results:
    """A file that holds them."""
    return Results(Path("made-up"), all_rows)


def results(*games: list[Row]) -> Results:
    """A file of games of three trials on the task `a`."""
    asked = Asked(command="c", tasks=("a",), trials=3)
    return file_of([asked, setup("a"), *(row for game in games for row in game)])


def test_gains_failures_ranks_and_times_are_those_of_the_lines() -> None:
    [field] = fields(
        results(
            rows("a", "good", 1, [0.8, 0.7, 0.6]),
            rows("a", "good", 2, [0.9, None, 0.8]),
            rows("a", "random", 1, [None, 0.9, 0.9]),
            rows("a", "random", 2, [1.2, 1.1, 0.9]),
        )
    )
    good, poor = field.standings
    assert (good.method, poor.method, field.yardstick) == ("good", "random", "random")
    assert good.gain == {3: pytest.approx(0.3)}
    assert good.spread == pytest.approx(np.std([0.4, 0.2], ddof=1))
    assert (good.score, good.rank, poor.rank) == (pytest.approx(0.7), 1.0, 2.0)
    assert (good.failed, poor.failed) == (pytest.approx(1 / 6), pytest.approx(1 / 6))
    assert (good.asked, good.ran) == (0.5, 2.0)
    assert (good.reached.after, poor.reached.after) == (1, 3), (
        "the mean gain of `random` at the end is 0.1"
    )
    assert (good.beaten, poor.beaten) == (None, 0.5)
    assert field.seconds["good"][0].tolist() == [0.0, 2.5, 5.0, 7.5]


def test_a_count_is_shown_with_its_interval_where_it_has_one() -> None:
    [field] = fields(
        results(
            *(rows("a", "good", seed, [0.8, 0.7, 0.5 if seed else 0.7]) for seed in range(4)),
            *(rows("a", "random", seed, [0.9, 0.9, 0.6]) for seed in range(4)),
            *(rows("a", "poor", seed, [None, None, None]) for seed in range(4)),
        )
    )
    header, table = task_table(field)
    shown = {row[0]: row[header.index("as random")] for row in table}
    assert shown == {"good": "3 (3–never)", "random": "3", "poor": "never"}


def test_only_whole_games_under_seeds_that_all_have_count() -> None:
    [field] = fields(
        results(
            rows("a", "good", 1, [0.8, 0.7, 0.6]),
            rows("a", "good", 2, [0.9, 0.8]),
            rows("a", "good", 3, [0.8, 0.8, 0.8]),
            rows("a", "random", 1, [0.9, 0.9, 0.9]),
            rows("a", "random", 2, [0.9, 0.9, 0.9]),
        )
    )
    assert (field.seeds, field.unfinished) == ((1,), 3)
    assert not fields(results(rows("a", "good", 1, [0.8])))


def test_tokens_add_up_and_one_unknown_price_makes_the_sum_unknown() -> None:
    known = rows("a", "llm", 1, [0.8, 0.7, 0.6], cost=0.5)
    [field] = fields(results(known))
    assert (field.standings[0].tokens, field.standings[0].dollars) == (30, 1.5)
    line = known[-1]
    assert isinstance(line, Line) and line.proposal
    unknown = line.proposal.model_copy(
        update={"by": line.proposal.by.model_copy(update={"cost": None})}
    )
    [field] = fields(results([*known[:-1], line.model_copy(update={"proposal": unknown})]))
    assert field.standings[0].dollars is None


def test_all_tasks_together_count_in_units_of_their_own() -> None:
    made = [
        rows(task, method, seed, [1.0 - scale * gain * (1 + 0.01 * seed)] * trials)
        for task, scale, trials in (("a", 1.0, 3), ("b", 100.0, 1))
        for seed in range(6)
        for method, gain in (("good", 0.2), ("poor", 0.1))
    ]
    asked: list[Row] = [
        Asked(command="1", tasks=("a",), trials=3),
        Asked(command="2", tasks=("b",), trials=1),
    ]
    whole = overall(
        fields(file_of([*asked, setup("a"), setup("b"), *(row for part in made for row in part)]))
    )
    assert whole is not None
    assert (whole.blocks, whole.tasks) == (12, ("a", "b"))
    assert whole.ranks["good"].shape == (12, 4), "the shorter task keeps its ranks"
    assert whole.ranks["good"][:, 1:].tolist() == [[1.0] * 3] * 12
    [pair] = whole.comparisons
    assert (pair.wins, pair.losses, pair.significant) == (12, 0, True)
    assert pair.difference == pytest.approx(2.0, rel=0.1), "two standard deviations on either task"


def test_a_task_that_a_method_did_not_play_is_left_out_of_the_whole() -> None:
    asked: list[Row] = [Asked(command="1", tasks=("a", "b"), trials=1), setup("a"), setup("b")]
    played = [*rows("a", "x", 1, [0.5]), *rows("a", "y", 1, [0.6]), *rows("b", "x", 1, [0.5])]
    whole = overall(fields(file_of([*asked, *played])))
    assert whole is not None and whole.tasks == ("a",)
