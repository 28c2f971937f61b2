"""The charts of a run: constants of every trial, the tree of attempts, methods and models."""

import itertools
import re

import pytest

from agent.dashboard.captions import conditions
from agent.dashboard.local import Local
from agent.dashboard.parallel import AXES, Parallel
from agent.dashboard.proposers import proposers
from agent.dashboard.render import report, trial_part
from agent.dashboard.tree import Tree
from agent.dashboard.view import View
from agent.records.results import Attempt
from tests.agent.dashboard.nights import MACHINE, busy, hostile, night, trial

# ---------------------------------------------------------------- constants


def test_a_line_goes_through_the_constants_of_every_version() -> None:
    view = busy()
    chart = Parallel(view)
    assert {axis.name for axis in chart.axes} == {
        "EMBEDDING_LR",
        "DEPTH",
        "WINDOW_PATTERN",
        "PAIRS",
        "val_bpb",
    }
    assert chart.axes[-1].name == "val_bpb"
    assert [axis.name for axis in chart.axes if axis.lacks] == ["PAIRS", "val_bpb"]
    place = [axis.name for axis in chart.axes].index("PAIRS")
    for line in chart.lines:
        heights = [float(point.split(",")[1]) for point in line.points.split()]
        assert (heights[place] == chart.strip) == ("PAIRS" not in line.trial.configuration)
        assert (heights[-1] == chart.strip) == (line.trial.value is None) == (line.shade is None)
    assert len(chart.lines) == len(view.trials)
    assert all(line.kept for line in chart.lines[-3:]), "kept trials are on top"


def test_the_best_fifth_is_told_from_the_worst() -> None:
    lines = [line for line in Parallel(night(100)).lines if line.shade is not None]
    best = max(line.trial.value or 0 for line in lines if line.shade == 0)
    worst = min(line.trial.value or 0 for line in lines if line.shade == 4)
    assert best < worst
    assert {line.shade for line in lines} == {0, 1, 2, 3, 4}


def test_axes_are_in_the_order_of_importance_and_too_many_are_counted() -> None:
    ranked = Parallel(busy(), ["DEPTH", "WINDOW_PATTERN"])
    assert [axis.name for axis in ranked.axes[:2]] == ["DEPTH", "WINDOW_PATTERN"]
    wide = []
    for number, status in enumerate(("baseline", "discard", "discard")):
        constants = {f"C{i}": number for i in range(20)}
        wide.append(trial(number, status, 1.0, None, "x", configuration=constants))
    chart = Parallel(View("b", night(1).run, tuple(wide)))
    assert Parallel(busy()).axes[0].name == "PAIRS", (
        "without a ranking, constants that not every version has come first"
    )
    assert (len(chart.axes), chart.left_out) == (AXES + 1, 20 - AXES)


@pytest.mark.parametrize("length", [0, 1])
def test_a_run_with_nothing_to_compare_has_sentences_in_place_of_charts(length: int) -> None:
    page = report(night(length), {})
    assert Parallel(night(length)).empty
    assert "No constant was tried at more than one value." in page
    assert ("No state was kept yet." in page) == (length == 0)


def test_too_few_scores_for_an_importance_are_said_to_be_too_few() -> None:
    assert "The importance of constants needs 20 scored trials" in report(night(12), {})
    assert "PED-ANOVA" in report(night(40), {})


# ---------------------------------------------------------------- the tree


def test_each_trial_is_on_the_level_that_it_was_proposed_on() -> None:
    view = busy()
    chart = Tree(view)
    place = {dot.trial.number: dot.y for dot in chart.dots}
    height = {level.trial.number: level.y for level in chart.levels}
    assert set(height) == {kept.number for kept in view.incumbents}
    for each in view.trials:
        home = each if each.number in height else view.parents[each.number]
        assert home is not None
        assert place[each.number] == height[home.number]
    assert [level.came_from for level in chart.levels[1:]] == [
        level.y for level in chart.levels[:-1]
    ]
    assert chart.levels[0].came_from is None
    assert all(before.x1 >= after.x0 for before, after in itertools.pairwise(chart.levels)), (
        "a level reaches to the step down"
    )


def test_late_trials_repairs_repeats_and_flights_are_shown() -> None:
    view = busy()
    chart = Tree(view)
    assert chart.late == 1
    assert {(tie.kind, tie.before, tie.after) for tie in chart.ties} == {
        ("repair", 20, 21),
        ("repeat", 12, 14),
    }
    assert [(flying.attempt.number, flying.y) for flying in chart.flying] == [
        (40, chart.levels[-1].y)
    ]
    text = re.sub(r"<[^>]*>|\s+", " ", report(view, {}))
    assert "1 was proposed on a state that was no longer the tip" in text


def test_an_attempt_on_an_older_state_flies_beside_it() -> None:
    view = busy()
    first = view.trials[0]
    flying = Attempt(number=41, commit="c", parent=first.verdict, proposal=first.proposal)
    chart = Tree(View(view.branch, view.run, view.trials, (flying,)))
    assert chart.flying[0].y == chart.levels[0].y


def test_a_tree_of_a_thousand_trials_is_no_taller_than_a_screen_or_so() -> None:
    assert Tree(night(1000)).frame.height < 900
    assert len(Tree(night(1000)).dots) == 1000


# ---------------------------------------------------------------- who proposed


def test_methods_and_models_are_compared_by_what_they_gained() -> None:
    view = busy()
    rows = {row.name: row for row in proposers(view)}
    assert set(rows) == {"code with opus", "trust", "llm-hps with opus"}
    assert sum(row.trials for row in rows.values()) == len(view.trials) - 1
    assert sum(row.kept for row in rows.values()) == len(view.gains)
    gains = [row.gain for row in proposers(view)]
    assert sum(gains) == pytest.approx(sum(gain.size for gain in view.gains))
    assert gains == sorted(gains, reverse=True)
    trust = rows["trust"]
    mine = [each for each in view.trials if each.proposal.by.method == "trust"]
    results = [each.result for each in mine if each.result]
    failed = sum(not result.scores for result in results)
    assert trust.failed == pytest.approx(failed / len(results))
    assert trust.refused == len(mine) - len(results)
    seconds = 14 * len(mine) + sum(result.seconds + 9.1 for result in results)
    assert trust.per_hour == pytest.approx(trust.gain * 3600 / seconds)


def test_a_caption_has_seeds_noise_hardware_and_command() -> None:
    caption = conditions(busy())
    for part in (
        "seeds 0, 1, 2",
        "noise ",
        f"on {MACHINE}",
        "$ autoresearch start --method code --model opus",
    ):
        assert part in caption
    assert "hardware not recorded" in conditions(night(3))
    assert "seeds none yet" in conditions(night(0))


# ---------------------------------------------------------------- what was asked


def test_a_report_does_not_hold_what_a_model_was_asked() -> None:
    view = busy()
    part = trial_part(view, view.trials[3], "")
    assert "Kept only on the machine that ran it" in part
    assert "No question is on this machine" in trial_part(view, view.trials[3], "", Local())
    unasked = view.trials[3].model_copy(update={"proposal": night(2).trials[1].proposal})
    assert "Asked of the model" not in trial_part(view, unasked, "")


def test_hostile_text_stays_text_in_every_chart() -> None:
    page = report(hostile(), {})
    assert page.count("<script nonce=") == 1
    assert not re.search("<(img|iframe|b|textarea)[ >]", page)
