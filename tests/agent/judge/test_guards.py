"""Guards: read from text, weighed run by run, and never passed by luck beyond their level."""

import pytest
from pydantic import ValidationError

from agent.judge.guards import (
    LEVEL,
    Repeats,
    by_value,
    excesses,
    guard_noise,
    half_width,
    of_baseline,
    pass_rate,
    pooled,
    values_of,
    weigh,
)
from agent.judge.noise import Noise, critical
from agent.records.guards import Guard
from agent.records.objective import Objective
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Result, Score, Trial

KNOWN = Noise(sd=1.0, degrees=20)


def guard(text: str) -> Guard:
    """Return the guard that is written so."""
    return Guard.model_validate(text)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("latency_ms <= 30", "latency_ms <= 30"),
        ("latency_ms<=30", "latency_ms <= 30"),
        ("test accuracy >= 1e-3", "test accuracy >= 0.001"),
        ("eval.f1 >= baseline", "eval.f1 >= baseline"),
        ("val_loss <= baseline + 0.01", "val_loss <= baseline + 0.01"),
        ("acc >= baseline - 2%", "acc >= baseline - 2%"),
        ("params <= 1,000,000", "params <= 1e+06"),
    ],
)
def test_a_guard_reads_back_as_it_is_written(written: str, text: str) -> None:
    once = guard(written)
    assert str(once) == text
    assert guard(text) == once


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("latency_ms < 30", "write `latency_ms <= 30`"),
        ("acc > 0.5", "write `acc >= 0.5`"),
        ("latency_ms = 30", "write `latency_ms <= 30`"),
        ("latency_ms <= basline + 1", "Did you mean 'baseline'?"),
        ("latency_ms <= the moon", "is no limit"),
        ("val_loss <= 0,35", "is no limit"),
        ("val_loss <= 0,350", "is no limit"),
        ("val_loss <= baseline + 0,01", "is no margin"),
        ("latency_ms <= 5%", "write the number alone"),
        ("loss <= baseline - 0.1", "write `<= baseline + 0.1`"),
        ("acc >= baseline + 0.1", "write `>= baseline - 0.1`"),
        ("loss <= nan", "Unknown word 'nan'"),
        ("loss <= inf", "Unknown word 'inf'"),
        ("1 <= loss <= 2", "not a guard"),
        ("latency", "not a guard"),
        ("", "not a guard"),
        ("a\x1b[31m <= 3", "one line of plain text"),
        ("x" * 5000, "not a guard"),
    ],
)
def test_a_malformed_guard_is_refused_with_an_example(written: str, said: str) -> None:
    with pytest.raises(ValidationError, match=None) as caught:
        guard(written)
    assert said in str(caught.value)


def test_the_metric_itself_is_no_guard_and_none_stands_twice() -> None:
    with pytest.raises(ValidationError, match="is the metric itself"):
        Objective(metric="acc", guards=(guard("acc >= 0.5"),))
    with pytest.raises(ValidationError, match="stands there twice"):
        Objective(metric="acc", guards=(guard("ms <= 5"), guard("ms<=5")))
    both = Objective(metric="acc", guards=(guard("ms <= 5"), guard("ms >= 1")), also=("ms", "mb"))
    assert both.guarded_metrics == ("ms",)
    assert both.further == ("ms", "mb")


def test_a_record_keeps_a_guard_as_its_text() -> None:
    objective = Objective(metric="acc", guards=(guard("ms <= baseline + 5%"),))
    assert objective.model_dump(mode="json")["guards"] == ["ms <= baseline + 5%"]
    assert Objective.model_validate_json(objective.model_dump_json()) == objective


def test_one_run_far_inside_or_outside_is_enough() -> None:
    inside = weigh(guard("ms <= 30"), {0: 20.0}, {}, KNOWN)
    outside = weigh(guard("ms <= 30"), {0: 40.0}, {}, KNOWN)
    near = weigh(guard("ms <= 30"), {0: 29.5}, {}, KNOWN)
    assert inside and inside.finding == "inside"
    assert outside and outside.finding == "outside"
    assert near and near.finding == "undecided"


def test_more_runs_decide_what_one_leaves_open() -> None:
    once = weigh(guard("ms <= 30"), {0: 28.8}, {}, KNOWN)
    often = weigh(guard("ms <= 30"), {n: 28.8 + 0.1 * (n % 2) for n in range(5)}, {}, KNOWN)
    assert once and once.finding == "undecided"
    assert often and often.finding == "inside"


