"""Scores that no seed moves: told from repeats, repeated by perturbations, never kept by luck."""

from statistics import stdev

import pytest

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Discard, Keep, Rerun, Simplify
from agent.judge.determinism import (
    declared_exact,
    equal_scores,
    independent,
    is_continuous,
    is_deterministic,
    repeats_of,
)
from agent.judge.noise import Noise, noise_of
from agent.records.objective import LOWER
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Pair, Result, Role, Score, Trial
from benchmarks.means import Mean
from benchmarks.verdicts import nights


def score(value: float, seed: int, role: Role = "candidate") -> Score:
    return Score(value=value, seed=seed, kind="self-reported", role=role, machine="m")


def baseline(values: list[float], perturbed: list[float]) -> Trial:
    own = [score(value, seed) for seed, value in enumerate(values)]
    moved = [score(value, seed, "neutral") for seed, value in enumerate(perturbed, 1)]
    return Trial(
        number=0,
        status="baseline",
        proposal=Proposal(hypothesis="h", by=Provenance(method="m", origin="baseline")),
        reason="r",
        result=Result(status="scored", scores=(*own, *moved)),
    )


def result(values: list[float], perturbed: list[float]) -> Result:
    found = baseline(values, perturbed).result
    assert found is not None
    return found


def test_equal_scores_under_three_seeds_are_no_accident() -> None:
    equal = [score(0.5, seed) for seed in range(3)]
    assert is_deterministic(equal)
    assert not is_deterministic(equal[:2])
    assert not is_deterministic([score(0.5, 0)] * 3), "one seed"
    assert not is_deterministic([*equal, score(0.5 + 1e-16, 3)])
    assert not is_deterministic([])


@pytest.mark.parametrize(
    ("values", "perturbed", "repeats", "sd"),
    [
        ([0.5, 0.6, 0.7], [], "seeds", stdev([0.5, 0.6, 0.7])),
        ([0.5, 0.5, 0.5], [0.52, 0.47], "perturbations", stdev([0.5, 0.52, 0.47])),
        ([0.5, 0.5, 0.5], [0.5, 0.5], "perturbations", 0.0),
        ([0.5, 0.5, 0.5], [], "none", None),
    ],
)
def test_the_noise_of_equal_scores_is_that_of_perturbations(
    values: list[float], perturbed: list[float], repeats: str, sd: float | None
) -> None:
    trials = [baseline(values, perturbed)]
    assert repeats_of(trials) == repeats
    noise = noise_of(trials, LOWER)
    assert noise.seeds == (None if sd is None else pytest.approx(sd))
    assert noise.perturbed == (repeats == "perturbations")
    assert noise.spread is None, "a perturbation is no other machine"
    assert noise.step == 0.0
    told = "neutral perturbations" in str(noise)
    assert told == noise.perturbed


def test_a_baseline_shows_the_step_and_each_machine_its_own_scatter() -> None:
    ties = baseline([0.93, 0.91, 0.93], [])
    assert noise_of([ties], LOWER).step == pytest.approx(0.02)
    still = baseline([0.5] * 3, [])
    pairs = tuple(
        Pair(seed=s, candidate=0.5 + d, incumbent=0.5) for s, d in ((0, -0.02), (1, 0.02))
    )
    stepped = still.model_copy(update={"number": 1, "status": "discard", "pairs": pairs})
    assert noise_of([still, stepped], LOWER).step == 0.0, "what nothing repeats has no step"
    elsewhere = [
        score(value, seed).model_copy(update={"machine": "other"})
        for seed, value in ((2, 7.0), (3, 7.2))
    ]
    own = [score(1.0, 0), score(1.2, 1)]
    mixed = baseline([1.0], []).model_copy(
        update={"result": Result(status="scored", scores=(*own, *elsewhere))}
    )
    noise = noise_of([mixed], LOWER)
    assert (noise.runs, noise.seeds) == (4, pytest.approx(stdev([1.0, 1.2])))


