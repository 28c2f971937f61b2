"""What bounds the time of a training, on the machine where it runs."""

from pathlib import Path

from agent.history.history import History
from agent.records.objective import Objective
from agent.records.results import Result, Score
from agent.run.timing import Timing
from tests.agent.run.test_runs import measured, result, score
from tests.agent.study import study

LIMITED = Objective(metric="val_bpb", limit="1.1x")
A = "3f9a01c2 H100"
B = "77aa01c2 H100"


def on(machine: str, seed: int, seconds: float, **fields: object) -> Score:
    return score(1.0, seed, machine=machine, seconds=seconds, **fields)


TWO_MACHINES = result(
    on(A, 0, 10.0, speed=100.0),
    on(A, 1, 10.0, speed=90.0),
    on(B, 0, 30.0, speed=40.0, role="baseline"),
    on(B, 1, 30.0, speed=40.0, role="baseline"),
)


ANYWHERE = result(score(1.0, 0, seconds=10.0), score(1.0, 1, seconds=10.0))


def timing(history: History, first: Result = TWO_MACHINES) -> Timing:
    measured(history, first=first)
    return Timing(history, None)


def test_every_machine_has_its_own_usual_time_and_speed(tmp_path: Path) -> None:
    with study(tmp_path, objective=LIMITED, budget=None) as history:
        clock = timing(history)
        usual = [clock.usual_on(machine) for machine in (A, B)]
        assert [each.seconds for each in usual if each] == [10.0, 30.0]
        assert clock.usual_on("another") is None
        assert (clock.speed_on(A), clock.speed_on(B)) == (100.0, None), "of the baseline's own runs"


def test_a_candidate_is_timed_beside_runs_of_its_incumbent_on_its_machine(tmp_path: Path) -> None:
    with study(tmp_path, objective=LIMITED, budget=None) as history:
        clock = timing(history)
        runs = result(
            on(A, 0, 12.0),
            on(A, 0, 11.0, role="incumbent"),
            on(B, 0, 33.0, role="incumbent"),
        )
        found = clock.clock(runs, history.trials[0], A)
        assert found is not None
        assert (found.usual, found.earlier, found.beside) == (10.0, (10.0, 10.0), (11.0,))


def test_the_slowest_run_of_a_baseline_is_held_to_a_duration(tmp_path: Path) -> None:
    nine = Objective(metric="val_bpb", limit="9s")
    with study(tmp_path, objective=nine, budget=None) as history:
        clock = Timing(history, None)
        late = clock.late_baseline(result(on(A, 0, 5.0), on(A, 1, 10.0)))
        assert late == "trained 10.0 s, where the limit allows 9s: state a longer one"
        assert clock.late_baseline(result(on(A, 0, 5.0), on(A, 1, 9.0))) == ""
        assert clock.late_baseline(None) == ""


def test_speed_moves_scores_only_where_trainings_end_at_a_time(tmp_path: Path) -> None:
    seconds = {"amount": 60, "unit": "s"}
    for name, fields, timed in (
        ("ended by a budget", {"budget": seconds}, True),
        ("of so many steps", {"budget": {"amount": 60, "unit": "steps"}}, False),
        ("that ends long before", {"budget": seconds, "objective": LIMITED}, False),
        ("with a limit alone", {"budget": None, "objective": LIMITED}, False),
    ):
        with study(tmp_path / name, **fields) as history:
            clock = timing(history, ANYWHERE)
            assert clock.is_timed is timed, name
            limited = "objective" in fields
            assert (clock.allowance == "limit 1.1x") is limited, name
            assert clock.most_seconds == (11.0 if limited else None), name