def test_a_higher_is_better_guard_counts_the_other_way() -> None:
    low = weigh(guard("acc >= 0.9"), {0: 0.5}, {}, Noise(sd=0.01, degrees=20))
    assert low and low.finding == "outside"
    assert low.excess == pytest.approx(0.4)


def test_a_relative_guard_compares_run_by_run_with_the_baseline() -> None:
    baseline = {0: 1.0, 1: 5.0}
    loose = guard("loss <= baseline + 0.5")
    amounts = excesses(loose, {0: 1.2, 1: 5.1, 7: 99.0}, baseline)
    assert amounts == {0: pytest.approx(-0.3), 1: pytest.approx(-0.4)}, "seed 7 has no partner"
    assert weigh(loose, {7: 1.0}, baseline, KNOWN) is None
    share = excesses(guard("loss <= baseline + 10%"), {0: 1.0}, baseline)
    assert share == {0: pytest.approx(-0.3)}


def test_a_metric_that_never_moves_is_exact() -> None:
    still = Noise(sd=0.0, degrees=2)
    at = weigh(guard("params <= 100"), {0: 100.0}, {}, still)
    above = weigh(guard("params <= 100"), {0: 101.0}, {}, still)
    assert at and at.finding == "inside"
    assert above and above.finding == "outside"
    sums = weigh(guard("loss <= baseline + 0.3"), {0: 0.1 + 0.2 + 0.4}, {0: 0.4}, still)
    assert sums and sums.finding == "inside", "sums of floats are not exact"


def test_without_any_noise_nothing_is_decided() -> None:
    once = weigh(guard("ms <= 30"), {0: 1.0}, {}, Noise())
    assert once and once.finding == "undecided"
    assert once.high is None


def test_an_attempt_that_scatters_more_is_held_to_its_own_noise() -> None:
    quiet = weigh(guard("ms <= 30"), {0: 28.0, 1: 28.1, 2: 27.9}, {}, Noise(sd=0.1, degrees=20))
    wild = weigh(guard("ms <= 30"), {0: 20.0, 1: 36.0, 2: 28.0}, {}, Noise(sd=0.1, degrees=20))
    assert quiet and quiet.finding == "inside"
    assert wild and wild.finding == "undecided"


def test_values_decide_alone_where_no_test_is_asked_for() -> None:
    found = by_value(guard("loss <= baseline + 0.5"), {4: 1.6}, {0: 1.0, 1: 1.2})
    assert found and found.finding == "inside"
    worse = by_value(guard("loss <= baseline"), {4: 1.6}, {0: 1.0, 1: 1.2})
    assert worse and worse.excess == pytest.approx(0.5)


def test_no_trial_means_no_noise() -> None:
    assert guard_noise(guard("ms <= 30"), (), {}) == Noise()


def test_a_share_of_the_baseline_is_of_its_mean_on_either_side() -> None:
    drop = guard("acc >= baseline - 10%")
    assert excesses(drop, {0: 0.75}, {0: 0.8, 1: 1.2}) == {0: pytest.approx(0.05 - 0.1)}
    by_mean = by_value(drop, {7: 0.85}, {0: 0.8, 1: 1.2})
    assert by_mean and by_mean.excess == pytest.approx(0.05)
    assert by_mean.finding == "outside"
    assert by_value(drop, {7: 0.85}, {}) is None, "there is no baseline to hold it against"
    assert by_value(guard("ms <= 30"), {}, {}) is None
    assert excesses(drop, {0: 0.75}, {}) == {}
    at_its_limit = by_value(guard("ms <= 30"), {0: 30.0}, {})
    assert at_its_limit and at_its_limit.finding == "inside"


def test_the_newest_value_under_a_seed_counts() -> None:
    def measured(seed: int, **also: float) -> Score:
        return Score(value=1.0, seed=seed, kind="sealed", also=also)

    scores = [measured(0, ms=1.0), measured(1, mb=9.0), measured(0, ms=2.0)]
    assert values_of(scores, "ms") == {0: 2.0}
    assert values_of({5: measured(5, ms=3.0)}, "ms") == {5: 3.0}


