"""Pages and figures of a run whose metric is better where it is higher, or told in percent."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.dashboard.charts import Overlay, Staircase, slices
from agent.dashboard.data import csv_of
from agent.dashboard.figures import compare, progress, save
from agent.dashboard.importance import importances
from agent.dashboard.markdown import markdown_report
from agent.dashboard.parallel import Parallel
from agent.dashboard.render import compare_page, report
from agent.dashboard.view import View, differences
from agent.errors import UsageFault
from agent.records.objective import Objective
from agent.records.results import KEPT, Pair, Result, Trial
from tests.agent.dashboard.nights import HOSTILE, night

ACCURACY = Objective(metric="accuracy", direction="maximize")


def turned(view: View, objective: Objective = ACCURACY, top: float = 10.0) -> View:
    """Return a view of the same night with each score taken from `top`, as the run printed it."""
    trials = tuple(_turned(trial, top) for trial in view.trials)
    return replace(view, trials=trials, run=view.run.model_copy(update={"objective": objective}))


def _turned(trial: Trial, top: float) -> Trial:
    changes: dict[str, object] = {
        "pairs": tuple(
            Pair(seed=pair.seed, candidate=top - pair.candidate, incumbent=top - pair.incumbent)
            for pair in trial.pairs
        )
    }
    if trial.estimate is not None:
        changes["estimate"] = top - trial.estimate
    if trial.result:
        changes["result"] = _result(trial.result, top)
    return trial.model_copy(update=changes)


def _result(result: Result, top: float) -> Result:
    scores = [
        score.model_copy(update={"value": top - score.value, "kind": "self-reported"})
        for score in result.scores
    ]
    return result.model_copy(update={"scores": tuple(scores)})


NIGHT = night(60)
UP = turned(NIGHT)


def test_a_better_score_is_higher_up_and_the_same_gain() -> None:
    heights = [float(y) for y in re.findall(r"V([\d.]+)", Staircase(UP).steps)]
    assert heights and heights == sorted(heights, reverse=True), "up is a smaller y"
    down = [float(y) for y in re.findall(r"V([\d.]+)", Staircase(NIGHT).steps)]
    assert down == sorted(down)
    assert UP.gain == pytest.approx(NIGHT.gain)
    assert [gain.size for gain in UP.gains] == [gain.size for gain in NIGHT.gains]
    assert UP.noise.scatter == pytest.approx(NIGHT.noise.scatter)


@pytest.mark.parametrize("view", [NIGHT, UP], ids=["lower", "higher"])
def test_the_data_of_what_helped_has_the_changes_that_the_list_shows(view: View) -> None:
    ends = {"interval": (-0.03, -0.01)}
    view = replace(view, trials=tuple(trial.model_copy(update=ends) for trial in view.trials))
    rows = list(csv.DictReader(io.StringIO(csv_of("gains", view, ()))))
    assert len(rows) == len(view.gains) > 0
    for row, gain in zip(rows, view.gains, strict=True):
        low, size, high = (f"{float(row[name]):+.6f}" for name in ("low", "change", "high"))
        assert size == view.formatter.change(-gain.size)
        assert gain.trial.interval
        assert (low, high) == view.formatter.interval(gain.trial.interval)


def test_what_is_much_worse_is_drawn_at_the_edge_that_is_worse() -> None:
    worst = next(trial for trial in reversed(NIGHT.trials) if trial.status == "discard")
    others = [trial for trial in NIGHT.trials if trial is not worst]
    spoilt = replace(NIGHT, trials=(*others, _turned(worst, 12.0)))
    [low] = [dot for dot in Staircase(turned(spoilt)).dots if dot.clipped]
    [high] = [dot for dot in Staircase(spoilt).dots if dot.clipped]
    assert low.low and not high.low
    assert (Staircase(turned(spoilt)).edges, Staircase(spoilt).edges) == ("▽", "△")
    assert low.trial.number == high.trial.number == worst.number
    assert not any(dot.clipped for dot in Staircase(UP).dots if dot.trial.status in KEPT)
    assert len(slices(UP)) == len(slices(NIGHT))


def test_the_best_scores_have_the_first_shade() -> None:
    shades = {line.trial.number: line.shade for line in Parallel(UP).lines}
    assert shades[UP.best.number if UP.best else -1] == 0
    axis = Parallel(UP).axes[-1]
    assert axis.name == "accuracy"


def test_importance_asks_what_the_best_have_in_common() -> None:
    assert importances(UP.trials, "maximize") == importances(NIGHT.trials)


def test_the_report_speaks_of_the_metric_alone() -> None:
    html = report(UP, {})
    assert "val_bpb" not in html and "lower is better" not in html
    assert "accuracy, higher is better, self-reported" in html
    assert "accuracy, higher is better; self-reported: as the run itself prints it" in html
    assert UP.gain is not None
    assert f"<strong>{-UP.gain:+.6f}</strong>" in html
    markdown = markdown_report(UP)
    assert "val_bpb" not in markdown and "| trial | accuracy | delta |" in markdown
    assert f" accuracy** by #{UP.best.number if UP.best else ''}: {-UP.gain:+.6f}" in markdown


@pytest.mark.parametrize("name", HOSTILE)
def test_a_metric_s_name_is_escaped_on_every_page(name: str, tmp_path: Path) -> None:
    view = turned(night(6), ACCURACY.model_copy(update={"metric": name}))
    html = report(view, {})
    assert "<script>window" not in html and "<img src" not in html and "\x1b" not in html
    assert "](javascript" not in markdown_report(view)
    save(progress([view]), tmp_path / "p.svg")


def test_figures_have_the_metric_on_their_axis(tmp_path: Path) -> None:
    save(progress([UP]), tmp_path / "p.svg")
    text = (tmp_path / "p.svg").read_text()
    assert "accuracy, higher is better, self-reported" in text and "val_bpb" not in text
    save(compare([UP, UP]), tmp_path / "c.svg")
    assert "best accuracy so far, higher is better" in (tmp_path / "c.svg").read_text()


def test_different_metrics_share_no_axis() -> None:
    views = [NIGHT, UP]
    assert "metric" in differences(views)
    with pytest.raises(UsageFault, match="different metrics"):
        compare(views)
    page = compare_page(views, "n")
    assert "differ in" in page and "metric" in page
    assert 'id="overlay"' not in page
    assert 'id="overlay"' in compare_page([UP, UP], "n")
    assert Overlay([UP]).axis(so_far=True).startswith("best accuracy so far")
