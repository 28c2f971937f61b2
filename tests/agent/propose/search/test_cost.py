"""What a step costs is guessed from names, learnt from trials, and held against the budget."""

import pytest

from agent.edit.files import Sources
from agent.propose import Context, Observation
from agent.propose.search.cost import LEAST_STEPS, Cost, is_rate, power_of
from agent.propose.search.observe import observe
from agent.records.proposals import Configuration
from agent.records.results import Result, Score, Trial
from agent.space import Space, read_space
from tests.agent.propose.example import SOURCE, SPACE, context, trial

STEPS = 220.0
BASELINE = Observation(SPACE.default, 2.7, speed=11.0, steps=STEPS)


def moved(**constants: float) -> Configuration:
    return {**SPACE.default, **constants}


def test_a_sixteenfold_batch_does_not_fit_twenty_seconds_and_half_of_it_does() -> None:
    cost = Cost(SPACE, [BASELINE])
    assert cost.relative(moved(BATCH=2**20)) == pytest.approx(16)
    assert not cost.fits(moved(BATCH=2**20)), "14 steps"
    assert cost.fits(moved(BATCH=2**17)), "110 steps"
    assert cost.fits(moved(BATCH=2**15))
    assert not cost.fits(moved(DEPTH=24))
    assert cost.fits(moved(MATRIX_LR=0.2)), "a rate costs nothing"


def test_what_makes_few_steps_as_it_is_may_make_no_fewer() -> None:
    slow = Observation(SPACE.default, 2.7, speed=2.0, steps=LEAST_STEPS / 2)
    cost = Cost(SPACE, [slow])
    assert cost.fits(moved(BATCH=2**15)) and cost.fits(moved(MATRIX_LR=0.1))
    assert not cost.fits(moved(BATCH=2**17))


def test_a_budget_in_steps_bounds_the_time() -> None:
    cost = Cost(SPACE, [Observation(SPACE.default, 2.7, speed=11.0)])
    assert cost.fits(moved(BATCH=2**15))
    assert not cost.fits(moved(BATCH=2**17)), "twice the time, where half as much again is allowed"


def test_without_a_measured_speed_everything_fits() -> None:
    assert Cost(SPACE, []).fits(moved(BATCH=2**20, DEPTH=24))
    assert Cost(SPACE, [Observation(SPACE.default, 2.7)]).fits(moved(BATCH=2**20))


def test_finished_trials_correct_what_names_tell() -> None:
    """Here depth costs nothing, and HEAD_DIM, whose name says nothing, its square."""
    trials = [BASELINE]
    for depth, head in ((4, 128), (16, 128), (8, 256), (8, 64), (16, 64)):
        cost = (head / 128) ** 2
        trials.append(Observation(moved(DEPTH=depth, HEAD_DIM=head), 2.7, speed=11.0 / cost))
    learnt = Cost(SPACE, trials)
    assert Cost(SPACE, trials[:1]).relative(moved(DEPTH=24)) > 3
    assert learnt.relative(moved(DEPTH=24)) < 1.5
    assert learnt.relative(moved(HEAD_DIM=256)) > 2.5


def test_the_newest_trial_of_the_constants_as_they_stand_is_the_measure() -> None:
    faster = Observation(SPACE.default, 2.7, speed=22.0, steps=440.0)
    assert Cost(SPACE, [BASELINE, faster]).steps == 440.0
    prior = Observation(SPACE.default, 2.7, prior=True, speed=1.0, steps=9000.0)
    assert Cost(SPACE, [BASELINE, prior]).steps == STEPS


@pytest.mark.parametrize(
    ("name", "value", "power"),
    [
        ("BATCH_SIZE", "32", 1.0),
        ("TOTAL_BATCH_SIZE", "1024", 1.0),
        ("GRAD_ACCUM", "4", 1.0),
        ("N_LAYER", "6", 1.3),
        ("NUM_LAYERS", "6", 1.3),
        ("HIDDEN_DIM", "64", 1.3),
        ("HEAD_DIM", "64", 0.0),
        ("LAYER_DECAY", "0.9", 0.0),
        ("EMBEDDING_LR", "0.5", 0.0),
        ("NUM_NEIGHBORS", "5", 0.0),
    ],
)
def test_a_name_tells_a_power(name: str, value: str, power: float) -> None:
    space = read_space(f"{name} = {value}  # [0 .. 1000]\n")
    assert power_of(space.parameters[0], space).mean == power


