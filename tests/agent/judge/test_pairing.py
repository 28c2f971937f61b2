"""Only scores of one machine, at one speed, under one seed are compared; and runs take turns."""

from math import log

import pytest

from agent.judge.owners import Owners
from agent.judge.pairing import (
    CHECK_EVERY,
    SAME_SPEED,
    Scores,
    by_seed,
    comparable,
    fresh_seeds,
    next_run,
    next_seed,
    overdue,
    pairs_of,
    unsteady,
)
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Pair, Result, Role, Score, Trial


def score(
    value: float,
    seed: int,
    role: Role = "candidate",
    machine: str = "m",
    speed: float | None = 10.0,
) -> Score:
    return Score(value=value, seed=seed, kind="sealed", role=role, machine=machine, speed=speed)


def trial(number: int, status: str, *scores: Score, against: int | None = None) -> Trial:
    proposal = Proposal(hypothesis="h", by=Provenance(method="m", origin="search"))
    result = Result(status="scored", scores=scores)
    return Trial(
        number=number, status=status, proposal=proposal, reason="r", result=result, against=against
    )


def test_an_incumbent_is_known_by_all_its_runs() -> None:
    baseline = trial(0, "baseline", score(1.0, 0), score(1.1, 1))
    later = trial(1, "discard", score(1.2, 1), score(1.3, 2, "incumbent"), score(1.4, 2), against=0)
    assert [s.value for s in Scores().of(0, [baseline, later])] == [1.0, 1.1, 1.3]
    assert [s.value for s in Scores().of(1, [baseline, later])] == [1.2, 1.4]


def test_runs_for_a_guard_are_the_first_baselines_and_those_for_the_target_ones_own() -> None:
    first = trial(0, "baseline", score(1.0, 0))
    kept = trial(1, "keep", score(0.9, 0), score(0.8, 7, "fresh"), against=0)
    later = trial(2, "discard", score(1.2, 3), score(1.3, 3, "reference"), against=1)
    trials = [first, kept, later]
    assert [s.value for s in Scores().of(0, trials)] == [1.0, 1.3]
    assert [s.value for s in Scores().of(1, trials)] == [0.9, 0.8]
    assert [s.value for s in Scores().of(2, trials)] == [1.2]


def test_another_machine_or_another_speed_is_not_compared() -> None:
    scores = [
        score(1.0, 0),
        score(1.1, 1, machine="other"),
        score(1.2, 2, speed=5.0),
        score(1.3, 3, speed=5.2),
    ]
    assert list(comparable(scores, "m", None)) == [0, 2, 3]
    assert list(comparable(scores, "m", Scores().tolerance([]))) == [2, 3], (
        "the machine has slowed down since"
    )


def test_a_machine_that_goes_up_and_down_is_not_one_that_has_slowed_down() -> None:
    """Two speeds in turns are this machine's way; one step between them is a change."""
    up_and_down = [score(1.0, seed, speed=6.0 if seed % 2 else 10.0) for seed in range(4)]
    one_step = [score(1.0, seed, speed=6.0 if seed > 1 else 10.0) for seed in range(4)]
    jitter = Scores().tolerance([trial(0, "baseline", *up_and_down)])
    drift = Scores().tolerance([trial(0, "baseline", *one_step)])
    assert list(comparable(up_and_down, "m", jitter)) == [0, 1, 2, 3]
    assert list(comparable(one_step, "m", drift)) == [2, 3]


def test_only_runs_of_equal_code_on_one_machine_tell_how_unsteady_it_is() -> None:
    steady = Scores().tolerance([])
    larger = trial(
        1,
        "discard",
        score(1.0, 0, speed=2.0),
        score(1.0, 0, "incumbent"),
        score(1.0, 1, speed=2.0),
        against=0,
    )
    moved = trial(2, "discard", score(1.0, 0), score(1.0, 1, machine="other", speed=3.0), against=0)
    silent = trial(3, "discard", score(1.0, 0, speed=None), score(1.0, 1), against=0)
    assert Scores().tolerance([larger, moved, silent]) == steady
    assert Scores().tolerance([], [score(1.0, 0), score(1.0, 1, speed=5.0)]) > steady, (
        "what the trial at hand shows counts"
    )


def test_pairs_are_of_common_seeds_in_the_candidates_order() -> None:
    own = {2: score(2.0, 2), 0: score(1.0, 0), 9: score(9.0, 9)}
    other = {0: {"m": score(1.5, 0)}, 2: {"m": score(2.5, 2)}}
    assert pairs_of(own, other) == (
        Pair(seed=2, candidate=2.0, incumbent=2.5),
        Pair(seed=0, candidate=1.0, incumbent=1.5),
    )


def test_the_incumbents_screen_comes_last_and_the_others_take_turns() -> None:
    assert [next_seed((), (7, 8, 9), number) for number in (0, 1, 2)] == [8, 9, 8]
    assert next_seed((8, 9), (7, 8, 9), 0) == 7
    assert next_seed((8, 9, 7), (7, 8, 9), 0) == 10
    assert next_seed((), (), 5, first=42) == 42


