"""Machines of one model are compared by a measured spread, and offsets do not average out."""

from math import sqrt

import numpy as np
import pytest

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Discard, Keep, Rerun
from agent.judge.machines import (
    SMALL,
    Spread,
    groups_of,
    linked,
    model_of,
    offsets_in,
    pooled_degrees,
    speed_ratio,
    spread_of,
)
from agent.judge.noise import Noise, Sample, across_of, critical, noise_in
from agent.records.results import Pair

A = "aa00aa00 H100"
B = "bb00bb00 H100"
C = "cc00cc00 H100"
OTHER = "dd00dd00 A100"
ALONE = None


def test_the_model_is_what_follows_the_first_space() -> None:
    assert model_of("3f9a01c2 NVIDIA H100 80GB") == "NVIDIA H100 80GB"
    assert model_of("") == ""


def test_a_spread_is_of_equal_code_under_equal_seeds_on_one_model() -> None:
    assert spread_of({(0, 0): {A: [1.0]}, (0, 1): {B: [1.0]}}) is None
    assert spread_of({(0, 0): {A: [1.0], OTHER: [2.0]}}) is None
    spread = spread_of({(0, 0): {A: [1.0], B: [1.4]}, (0, 1): {A: [2.0], B: [2.2]}})
    assert spread is not None
    assert spread.machines == 2
    assert spread.residual == pytest.approx(sqrt(2 * 0.1**2))
    assert spread.effect == pytest.approx(sqrt((2 * 0.3**2 - 2 * 0.1**2) / 4))


@pytest.mark.parametrize("effect", [0.0, 0.5, 2.0])
def test_the_effect_of_machines_is_told_from_noise(effect: float) -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        offsets = {f"{m} H100": effect * rng.standard_normal() for m in range(6)}
        cells = {
            (0, seed): {m: [offset + rng.standard_normal()] for m, offset in offsets.items()}
            for seed in range(3)
        }
        spread = spread_of(cells)
        assert spread is not None
        found.append(spread.effect**2)
    assert np.mean(found) == pytest.approx(effect**2, abs=0.12 + 0.1 * effect**2)


def test_without_two_codes_in_common_the_noise_of_pairs_stands_in() -> None:
    once = {(0, 0): {A: [1.0, 1.2], B: [1.5]}}
    alone = spread_of(once)
    assert alone is not None and alone.residual is None
    assert alone.effect == pytest.approx(0.4 / sqrt(2))
    beside = spread_of(once, tau=0.3)
    assert beside is not None
    assert beside.effect == pytest.approx(sqrt((0.16 - 0.09) / 2))
    drowned = spread_of(once, tau=0.5)
    assert drowned is not None and drowned.effect == 0.0
    three = spread_of({(0, 0): {A: [1.0], B: [1.4], C: [1.1]}})
    assert three is not None
    assert (three.machines, three.degrees) == (3, 2)


def test_links_lead_on_within_a_model() -> None:
    assert linked([(A, B), (C, B), (A, OTHER)], A) == {A, B, C}
    assert linked([(A, OTHER)], A) == {A}


def test_speeds_are_compared_by_equal_code() -> None:
    speeds = {0: {A: [10.0, 12.0], B: [5.0]}, 1: {A: [1.0]}}
    assert speed_ratio(speeds, B, A) == pytest.approx(5 / 11)
    assert speed_ratio(speeds, C, A) is None


def test_an_offset_is_shared_by_all_pairs_of_two_machines() -> None:
    assert offsets_in((ALONE, ALONE)) == 0
    assert offsets_in(((A, B),)) == 2, "two machines, each with its offset"
    assert offsets_in(((A, B),) * 4) == pytest.approx(2), "it does not shrink with their number"
    assert offsets_in(((A, B), ALONE)) == pytest.approx(2 / 4)
    disjoint = ((A, B), (C, "ee00ee00 H100"))
    assert offsets_in(disjoint) == pytest.approx(2 * 2 / 4), "2 Σ (n_k / n)²"
    assert offsets_in(((A, B), (A, C))) == pytest.approx(1 + 2 / 4), "A has one offset in both"


def test_noise_is_learnt_from_pairs_with_the_same_offset() -> None:
    assert groups_of((1.0, 2.0), ()) == ((1.0, 2.0),)
    pairs = [Pair(seed=0, candidate=1.0, incumbent=2.0), Pair(seed=1, candidate=1.0, incumbent=2.0)]
    assert across_of(pairs) == ()
    pairs[1] = pairs[1].model_copy(update={"across": (A, B)})
    assert across_of(pairs) == (ALONE, (A, B))
    across = (ALONE, (A, B), ALONE, (A, B))
    assert groups_of((1.0, 5.0, 2.0, 6.0), across) == ((1.0, 2.0), (5.0, 6.0))
    noise = noise_in([Sample((1.0, 5.0, 2.0, 6.0), kept=False, across=across)])
    assert (noise.sd, noise.degrees) == (pytest.approx(sqrt(0.5)), 2)


