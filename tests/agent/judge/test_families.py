"""The judge on noise that is not normal: discrete scores, outliers, exact results."""

import pytest

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Discard, Keep, Rerun, Simplify
from agent.judge.noise import Noise, Sample, noise_in
from agent.judge.tails import is_heavy
from agent.judge.ties import ROUNDING, step_between, step_of
from benchmarks.other_noise import FAMILIES
from benchmarks.verdicts import nights

ITEM = 1 / 200
OURS = Rule()


@pytest.mark.parametrize(
    ("samples", "step"),
    [
        ([(0.855 - 0.85,), (0.86 - 0.855, 0.0)], ITEM),  # equal but for their last bits
        ([(-ITEM, -ITEM, 0.0)], ITEM),
        ([(2 * ITEM, ITEM), (-ITEM,)], ITEM),
        ([(-ITEM, -ITEM)], 0.0),  # seeds that move every code alike cancel, on every metric
        ([(-0.3, -0.3, -0.3), (-0.04,)], 0.0),
        ([(0.0, 0.0), (0.0,)], 0.0),  # code without effect ties on every metric
        ([(0.1, 0.2), (0.3,)], 0.0),
        ([(0.2,), (0.2, 0.3)], 0.0),  # equal by accident: the third is no multiple
        ([], 0.0),
        ([(), (-ITEM, -ITEM, 0.0)], ITEM),
    ],
)
def test_a_discrete_metric_shows_in_equal_differences(
    samples: list[tuple[float, ...]], step: float
) -> None:
    assert step_of(samples) == pytest.approx(step)


def test_a_discrete_metric_shows_in_seeds_that_tie() -> None:
    assert step_between([0.86, 0.85, 0.86]) == pytest.approx(0.01)
    assert step_between([0.86, 0.85, 0.87]) == 0.0
    assert step_between([0.86, 0.86, 0.86]) == 0.0, "no seed moves it: that is another matter"


def test_three_of_three_better_by_one_item_are_not_enough() -> None:
    for count in (2, 3):
        case = Case(differences=(-ITEM,) * count, noise=Noise(sd=0.0, degrees=1, step=ITEM))
        assert isinstance(decide(case, OURS), Rerun), count
    continuous = Case(differences=(-0.0050, -0.0051, -0.0049), noise=Noise(sd=1e-4, degrees=1))
    assert isinstance(decide(continuous, OURS), Keep)


def test_a_tie_is_no_evidence_on_a_discrete_metric() -> None:
    discrete = Noise(sd=0.58 * ITEM, degrees=20, step=ITEM)
    tie = Case(differences=(0.0,), noise=discrete)
    assert decide(tie, OURS).reason == "a tie, on a metric that moves in steps of 0.005"
    shorter = tie.model_copy(update={"simpler": True, "allowance": ITEM})
    assert isinstance(decide(shorter, OURS), Rerun), "perhaps no worse; it has to be shown"
    unknown = tie.model_copy(update={"noise": Noise(), "continuous": False})
    assert decide(unknown, OURS).reason == "not better: +0.0000"
    continuous = shorter.model_copy(update={"noise": Noise(sd=0.01, degrees=20)})
    assert isinstance(decide(continuous, OURS), Simplify)


def test_noise_is_never_less_than_rounding_makes() -> None:
    assert Noise(sd=0.0, degrees=9, step=ITEM).least == pytest.approx(ROUNDING * ITEM)
    assert Noise(sd=0.01, degrees=9, step=ITEM).least == 0.01
    assert Noise(step=ITEM).least is None


def test_an_exact_gain_counts_and_a_tie_is_none() -> None:
    exact = Rule(exact=True)
    assert isinstance(decide(Case(differences=(-1e-12,)), exact), Keep)
    assert isinstance(decide(Case(differences=(0.0,)), exact), Discard)


def test_nothing_is_kept_after_one_run_where_tails_are_heavy() -> None:
    noise = Noise(sd=0.01, degrees=20)
    clear = Case(differences=(-0.060,), noise=noise)
    assert isinstance(decide(clear, OURS), Keep)
    heavy = clear.model_copy(update={"noise": noise.model_copy(update={"heavy": True})})
    assert isinstance(decide(heavy, OURS), Rerun)
    both = heavy.model_copy(update={"differences": (-0.060, -0.055)})
    assert isinstance(decide(both, OURS), Keep)


def test_two_pairs_far_apart_take_a_third_where_tails_are_heavy() -> None:
    noise = Noise(sd=0.01, degrees=20, heavy=True)
    apart = Case(differences=(-0.045, -0.010), noise=noise)
    assert isinstance(decide(apart, OURS), Rerun)
    near = Case(differences=(-0.060, -0.042), noise=noise)
    assert isinstance(decide(near, OURS), Keep), "a difference of two pairs scatters more than one"
    normal = noise.model_copy(update={"heavy": False})
    assert isinstance(decide(apart.model_copy(update={"noise": normal}), OURS), Keep)
    assert isinstance(decide(Case(differences=(-0.030, -0.016), noise=noise), OURS), Keep)


def test_heavy_tails_are_seen_in_discarded_gains() -> None:
    assert is_heavy([0.1, 0.1, 0.1, 0.1, 2.0])
    assert not is_heavy([1.0, 1.1, 0.9, 1.0, 1.2])
    assert not is_heavy([0.1, 2.0]), "two gains show nothing"
    assert not is_heavy([0.0] * 9)
    outlier = [Sample((-gain,), kept=False) for gain in (0.1, 0.1, 0.1, 0.1, 2.0)]
    assert noise_in(outlier).heavy
    assert not noise_in(outlier[1:]).heavy, "four are too few"
    worse = [Sample((gain,), kept=False) for gain in (0.1, 0.1, 0.1, 0.1, 2.0)]
    assert not noise_in(worse).heavy, "what was worse once says nothing of gains"
    assert not noise_in([*outlier[:-1], Sample((-2.0,), kept=True)]).heavy, "that gain was real"


@pytest.mark.parametrize("name", ["t2", "ties", "lucky"])
def test_the_error_budget_holds_on_other_noise(name: str) -> None:
    """Within three standard errors of 60 nights; `benchmarks.verdicts --family` gives more."""
    idle = nights("ours", OURS, lambda _: [0.0] * 100, range(60), 0.0, FAMILIES[name])
    assert sum(sum(kept) for _, kept in idle) / 60 < 0.5 + 3 * 0.09
