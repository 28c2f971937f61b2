"""A slow machine is told by the work done, never by the steps of a changed batch."""

import pytest

from agent.judge.pace import changes_batch, is_hopeless, is_suspicious, share_of_work, work_of
from agent.judge.pairing import Scores
from agent.records.edits import Edit, InsertDefinition, ReplaceText, SetConstant
from agent.records.proposals import Value
from agent.records.results import Result, Score

LR: tuple[Edit, ...] = (SetConstant(name="LR", value="0.3"),)
BATCH: tuple[Edit, ...] = (SetConstant(name="TOTAL_BATCH_SIZE", value="2**14"),)
STEADY = Scores().tolerance([])


def score(speed: float | None) -> Score:
    return Score(value=1.0, seed=0, kind="sealed", speed=speed, seconds=20.0)


def result(speed: float | None = 10.0, **facts: Value) -> Result:
    return Result(status="scored", scores=(score(speed),), facts=facts)


def test_work_is_read_from_any_of_the_usual_names() -> None:
    assert work_of(result(tokens_per_second=9000)) == 9000
    assert work_of(result(images_per_sec=70.5)) == 70.5
    assert work_of(result(total_tokens_M=0.5)) == pytest.approx(0.025)
    assert work_of(result(total_tokens_M=0.5, tokens_per_second=9000)) == 9000, "a rate first"
    assert work_of(result(tokens_per_second=0, samples_per_sec=5)) == 5
    assert work_of(result(tokens_per_second=-3, samples_per_sec=5)) == 5
    assert work_of(result(num_steps=100)) is None
    assert work_of(result(tokens_per_second=True)) is None


def test_sixteen_times_the_batch_makes_fewer_steps_and_as_much_work() -> None:
    incumbent = result(speed=10.0, tokens_per_second=10_000)
    large = result(speed=0.64, tokens_per_second=10_240)
    share = share_of_work(large, incumbent, score(10.0), BATCH)
    assert share == pytest.approx(1.024)
    assert not is_suspicious(share, STEADY)


def test_without_a_figure_of_work_the_steps_of_a_changed_batch_say_nothing() -> None:
    assert share_of_work(result(speed=0.64), result(), score(10.0), BATCH) is None
    assert share_of_work(result(speed=5.0), result(), score(10.0), LR) == 0.5
    assert share_of_work(result(speed=None), result(), score(10.0), LR) is None
    told = result(speed=5.0, tokens_per_second=9_000)
    for one, other in ((told, result()), (result(speed=5.0), told)):  # only one prints a rate
        assert share_of_work(one, other, score(10.0), LR) == 0.5


def test_the_incumbents_newest_run_says_how_fast_the_machine_is_now() -> None:
    incumbent = result(speed=10.0, tokens_per_second=10_000)
    slow = result(speed=5.0, tokens_per_second=5_000)
    assert share_of_work(slow, incumbent, score(10.0), LR) == pytest.approx(0.5)
    assert share_of_work(slow, incumbent, score(5.0), LR) == pytest.approx(1.0)


def test_half_the_work_is_suspicious_unless_the_machine_does_that_all_the_time() -> None:
    assert is_suspicious(0.5, STEADY)
    assert not is_suspicious(0.9, STEADY)
    assert not is_suspicious(0.5, 1.0)
    assert is_suspicious(0.749, 0.0) and not is_suspicious(0.751, 0.0)


def test_a_loss_above_the_incumbents_at_equal_work_is_hopeless() -> None:
    incumbent = ((0.1, 6.0), (0.5, 4.0), (1.0, 3.0))
    assert is_hopeless(((1.0, 5.0),), incumbent, 0.5), "after half of its work the other was at 4"
    assert not is_hopeless(((1.0, 4.11),), incumbent, 0.5), "as the slow machine would have it"
    assert is_hopeless(((0.5, 1.0), (1.0, 4.13)), incumbent, 0.5), "its last loss counts"
    assert is_hopeless(((1.0, 3.2),), incumbent, 2.0), "more work than all of it"
    assert not is_hopeless((), incumbent, 0.5)
    assert not is_hopeless(((1.0, 5.0),), (), 0.5)


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (SetConstant(name="--batch-size", value="8"), True),
        (SetConstant(file="model/net.py", name="Config.batch_size", value="8"), True),
        (SetConstant(file="conf/a.yaml", name="data.batch.size", value="8"), True),
        (SetConstant(file="conf/a.json", name="gradAccumulation", value="8"), True),
        (ReplaceText(file="conf/a.yaml", old="batch: 4", new="batch: 8"), True),
        (SetConstant(file="conf/batch.yaml", name="optim.lr", value="8"), False),
        (SetConstant(name="batch_norm_eps", value="1e-5"), False),
        (InsertDefinition(code="def batch():\n    pass"), False),
        (SetConstant(name="BatchNorm.momentum", value="0.1"), False),
    ],
)
def test_the_batch_is_known_in_any_file(edit: Edit, changes: bool) -> None:
    assert changes_batch((edit,)) is changes