def test_runs_take_turns_where_both_are_needed() -> None:
    mine = {0: score(1, 0)}
    theirs = {0: score(1, 0)}
    assert next_run(mine, {}, 1, 0) == (0, "incumbent")
    assert next_run(mine, theirs, 1, 0) == (1, "incumbent")
    assert next_run(mine, {**theirs, 1: score(1, 1)}, 1, 0) == (1, "candidate")
    both = {0: score(1, 0), 1: score(1, 1)}
    assert next_run(both, both, 1, 0) == (2, "candidate")


def test_an_incumbent_that_was_not_run_for_long_is_overdue() -> None:
    trials = [trial(0, "baseline", score(1, 0))]
    trials += [trial(n, "discard", score(2, 0), against=0) for n in range(1, CHECK_EVERY)]
    assert not overdue(trials, 0)
    trials.append(trial(CHECK_EVERY, "discard", score(2, 0), against=0))
    assert overdue(trials, 0)
    trials.append(
        trial(CHECK_EVERY + 1, "discard", score(2, 0), score(1, 0, "incumbent"), against=0)
    )
    assert not overdue(trials, 0)


def test_a_run_of_another_incumbent_says_nothing_of_this_one() -> None:
    trials = [trial(0, "baseline", score(1, 0))]
    trials += [trial(n, "discard", score(2, 0), against=0) for n in range(1, CHECK_EVERY + 1)]
    other = trial(90, "discard", score(2, 0), score(1, 0, "incumbent"), against=7)
    assert overdue([*trials, other], 0)


def test_a_machine_of_changing_speed_is_noticed_on_equal_code() -> None:
    assert unsteady([score(1.0, 0, speed=10.0), score(1.0, 1, speed=9.0)]) == pytest.approx(0.1)
    assert unsteady([score(1.0, 0, speed=10.0), score(1.0, 1, speed=9.8)]) is None
    assert unsteady([score(1.0, 0, speed=None)]) is None


def test_the_newest_score_under_a_seed_counts() -> None:
    scores = [score(1.0, 0), score(1.1, 1), score(1.2, 0)]
    assert {seed: one.value for seed, one in comparable(scores, "m", None).items()} == {
        0: 1.2,
        1: 1.1,
    }
    unknown = [score(1.0, 0, speed=None), score(1.1, 1)]
    assert list(comparable(unknown, "m", 0.1)) == [1], "of unknown speed"
    assert list(comparable(unknown[:1], "m", 0.1)) == [0], "none says its speed"


def test_each_trial_is_read_once_and_a_run_for_time_is_the_baselines_score() -> None:
    first = trial(0, "baseline", score(1.0, 0))
    second = trial(1, "discard", score(1.2, 0), score(9.0, 5, "baseline"), against=0)
    third = trial(2, "discard", score(1.3, 0), score(1.1, 1, "incumbent"), against=0)
    scores = Scores()
    assert [one.value for one in scores.of(0, [first])] == [1.0]
    assert [one.value for one in scores.of(0, [first, second])] == [1.0, 9.0]
    assert [one.value for one in scores.of(0, [first, second, third])] == [1.0, 9.0, 1.1]
    assert [one.value for one in scores.of(1, [first, second, third])] == [1.2]


def test_steps_of_the_trial_at_hand_count_once() -> None:
    uneven = trial(0, "baseline", *[score(1, s, speed=10.0 - 6 * (s % 2)) for s in range(4)])
    scores = Scores()
    usual = scores.tolerance([uneven])
    assert scores.tolerance([uneven], [score(1, 0), score(1, 1)]) <= usual
    assert scores.tolerance([uneven]) == usual, "it was not added to the run's"


def test_a_new_pair_has_none_of_the_excluded_seeds() -> None:
    theirs = {0: score(1, 0), 1: score(1, 1)}
    assert next_run({}, theirs, 0, 0) == (1, "candidate")
    assert next_run({}, theirs, 0, 0, excluded=(1,)) == (0, "candidate")
    assert next_run({}, theirs, 0, 0, excluded=(0, 1, 5)) == (6, "candidate")
    assert next_run({}, {}, 0, 40) == (40, "candidate"), "the run's own first seed"
    assert next_run({40: score(1, 40)}, {40: score(1, 40)}, 0, 0)[0] == 41


def test_trials_that_did_not_run_do_not_make_an_incumbent_overdue() -> None:
    refused = trial(1, "discard", score(2, 0), against=0).model_copy(
        update={"status": "refused", "result": None}
    )
    trials = [trial(0, "baseline", score(1, 0)), *[refused] * (CHECK_EVERY + 5)]
    assert not overdue(trials, 0)
    assert not overdue([], 0)


@pytest.mark.parametrize(
    ("count", "begins"), [(1, "incumbent"), (2, "candidate"), (3, "incumbent")]
)
def test_candidate_and_incumbent_begin_a_new_pair_in_turns(count: int, begins: str) -> None:
    both = {seed: score(1, seed) for seed in range(count)}
    assert next_run(both, both, 1, 0) == (count, begins)


