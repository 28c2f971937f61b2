"""The hardware of a trial's trainings on its part of the page."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent.dashboard.local import Local
from agent.dashboard.render import trial_part
from agent.dashboard.usage import traces_in
from agent.history.history import History
from agent.history.runs import trials_folder
from tests.agent.dashboard.nights import night
from tests.agent.dashboard.test_browser import violations
from tests.agent.dashboard.test_dashboard import dashboard, settle
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import miniature

HEAD = "seconds,cores,memory_mb,gpu_percent,gpu_memory_mb,gpu_celsius\n"
ROWS = "1,,80,,,\n2,0.98,96,,,\n3,1.02,97.5,,,\n"


def written(folder: Path, text: str, name: str = "train-0.usage.csv") -> Path:
    """Write a trace."""
    path = folder / name
    path.write_text(text)
    return path


def test_a_column_without_values_has_no_chart(tmp_path: Path) -> None:
    [traces] = traces_in([written(tmp_path, HEAD + ROWS)])
    assert traces.name == "train-0"
    assert [chart.title for chart in traces.charts] == ["busy cores", "memory, MB"]
    assert traces.charts[1].peak == "97.5"


@pytest.mark.parametrize(
    "text", ["", HEAD, "nonsense\n\x00\n", HEAD + "1,nan,inf,-3,x,\n" * 3, HEAD + "1,2\n"]
)
def test_a_file_that_is_no_trace_is_left_out(tmp_path: Path, text: str) -> None:
    assert traces_in([written(tmp_path, text), tmp_path / "gone.usage.csv"]) == ()


def test_a_report_for_other_machines_has_none(tmp_path: Path) -> None:
    view = night(3)
    local = Local(traces=traces_in([written(tmp_path, HEAD + ROWS)]))
    assert "Hardware" in trial_part(view, view.trials[1], "", local)
    assert "Hardware" not in trial_part(view, view.trials[1], "")


def test_the_page_of_a_trial_shows_its_hardware(tab: Page, tmp_path: Path) -> None:
    project = project_of(miniature(tmp_path / "repository"))
    with (
        History.create(project, settings_of(project)) as history,
        dashboard(tmp_path / "repository") as address,
    ):
        settle(history, "baseline", 1.5)
        folder = trials_folder(history.project, history.tag, "0000")
        folder.mkdir(parents=True, exist_ok=True)
        written(folder, HEAD + ROWS)
        tab.goto(f"{address}run/t#trial=0")
        expect(tab.locator("#panel .usage figure")).to_have_count(2)
        assert violations(tab) == []
        with tab.expect_download() as started:
            tab.locator("#panel .usage .csv").click()
        assert Path(started.value.path()).read_text() == HEAD + ROWS
        with tab.expect_download() as started:
            tab.locator("#staircase .csv").click()
        assert started.value.suggested_filename == "t-staircase.csv"
        tab.goto("about:blank")  # a live page asks again once the server is gone
