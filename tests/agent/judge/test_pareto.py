"""The Pareto front of two metrics: whoever is dominated is not on it, whatever the directions."""

from itertools import product
from random import Random

import pytest

from agent.errors import UsageFault
from agent.judge.pareto import Axis, axes_of, points_of, two_axes, value_of
from agent.records.objective import Objective
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Status, Trial

GOAL = Objective.model_validate(
    {
        "metric": "acc",
        "direction": "maximize",
        "guards": ["ms <= 5", "f1 >= 0.5"],
        "also": ["params_m", "ms"],
    }
)
BY = Provenance(method="random", origin="search")


def trial(number: int, acc: float, ms: float | None, status: Status = "discard") -> Trial:
    """Return a scored trial."""
    also = {} if ms is None else {"ms": ms}
    score = Score(value=acc, seed=0, kind="self-reported", also=also)
    return Trial(
        number=number,
        status=status,
        proposal=Proposal(hypothesis="x", by=BY),
        reason="r",
        result=Result(status="scored", scores=(score,)),
    )


def front(trials: list[Trial]) -> list[int]:
    x, y = two_axes("acc,ms", GOAL)
    return [p.trial.number for p in points_of(trials, x, y, GOAL) if p.on_front]


def test_every_metric_of_a_run_is_an_axis_with_its_direction() -> None:
    ways = {axis.name: axis.direction for axis in axes_of(GOAL)}
    assert ways == {"acc": "maximize", "ms": "minimize", "f1": "maximize", "params_m": "minimize"}


def test_a_direction_can_be_typed() -> None:
    x, y = two_axes("params_m:max, ms", GOAL)
    assert (x, y.name) == (Axis("params_m", "maximize"), "ms")
    assert (x.better, y.better) == ("higher is better", "lower is better")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acc", "takes two metrics"),
        ("acc,ms,f1", "takes two metrics"),
        ("acc,acc", "two different metrics"),
        ("acc,sm", "Unknown metric 'sm'"),
        ("acc,params", "Did you mean 'params_m'"),
        ("acc,ms:up", "'up' is no direction: write ms:min or ms:max"),
    ],
)
def test_what_is_no_pair_of_metrics_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageFault) as fault:
        two_axes(text, GOAL)
    assert said in fault.value.message
    assert fault.value.next_command == "autoresearch log --pareto acc,ms"


def test_of_a_run_with_one_metric_it_is_said_how_more_are_recorded() -> None:
    with pytest.raises(UsageFault, match=r"This run records acc\. More are .* also =") as fault:
        two_axes("acc,ms", Objective(metric="acc"))
    assert fault.value.next_command == '$EDITOR autoresearch.toml   # also = ["NAME"]'


def test_the_front_is_what_no_other_trial_beats() -> None:
    trials = [
        trial(0, 0.8, 3.0, "baseline"),
        trial(1, 0.9, 4.0, "keep"),
        trial(2, 0.7, 3.5),
        trial(3, 0.9, 4.5),
        trial(4, 0.6, 1.0),
    ]
    assert front(trials) == [0, 1, 4]


def test_equal_trials_are_both_on_it_and_a_guarded_one_never() -> None:
    trials = [trial(0, 0.8, 3.0), trial(1, 0.8, 3.0), trial(2, 0.99, 2.0, "guarded")]
    assert front(trials) == [0, 1]


def test_a_trial_without_the_metric_has_no_place() -> None:
    assert front([trial(0, 0.8, None), trial(1, 0.7, 9.0)]) == [1]
    suspect = trial(2, 0.99, 1.0, "suspect")
    assert front([trial(1, 0.7, 9.0), suspect]) == [1], "it is not believed"
    assert value_of(suspect, "ms", GOAL) is None, "nor is any other metric of it"
    anew = trial(2, 0.1, 9.5, "baseline").model_copy(update={"new_data": True})
    assert front([trial(1, 0.7, 9.0), anew]) == [2], "on the data at hand"
    guarded = trial(2, 0.8, 3.0, "guarded")
    x, y = two_axes("acc,ms", GOAL)
    points = points_of([trial(0, 0.8, 3.0), guarded], x, y, GOAL)
    assert [(point.trial.number, point.on_front) for point in points] == [(0, True), (2, False)]


def test_the_front_agrees_with_its_definition_on_random_points() -> None:
    random = Random(7)
    for _ in range(50):
        trials = [
            trial(n, random.randint(0, 5) / 5, float(random.randint(0, 5))) for n in range(12)
        ]
        values = {
            t.number: (t.value or 0.0, t.result.own[0].also["ms"]) for t in trials if t.result
        }
        beaten = set()
        for a, b in product(values, values):
            acc_a, ms_a = values[a]
            acc_b, ms_b = values[b]
            as_good = acc_b >= acc_a and ms_b <= ms_a
            if as_good and (acc_b, ms_b) != (acc_a, ms_a):
                beaten.add(a)
        assert front(trials) == [n for n in values if n not in beaten]