def test_bounds_are_students_t_at_the_level_of_one_look() -> None:
    once = half_width([1.0], Noise(sd=0.5, degrees=6))
    assert once == pytest.approx(critical(LEVEL, 6) * 0.5)
    alone = half_width([1.0, 3.0], Noise())
    assert alone == pytest.approx(critical(LEVEL, 1) * 2**0.5 / 2**0.5)
    both = half_width([1.0, 3.0], Noise(sd=0.5, degrees=6))
    pooled_sd = ((2.0 + 0.25 * 6) / 7) ** 0.5
    assert both == pytest.approx(critical(LEVEL, 7) * pooled_sd / 2**0.5), "two are too few"
    own = half_width([1.0, 3.0, 5.0], Noise(sd=0.5, degrees=6))
    assert own == pytest.approx(critical(LEVEL, 8) * 2.0 / 3**0.5), "three tell a noisy attempt"
    assert half_width([1.0], Noise()) is None


def test_a_bound_at_the_limit_is_inside() -> None:
    half = half_width([0.0], KNOWN)
    assert half is not None
    zero = guard("ms <= 0")
    at = weigh(zero, {0: -half}, {}, KNOWN)
    beyond = weigh(zero, {0: -half + 1e-6}, {}, KNOWN)
    barely = weigh(zero, {0: half}, {}, KNOWN)
    outside = weigh(zero, {0: half + 1e-6}, {}, KNOWN)
    assert at and (at.finding, at.high, at.low) == ("inside", 0.0, -2 * half)
    assert beyond and beyond.finding == "undecided"
    assert barely and barely.finding == "undecided"
    assert outside and outside.finding == "outside"
    assert (at.runs, at.value) == (1, -half)


def test_the_noise_of_a_guard_is_pooled_over_baselines_and_attempts() -> None:
    by = Provenance(method="random", origin="search")

    def tried(number: int, status: str, *values: float, new_data: bool = False) -> Trial:
        scores = tuple(
            Score(value=seed, seed=seed, kind="sealed", also={"ms": value})
            for seed, value in enumerate(values)
        )
        return Trial(
            number=number,
            status=status,
            proposal=Proposal(hypothesis="h", by=by),
            reason="r",
            result=Result(status="scored", scores=scores),
            new_data=new_data,
        )

    trials = [
        tried(0, "baseline", 1.0, 2.0, 3.0),
        tried(1, "discard", 5.0, 9.0),
        tried(2, "keep", 7.0),
    ]
    fixed = guard_noise(guard("ms <= 30"), trials, {})
    assert fixed.sd == pytest.approx(((2.0 + 8.0) / 3) ** 0.5)
    assert fixed.degrees == 2, "three seeds, however many codes ran under them"
    baseline = {0: 1.0, 1: 2.0, 2: 3.0}
    relative = guard_noise(guard("ms <= baseline + 1"), trials, baseline)
    assert relative.sd == pytest.approx(((2 * 2.0 + 4.5) / 3) ** 0.5), "4 - 4 and 7 - 5 beside it"
    assert relative.degrees == 3
    after = [*trials, tried(3, "baseline", 4.0, 4.0, 7.0, new_data=True)]
    assert guard_noise(guard("ms <= 30"), after, {}).sd == pytest.approx(3.0**0.5)


def test_repeats_under_one_seed_leave_no_degree_of_freedom() -> None:
    relative = guard("ms <= baseline")
    assert of_baseline(relative, {0: 1.0}).weight == 2
    assert of_baseline(guard("ms <= 3"), {0: 1.0}).weight == 1
    single = Repeats({0: 1.0})
    assert pooled(relative, [single, single]) == Noise()
    two = Repeats({0: 1.0, 1: 3.0})
    assert pooled(guard("ms <= 3"), [two, two]) == Noise(sd=2**0.5, degrees=1)
    elsewhere = Repeats({2: 9.0})
    assert pooled(guard("ms <= 3"), [two, two, elsewhere]) == Noise(sd=2**0.5, degrees=1)


@pytest.mark.parametrize(
    ("sd", "excess", "rate"),
    [(0.0, 0.0, 1.0), (0.0, 1e-9, 0.0), (1.0, 0.0, 0.014), (1.0, -2.0, 0.964), (1.0, -9.0, 1.0)],
)
def test_how_often_an_attempt_passes_after_all_its_looks(
    sd: float, excess: float, rate: float
) -> None:
    assert pass_rate(sd, 60, 4, excess) == pytest.approx(rate, abs=0.005)
