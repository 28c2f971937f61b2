"""How far scores scatter, in words and numbers: read from a run, or made of measurements."""

from pathlib import Path

import pytest

from agent.cli.spread import (
    Measurement,
    Spread,
    in_short,
    lines_of,
    record_of,
    spread_of_run,
)
from agent.history.history import History
from agent.judge.decide import Rule
from agent.judge.resolution import resolutions
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from agent.records.results import Pair
from tests.agent.cli.night import TRAIN, make_repository, proposal, settings, settle

RUNS = tuple(Measurement(seed=seed, value=0.8 + seed / 100, seconds=60.0) for seed in range(3))
ACCURACY = Objective(metric="val_acc", direction="maximize")


def spread(**changes: object) -> Spread:
    tau = 0.02
    parts = {
        "objective": ACCURACY,
        "runs": RUNS,
        "again": 0.8,
        "source": "seeds",
        "sd": 0.014,
        "tau": tau,
        "degrees": 2,
        "seconds": 60.0,
        "resolutions": resolutions(tau, Rule()),
    }
    return Spread.model_validate({**parts, **changes})


def test_a_gain_has_the_sign_of_the_metric_and_its_cost_in_time() -> None:
    text = "\n".join(lines_of(spread()))
    assert "the same seed gives exactly the same score" in text
    assert "with 3 pairs: at most 6 trainings, 6:00" in text
    assert "  +0." in text and "  -0." not in text
    lower = "\n".join(lines_of(spread(objective=Objective(metric="loss"))))
    assert "  -0." in lower
    assert [row["pairs"] for row in record_of(spread())["smallest_gains"]] == [1, 3, 6]


def test_which_seeds_move_is_said() -> None:
    seeds = "shifted with the seed: random.seed (fit.py:3)"
    text = "\n".join(lines_of(spread(seeds=seeds)))
    assert f"{seeds}. What is to keep its own, such as data that is made: keep_seeds" in text
    scored = Objective(metric="f1", evaluate=Evaluator(command="python e.py"))
    text = "\n".join(lines_of(spread(seeds=seeds, objective=scored)))
    assert "such as a split that the evaluator makes as well: keep_seeds" in text
    assert record_of(spread(seeds=seeds))["seeds"] == seeds


def test_equal_scores_are_never_called_repeats() -> None:
    equal = tuple(run.model_copy(update={"value": 0.8}) for run in RUNS)
    alone = spread(runs=equal, source="none", sd=None, tau=None, resolutions=())
    text = "\n".join(lines_of(alone))
    assert "all 3 seeds give exactly the same score" in text
    assert "its noise is not known" in text
    assert "smallest gain" not in text
    assert list(in_short(alone)) == []
    moved = alone.model_copy(update={"source": "perturbations", "moved": equal[:2]})
    assert 'write noise = "none"' in "\n".join(lines_of(moved))


def test_another_score_under_the_same_seed_is_said() -> None:
    assert "the same seed gives another score: 0.81 the second time" in list(
        lines_of(spread(again=0.81))
    )


def test_a_run_is_read_and_nothing_is_trained(home: Path) -> None:
    with History.read(find_project(home, Settings()), "autoresearch/t") as history:
        read = spread_of_run(history)
    assert [run.value for run in read.runs] == [1.5, 1.502]
    assert read.again is None and read.repeats_exactly is None
    assert read.sd == pytest.approx(0.002 / 2**0.5)
    assert read.tau is not None and read.resolutions == resolutions(read.tau, Rule())


def test_pairs_that_all_differ_by_the_same_leave_the_noise_of_the_seeds(tmp_path: Path) -> None:
    """Nothing was said of the smallest gain, and the spread was `nothing`."""
    folder = make_repository(tmp_path / "repository")
    project = find_project(folder, Settings())
    with History.create(project, settings(folder)) as history:
        baseline = settle(history, "baseline", "train.py as it is", TRAIN, 1.5)
        deeper = TRAIN.replace("DEPTH = 4", "DEPTH = 5")
        sources = history.sources.with_text(deeper)
        attempt = history.commit_attempt(1, proposal("deeper"), sources)
        pairs = tuple(Pair(seed=seed, candidate=1.25, incumbent=1.5) for seed in range(3))
        judged = {"number": 1, "status": "keep", "proposal": attempt.proposal, "pairs": pairs}
        history.commit_verdict(attempt, baseline.model_copy(update=judged))
        read = spread_of_run(history)
    assert read.source == "seeds" and read.degrees == 1
    assert read.sd == pytest.approx(0.002 / 2**0.5)
    assert read.resolutions and not any("nothing" in line for line in lines_of(read))