def test_a_perturbed_run_on_another_machine_tells_nothing_of_machines() -> None:
    there = score(0.7, 1, "neutral").model_copy(update={"machine": "other"})
    found = result([0.5, 0.5, 0.5], [])
    moved = baseline([1.0], []).model_copy(
        update={"result": found.model_copy(update={"scores": (*found.scores, there)})}
    )
    assert noise_of([moved], LOWER).spread is None


def test_a_gain_that_a_guard_held_back_was_real() -> None:
    def gain(number: int, difference: float, status: str = "discard") -> Trial:
        pair = Pair(seed=0, candidate=1.0 + difference, incumbent=1.0)
        return baseline([1.0], []).model_copy(
            update={"number": number, "status": status, "pairs": (pair,)}
        )

    small = [gain(number, -0.1) for number in range(4)]
    assert noise_of([*small, gain(4, -2.0)], LOWER).heavy
    assert not noise_of([*small, gain(4, -2.0, "guarded")], LOWER).heavy


def test_what_equal_scores_mean_is_said() -> None:
    assert equal_scores(result([0.5, 0.6, 0.7], [])) == ""
    assert "no searched float can be moved" in equal_scores(result([0.5] * 3, []))
    assert "and so did 2 runs" in equal_scores(result([0.5] * 3, [0.5, 0.5]))
    jumps = equal_scores(result([0.5] * 3, [0.52, 0.47]))
    assert jumps.startswith("3 seeds gave exactly the same score; ") and "0.05" in jumps
    assert [s.seed for s in independent(result([0.5] * 3, [0.52, 0.47]))] == [0, 1, 2]
    assert independent(result([0.5] * 3, [])) == ()


def test_a_gain_that_nothing_repeats_is_not_kept() -> None:
    tau = Noise(sd=0.0, degrees=9)
    first = Case(differences=(-0.1,), repeats="none")
    assert isinstance(decide(first, Rule()), Rerun)
    second = decide(Case(differences=(-0.1, -0.1), repeats="none", noise=tau), Rule())
    assert isinstance(second, Discard)
    assert 'noise = "none"' in second.reason and "seed_argument" in second.reason
    moved = Case(differences=(-0.012, -0.030), repeats="none", noise=Noise(sd=0.01, degrees=20))
    assert isinstance(decide(moved, Rule()), Keep), "something moved it, so noise was seen"
    worse = decide(Case(differences=(0.1,), repeats="none"), Rule())
    assert isinstance(worse, Discard) and "not better" in worse.reason
    same = Case(differences=(-0.1, -0.1, -0.1, -0.1), repeats="perturbations", noise=tau)
    assert isinstance(decide(same, Rule()), Keep), "a perturbation would have shown its noise"


@pytest.mark.parametrize(
    ("values", "perturbed", "continuous"),
    [
        ([0.91, 0.93, 0.92], [], True),
        ([0.93, 0.91, 0.93], [], False),
        ([0.5, 0.5, 0.5], [0.52, 0.47], True),
        ([0.5, 0.5, 0.5], [0.5, 0.5], False),
        ([0.5, 0.5, 0.5], [], True),
    ],
)
def test_a_tie_is_evidence_only_where_equal_scores_are_rare(
    values: list[float], perturbed: list[float], continuous: bool
) -> None:
    assert is_continuous([baseline(values, perturbed)]) == continuous
    known = Noise(sd=0.01, degrees=20)
    tie = Case(differences=(0.0,), simpler=True, noise=known, continuous=continuous, allowance=0.01)
    verdict = decide(tie, Rule())
    assert isinstance(verdict, Simplify if continuous else Rerun), verdict
    worse = tie.model_copy(update={"differences": (0.0, 0.03)})
    assert isinstance(decide(worse, Rule()), Simplify if continuous else Discard)