def test_few_machines_leave_few_degrees_of_freedom() -> None:
    assert pooled_degrees(((1.0, 20), (0.0, 1))) == 20
    assert pooled_degrees(((1.0, 20), (1.0, 1))) == 3
    assert pooled_degrees(((0.001, 20), (1.0, 1))) == 1
    assert pooled_degrees(((1.0, 0), (1.0, 0))) == 2, "each has one at least"
    assert pooled_degrees(((0.0, 20),)) == 1, "nothing varies"


def test_an_effect_is_small_beside_the_noise() -> None:
    spread = Spread(effect=0.1, residual=0.2, machines=2)
    assert spread.is_small(sqrt(0.02 / SMALL) + 1e-9)
    assert not spread.is_small(sqrt(0.02 / SMALL) - 1e-3)
    assert not spread.is_small(None)
    steady = Spread(effect=0.1, residual=0.3, machines=2)
    assert steady.is_small(None), "beside the residual, while tau is not known"
    assert steady.is_small(0.01), "or hardly known"


def test_a_gain_across_machines_has_to_be_larger() -> None:
    differences = (-0.03, -0.025, -0.03)
    noise = Noise(sd=0.01, degrees=30, spread=Spread(effect=0.02, residual=0.01, machines=8))
    here = Case(differences=differences, noise=noise)
    across = Case(differences=differences, noise=noise, across=((A, B),) * 3)
    assert isinstance(decide(here, Rule()), Keep)
    assert not isinstance(decide(across, Rule()), Keep)
    equal = noise.model_copy(update={"spread": Spread(effect=0.0, residual=0.01, machines=8)})
    same = across.model_copy(update={"noise": equal})
    assert isinstance(decide(same, Rule()), Keep), "machines that do not differ are one"


def test_an_interval_across_machines_is_wider() -> None:
    noise = Noise(sd=0.01, degrees=30, spread=Spread(effect=0.01, residual=0.01, machines=8))
    widths = []
    for across in ((), ((A, B),)):
        decision = decide(Case(differences=(0.02,), noise=noise, across=across), Rule())
        assert isinstance(decision, Discard) and decision.interval
        low, high = decision.interval
        widths.append(high - low)
    assert widths[1] > 1.7 * widths[0]


def test_two_groups_and_no_noise_leave_it_undecided_not_broken() -> None:
    case = Case(
        differences=(-0.03, -0.02),
        noise=Noise(spread=Spread(effect=0.001, machines=2)),
        across=(ALONE, (A, B)),
    )
    assert isinstance(decide(case, Rule()), Rerun | Discard)


def width(case: Case) -> float:
    interval = decide(case, Rule()).interval  # type: ignore[union-attr]
    assert interval is not None
    return interval[1] - interval[0]


def test_the_interval_is_as_wide_as_its_own_pairs_leave_it() -> None:
    well = Spread(effect=0.02, machines=200)
    apart = Noise(sd=0.01, degrees=3, spread=well)
    screened = Case(differences=(0.1,), noise=apart, across=((A, B),))
    error = sqrt(0.01**2 + 2 * 0.02**2)
    assert width(screened) == pytest.approx(2 * critical(0.025, 3) * error), (
        "well-known machines make the noise of pairs no better known"
    )
    two = Noise(sd=0.01, degrees=20, spread=Spread(effect=0.02, machines=2))
    hardly = screened.model_copy(update={"noise": two})
    assert width(hardly) > 3 * width(screened), "two machines tell little of a third"
    known = Noise(sd=0.01, degrees=20, spread=well)
    apart_twice = Case(
        differences=(0.1, 0.3, 0.1, 0.3),
        noise=Noise(spread=well),
        across=(None, None, (A, B), (A, B)),
    )
    assert width(apart_twice) > 2 * critical(0.025, 2) * 0.2 / sqrt(2) / sqrt(3), (
        "its own pairs on the same machines are all that is known of its noise"
    )
    confirmed = Case(differences=(0.1, 0.1), noise=known, across=((A, B), None))
    alone = Case(differences=(0.1, 0.1), noise=known.model_copy(update={"spread": None}))
    assert width(confirmed) < 1.1 * width(alone), "the screen's machines are not its matter"


@pytest.mark.parametrize(
    "more", [{"heavy": True}, {"spread": Spread(effect=0.02, machines=3)}], ids=["heavy", "apart"]
)
def test_a_look_is_held_to_half_the_level_where_noise_is_not_normal(
    more: dict[str, object],
) -> None:
    plain = Noise(sd=0.01, degrees=20)
    case = Case(differences=(-0.0143,) * 3, noise=plain)
    assert isinstance(decide(case, Rule()), Keep)
    held = case.model_copy(update={"noise": plain.model_copy(update=more)})
    assert isinstance(decide(held, Rule()), Rerun)
