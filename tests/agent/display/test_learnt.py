"""A run ends with a sentence that says what it has taught, also where nothing was kept."""

from agent.display.format import Formatter
from agent.display.learnt import learnt
from agent.records.results import Change, Pair, Trial
from tests.agent.display.runs import failed, night, scored

PLAIN = Formatter()
BASELINE = scored(0, "baseline", 1.9, "as it is", repeats=3)
PAIRS = tuple(Pair(seed=seed, candidate=1.8, incumbent=1.9) for seed in range(3))


def changed(trial: Trial, name: str, before: float, after: float) -> Trial:
    change = Change(name=name, before=before, after=after)
    return trial.model_copy(update={"changes": (change,)})


def test_a_keep_is_told_with_its_gain_and_its_pairs() -> None:
    kept = changed(scored(1, "keep", 1.85, "depth 2 → 1", -0.0512), "DEPTH", 2, 1)
    worse = changed(scored(2, "discard", 2.0, "rate up", 0.15), "LR", 0.1, 0.3)
    trials = [BASELINE, kept.model_copy(update={"pairs": PAIRS}), worse]
    assert learnt(trials, PLAIN) == (
        "DEPTH 2 → 1 was better by 0.051 (3 pairs); LR 0.1 → 0.3 was worse by 0.15"
    )


def test_a_run_that_kept_nothing_says_how_near_it_came_and_what_did_not_fit() -> None:
    near = changed(scored(1, "discard", 1.9, "a", -0.004), "DEPTH", 2, 1)
    worse = changed(scored(2, "discard", 2.0, "b", 0.15), "LR", 0.1, 0.3)
    reason = "trained 34.0 s and had not ended, where the budget of 20 s allows 23 s"
    late = changed(failed(3, "invalid", "c", reason), "BATCH", 1024, 16384)
    reason = "it failed when it was run again under seed 3: scoring was killed after 240 s"
    slow = changed(failed(4, "timeout", "d", reason), "WIDTH", 64, 96)
    assert learnt([BASELINE, near, worse, late, slow], PLAIN) == (
        "nothing was better than the baseline beyond noise; "
        "DEPTH 2 → 1 looked better by 0.004, which may be luck; "
        "LR 0.1 → 0.3 was worse by 0.15; "
        "BATCH 1024 → 16384 did not fit the budget; "
        "WIDTH 64 → 96 did not end in time"
    )


def test_the_only_trial_of_a_run_is_told_once() -> None:
    worse = changed(scored(1, "discard", 2.0, "b", 0.15), "LR", 0.1, 0.3)
    assert learnt([BASELINE, worse], PLAIN) == (
        "nothing was better than the baseline beyond noise; "
        "LR 0.1 → 0.3 came nearest, worse by 0.15"
    )


def test_many_changes_are_counted() -> None:
    changes = tuple(Change(name=f"C{place}", before=1, after=2) for place in range(9))
    kept = scored(1, "keep", 1.8, "everything", -0.1)
    text = learnt([BASELINE, kept.model_copy(update={"changes": changes})], PLAIN)
    assert text == "#1 (9 constants at once) was better by 0.1"


def test_a_change_of_code_is_told_in_its_own_words_on_one_harmless_line() -> None:
    kept = scored(1, "keep", 1.8, "evil\x1b[31m\n many", -0.1)
    text = learnt([BASELINE, kept.model_copy(update={"changes": ()})], PLAIN)
    assert text.startswith("#1 (evil") and "\x1b" not in text and "\n" not in text


def test_a_run_without_a_trial_teaches_nothing() -> None:
    assert learnt([], PLAIN) == ""
    assert learnt([BASELINE], PLAIN) == ""
    assert learnt([failed(0, "crash", "as it is", "boom")], PLAIN) != ""


def test_a_night_of_everything_fits_one_sentence() -> None:
    text = learnt(night(), PLAIN)
    assert text.startswith("DEPTH 4 → 6 was better by 0.032")
    assert "crashed" in text and "\n" not in text
