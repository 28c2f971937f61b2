"""Metrics beside the main one: columns, charts with limits, the Pareto front, and figures."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from agent.dashboard.figures import FIGURES, save
from agent.dashboard.labels import HEIGHT
from agent.dashboard.markdown import markdown_report
from agent.dashboard.metrics import Cloud, Series, clouds_of, series_of
from agent.dashboard.render import report, trial_part
from agent.errors import UsageFault
from agent.judge.pareto import axes_of
from agent.records.objective import Objective
from tests.agent.dashboard.nights import GUARDED, guarded, night

NIGHT = guarded(night(60))


def test_the_page_has_a_column_for_each_metric_and_marks_what_breaks_a_guard() -> None:
    page = report(NIGHT, {})
    assert 'data-column="further0"' in page and ">latency_ms</button>" in page
    assert re.search(r'c-further0 broken" data-v="3\d', page)
    assert "<b>odd" not in page and "&lt;b&gt;odd &amp;" in page
    assert "latency_ms &lt;= 30" in page


def test_a_page_without_further_metrics_has_no_such_part() -> None:
    page = report(night(20), {})
    assert 'id="metrics"' not in page and 'id="guards"' not in page
    assert 'data-column="further0"' not in page


def test_a_trial_says_which_guard_it_broke() -> None:
    broken = next(trial for trial in NIGHT.trials if trial.status == "guarded")
    text = unescape(trial_part(NIGHT, broken, ""))
    assert "latency_ms <= 30: outside" in text


def test_limits_lie_where_their_numbers_are() -> None:
    charts = series_of(NIGHT)
    assert [chart.axis.name for chart in charts] == ["latency_ms", "params_m", GUARDED.also[0]]
    latency, parameters, other = charts
    [limit] = latency.limits
    assert limit.y == latency.y(30.0)
    [relative] = parameters.limits
    assert relative.y == parameters.y(5.25)
    assert other.limits == []


def test_the_texts_of_two_limits_at_one_place_do_not_touch() -> None:
    guards = ["latency_ms <= 30", "latency_ms <= baseline + 50%", "params_m <= baseline + 5%"]
    told = {**GUARDED.model_dump(), "guards": guards}
    run = NIGHT.run.model_copy(update={"objective": Objective.model_validate(told)})
    latency = series_of(replace(NIGHT, run=run))[0]
    first, second = latency.limits
    assert first.y == second.y and second.text_y - first.text_y >= HEIGHT


def test_a_limit_that_would_press_the_values_into_one_line_is_named_instead() -> None:
    told = {**GUARDED.model_dump(), "guards": ["latency_ms <= 3000", "latency_ms <= 60"]}
    run = NIGHT.run.model_copy(update={"objective": Objective.model_validate(told)})
    view = replace(NIGHT, run=run)
    latency = series_of(view)[0]
    assert [limit.text for limit in latency.limits] == ["latency_ms <= 60"]
    heights = [dot.y for dot in latency.dots]
    assert max(heights) - min(heights) > HEIGHT, "the values can be told apart"
    assert "latency_ms &lt;= 3000 is too far off to be drawn" in report(view, {})


def test_the_front_is_ringed_and_no_guarded_trial_is_on_it() -> None:
    for cloud in clouds_of(NIGHT):
        assert cloud.front
        assert all(point.trial.status != "guarded" for point in cloud.front)
        assert len(cloud.rings) == len(cloud.front)
        assert cloud.steps.startswith("M")


def test_nothing_measured_is_no_chart() -> None:
    empty = guarded(night(0))
    main, latency, *_ = axes_of(GUARDED)
    assert series_of(empty) == [] and clouds_of(empty) == []
    assert Series(empty, latency).empty
    assert Cloud(empty, latency, main).steps == ""


@pytest.mark.parametrize("name", ["metrics", "pareto"])
def test_a_figure_of_a_run_without_them_says_what_to_write(name: str) -> None:
    with pytest.raises(UsageFault, match="records no metric beside val_bpb") as fault:
        FIGURES[name]([night(5)])
    assert "also" in str(fault.value.next_command)


@pytest.mark.parametrize("name", ["metrics", "pareto"])
def test_a_figure_draws_hostile_names_as_they_are(name: str, tmp_path: Path) -> None:
    save(FIGURES[name]([NIGHT]), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert "latency_ms" in svg and "<b>" not in svg


def test_a_markdown_report_lists_guards() -> None:
    text = markdown_report(NIGHT)
    assert "- guards: latency&#95;ms &#60;= 30" in text
    assert "- target: 0.9, not near yet" in text