@pytest.mark.parametrize(
    ("path", "text", "name", "power"),
    [
        ("conf/dropout.yaml", "model:\n  width: 64\n", "model.width", 1.3),
        ("conf/batch.yaml", "optim:\n  lr: 0.1\n", "optim.lr", 0.0),
        ("conf/a.yaml", "decay:\n  depth: 3\n", "decay.depth", 1.3),
        ("conf/a.yaml", "batch:\n  size: 32\n", "batch.size", 1.0),
        ("conf/a.json", '{"batchSize": 32}\n', "batchSize", 1.0),
        ("conf/a.yaml", "optim:\n  betas: [0.9, 0.99]\n", "optim.betas[1]", 0.0),
        ("model/net.py", "class Config:\n    batch_size: int = 32\n", "Config.batch_size", 1.0),
    ],
)
def test_the_power_is_told_by_the_name_within_the_file(
    path: str, text: str, name: str, power: float
) -> None:
    sources = Sources({"train.py": "", path: text}, patterns=("train.py", path))
    space = read_space(sources, {f"{path}:{name}": "0 .. 1000"})
    parameter = next(p for p in space.parameters if p.name == f"{path}:{name}")
    assert power_of(parameter, space).mean == power


def test_a_learning_rate_is_one_in_any_file() -> None:
    assert is_rate("conf/base.yaml:optim.lr") and is_rate("model/net.py:Config.learningRate")
    assert is_rate("--learning-rate")
    assert not is_rate("conf/lr.yaml:optim.decay")


def test_a_part_of_a_batch_costs_nothing_where_the_whole_is_set_as_well() -> None:
    alone = read_space("DEVICE_BATCH_SIZE = 8\n")
    both = read_space("DEVICE_BATCH_SIZE = 8\nTOTAL_BATCH_SIZE = 2**10\n")
    assert power_of(alone.parameters[0], alone).mean == 1.0
    assert power_of(both.parameters[0], both).mean == 0.0


def ran(number: int, steps: int, **constants: int) -> Trial:
    plain = trial(number, 1.0, **constants)
    scores = (Score(value=1.0, seed=0, kind="sealed", speed=steps / 20),)
    result = Result(status="scored", scores=scores, facts={"num_steps": steps})
    return plain.model_copy(update={"result": result})


def test_the_ledger_tells_steps_where_the_budget_is_in_seconds() -> None:
    def observed(budget: str) -> Observation:
        usual = context(ran(0, 220))
        return observe(Context(**{**vars(usual), "budget": budget}))[0]

    assert (observed("20s").speed, observed("20s").steps) == (11.0, 220)
    assert (observed("220steps").speed, observed("220steps").steps) == (11.0, None)


def test_a_training_that_failed_after_its_steps_tells_their_cost_too() -> None:
    late = trial(1, "invalid", BATCH=2**20)
    result = Result(status="invalid", facts={"num_steps": 14}, seconds=28.0)
    [observation] = observe(context(late.model_copy(update={"result": result})))
    assert (observation.failure, observation.speed) == ("invalid", 0.5)


def test_what_does_not_fit_comes_last() -> None:
    cost = Cost(SPACE, [BASELINE])
    large = moved(BATCH=2**20)
    small = moved(BATCH=2**15)
    assert list(cost.fitting_first([large, small])) == [small, large]


def test_a_space_of_words_has_no_cost() -> None:
    words: Space = read_space('PATTERN = "A"  # [A | B]\n')
    cost = Cost(words, [Observation(words.default, 1.0, speed=1.0, steps=500.0)])
    assert cost.relative({"PATTERN": "B"}) == 1.0
    assert "BATCH" in SOURCE