H100 = "aa00aa00 H100"
TWIN = "bb00bb00 H100"
A100 = "cc00cc00 A100"


def test_a_machine_reaches_its_twin_where_equal_code_ran_on_both_at_its_speed() -> None:
    def reach(*places: tuple[str, float | None, int], timed: bool = True) -> set[str]:
        scores = [score(1.0, seed, machine=name, speed=speed) for name, speed, seed in places]
        return set(Scores().reach(H100, [trial(0, "baseline", *scores)], timed))

    assert reach((H100, 10.0, 0), (TWIN, 10.0, 1)) == {H100}, "under different seeds"
    assert reach((H100, 10.0, 0), (A100, 10.0, 0)) == {H100}, "another model"
    assert reach((H100, 10.0, 0), (TWIN, 9.0, 0)) == {H100, TWIN}
    assert reach((H100, 10.0, 0), (TWIN, 5.0, 0)) == {H100}, "half as fast"
    assert reach((H100, 5.0, 0), (TWIN, 10.0, 0)) == {H100}, "or twice as fast"
    assert reach((H100, None, 0), (TWIN, None, 0)) == {H100}, "its speed is not known"
    assert reach((H100, None, 0), (TWIN, None, 0), timed=False) == {H100, TWIN}
    assert reach((H100, 10.0, 0), (TWIN, 5.0, 0), timed=False) == {H100}


def test_a_perturbed_run_links_no_machines() -> None:
    own = score(1.0, 0, machine=H100)
    neutral = score(1.0, 0, "neutral", machine=TWIN)
    assert Scores().reach(H100, [trial(0, "baseline", own, neutral)], timed=False) == {H100}


def test_the_newest_score_of_each_machine_stands_under_its_seed() -> None:
    old = score(1.0, 0, machine=H100)
    new = score(1.1, 0, machine=H100)
    twin = score(1.2, 0, machine=TWIN)
    other = score(1.3, 0, machine=A100)
    assert by_seed([old, twin, new, other], [H100, TWIN], None) == {0: {TWIN: twin, H100: new}}
    mine = {0: score(2.0, 0, machine=H100)}
    assert pairs_of(mine, {0: {H100: new, TWIN: twin}})[0].across is None, "on one machine first"
    [pair] = pairs_of(mine, {0: {A100: other, TWIN: twin}})
    assert (pair.incumbent, pair.across) == (1.2, (H100, TWIN)), "else with the newest"


def test_fresh_seeds_are_those_that_no_run_had() -> None:
    trials = [
        trial(0, "baseline", score(1, 0), score(1, 1)),
        trial(1, "discard", score(1, 3), score(1, 4, "incumbent"), against=0),
    ]
    assert fresh_seeds(trials, 3, 0) == (2, 5, 6)
    assert fresh_seeds(trials, 2, 4) == (5, 6)
    assert fresh_seeds(trials, 2, 0, [score(1, 2)]) == (5, 6)


def test_a_speed_at_the_edge_is_still_the_same() -> None:
    kept = -log(SAME_SPEED)
    assert Scores().tolerance([]) == pytest.approx(kept)
    scores = [score(1.0, 0, speed=8.51), score(1.0, 1, speed=8.49), score(1.0, 2, speed=10.0)]
    assert list(comparable(scores, "m", kept)) == [0, 2]
    fast = [score(1.0, 0, speed=10.0 / 0.849), score(1.0, 1, speed=10.0 / 0.851)]
    assert list(comparable([*fast, score(1.0, 2, speed=10.0)], "m", kept)) == [1, 2]
    assert unsteady([score(1.0, 0, speed=9.51), score(1.0, 1, speed=10.0)]) is None
    assert unsteady([score(1.0, 0, speed=9.49), score(1.0, 1, speed=10.0)])


def test_who_owns_a_score_changes_with_the_data_and_the_code() -> None:
    def given(number: int, status: str, code: str, new_data: bool = False) -> Trial:
        made = trial(number, status, score(1, 0))
        return made.model_copy(update={"fingerprint": code, "new_data": new_data})

    reference = score(1, 0, "reference")
    timed = score(1, 0, "baseline")
    owners = Owners()
    owners.meet(given(0, "baseline", "a"))
    owners.meet(given(1, "keep", "b"))
    again = given(2, "baseline", "b")
    owners.meet(again)
    assert owners.code(again, timed) == 2, "of a baseline, its own"
    tried = given(3, "discard", "c").model_copy(update={"against": 2})
    owners.meet(tried)
    assert owners.code(tried, timed) == 0, "what was kept again sets no other yardstick"
    assert owners.code(tried, reference) == 0
    assert owners.code(tried, score(1, 0, "incumbent")) == 2
    by_hand = given(4, "baseline", "d")
    owners.meet(by_hand)
    after = given(5, "discard", "e")
    assert owners.code(after, timed) == 4, "new code does"
    assert owners.code(after, reference) == 0, "guards refer to the first baseline"
    owners.meet(given(6, "baseline", "f", new_data=True))
    assert owners.code(after, reference) == 6, "on the data at hand"
    assert owners.code(after, timed) is None