@pytest.mark.parametrize(
    ("difference", "simpler", "verdict"),
    [(-1e-12, False, Keep), (0.0, False, Discard), (0.0, True, Simplify), (1e-12, True, Discard)],
)
def test_by_its_owners_word_one_run_of_an_exact_score_decides(
    difference: float, simpler: bool, verdict: type
) -> None:
    case = Case(differences=(difference,), simpler=simpler)
    assert isinstance(decide(case, Rule(exact=True)), verdict)


def test_null_changes_of_a_chaotic_score_are_kept_within_the_budget() -> None:
    """Chaotic: no seed moves it, and any change of the code does."""

    def false_keeps(repeats: str) -> Mean:
        runs = nights("ours", Rule(), idle, range(30), 0.0, scatter=("chaotic", repeats))
        return Mean.of([sum(kept) for _, kept in runs])

    def idle(rng: object) -> list[float]:
        return [0.0] * 100

    taken_for_repeats = false_keeps("seeds")
    assert taken_for_repeats.value > 3, "what it is about"
    perturbed = false_keeps("perturbations")
    assert perturbed.value - 2 * perturbed.error <= Rule().false_keeps
    assert false_keeps("none").value == 0


def test_real_gains_of_an_exact_score_are_kept() -> None:
    small = nights("ours", Rule(), lambda _: [-0.01] * 9, range(9), 0.0, scatter=EXACT)
    assert all(all(kept[1:]) for _, kept in small), "far above its rounding, if below one sigma"


EXACT = ("deterministic", "perturbations")


def test_the_owners_word_is_held_against_the_baselines_runs() -> None:
    assert declared_exact(result([0.5] * 3, [])) == (
        'noise is "none": 3 runs gave exactly the same score'
    )
    assert "3 runs under different seeds differ by up to 0.2:" in declared_exact(
        result([0.5, 0.7, 0.6], [0.1])
    )


def test_the_newest_baseline_on_the_data_at_hand_says_what_repeats() -> None:
    equal = baseline([0.5] * 3, [])
    apart = baseline([0.5, 0.6, 0.7], [])
    assert repeats_of([equal, apart]) == "seeds"
    assert repeats_of([apart, equal]) == "none"
    assert repeats_of([apart, equal.model_copy(update={"status": "discard"})]) == "seeds"
    assert repeats_of([]) == "seeds"
    ties = baseline([0.5, 0.5], [])
    assert not is_continuous([ties])
    assert is_continuous([ties, apart.model_copy(update={"new_data": True})])
    twice = [score(0.5, 0), score(0.5, 0)]
    once_measured = apart.model_copy(update={"result": Result(status="scored", scores=twice)})
    assert is_continuous([once_measured]), "one seed, measured twice"


def test_why_no_float_was_moved_is_said() -> None:
    spoilt = result([0.5] * 3, []).model_copy(update={"detail": "the perturbed run crashed"})
    assert equal_scores(spoilt) == (
        "3 seeds gave exactly the same score; the perturbed run crashed: its noise is not known"
    )


STILL = {"noise": Noise(sd=0.01, degrees=20, seeds=0.02), "still": True}
"""A run in which seeds move scores by twice as much as is left of that in a pair."""


@pytest.mark.parametrize(
    ("differences", "decision"),
    [
        ((-0.020, -0.021), Rerun),
        ((-0.020, -0.021, -0.019), Discard),
        ((-0.070, -0.071, -0.069), Discard),
        ((-0.085, -0.086), Keep),
    ],
)
def test_what_ignores_its_seed_is_one_draw(differences: tuple[float, ...], decision: type) -> None:
    verdict = decide(Case(differences=differences, **STILL), Rule())
    assert isinstance(verdict, decision)
    unlucky = (-0.0001,) * len(differences)
    assert isinstance(
        decide(Case(differences=differences, luck=unlucky, **STILL), Rule()), decision
    )
    drawn_anew = Case(differences=differences, **{**STILL, "still": False})
    assert isinstance(decide(drawn_anew, Rule()), Keep)
    assert ("the same under every seed" in verdict.reason) == (decision is Discard)
