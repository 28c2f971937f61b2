"""Zoom, the map of two constants, and the data behind each figure, in a real browser."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from agent.dashboard.data import FIGURES, NAMES, csv_of, hrefs_of
from agent.dashboard.view import View
from agent.errors import HistoryFault
from tests.agent.dashboard.nights import busy, hostile, night, wordy
from tests.agent.dashboard.test_browser import look_at, violations


def rows_of(name: str, view: View) -> list[dict[str, str]]:
    """Return the data behind a figure, a record a row."""
    return list(csv.DictReader(io.StringIO(csv_of(name, view, ()))))


def drag(tab: Page, chart: Locator, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place of a chart to another, as shares of its width and height."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (begin, end)]
    tab.mouse.move(*points[0])
    tab.mouse.down()
    tab.mouse.move(*points[1], steps=4)
    tab.mouse.up()


def download(tab: Page, link: Locator) -> tuple[str, str]:
    """Return the name and the text of what a link downloads."""
    with tab.expect_download() as started:
        link.click()
    return started.value.suggested_filename, Path(started.value.path()).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------- data


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_its_data_with_a_heading_in_each_column(name: str) -> None:
    view = wordy() if name == "slots" else busy()
    rows = list(csv.reader(io.StringIO(csv_of(name, view, ()))))
    assert len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows)
    assert all(rows[0]) and len(set(rows[0])) == len(rows[0])


def test_the_data_says_what_the_charts_draw() -> None:
    view = busy()
    staircase = rows_of("staircase", view)
    assert [row["trial"] for row in staircase] == [str(trial.number) for trial in view.trials]
    for row, trial in zip(rows_of("constants", view), view.trials, strict=False):
        assert row["status"] == trial.status
    best = view.best
    assert best and float(staircase[-1]["incumbent"]) == best.value
    parents = {row["trial"]: row["proposed_on"] for row in rows_of("tree", view)}
    assert parents["0"] == ""


def test_data_of_a_stranger_is_no_formula_and_has_no_control_characters() -> None:
    for name in NAMES:
        text = csv_of(name, hostile(), ())
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        for row in csv.reader(io.StringIO(text)):
            assert not [cell for cell in row if cell[:1] in ("=", "@", "+")]


def test_there_is_no_other_figure() -> None:
    with pytest.raises(HistoryFault, match="no figure 'etc/passwd'"):
        csv_of("etc/passwd", night(3), ())


def test_a_live_page_links_to_the_data_and_a_report_holds_it() -> None:
    assert hrefs_of(night(3), (), embedded=False)["slots"] == "/run/nov24/data/slots.csv"
    assert hrefs_of(night(3), (), embedded=True)["slots"].startswith("data:text/csv;")


def test_the_data_of_a_report_is_downloaded(tab: Page, tmp_path: Path) -> None:
    view = busy()
    look_at(tab, tmp_path, view)
    name, text = download(tab, tab.locator("#constants .csv"))
    assert name == f"{view.run.tag}-constants.csv"
    assert text == csv_of("constants", view, ())


# ------------------------------------------------------------------------------- the map


def test_two_constants_and_a_metric_are_mapped_and_a_link_shows_the_same(
    tab: Page, tmp_path: Path
) -> None:
    view = busy()
    look_at(tab, tmp_path, view)
    tab.locator("#map").scroll_into_view_if_needed()
    expect(tab.locator("svg.map")).to_be_visible()
    scored = [row for row in rows_of("constants", view) if row["val_bpb"]]
    assert 0 < tab.locator("svg.map a.point").count() <= len(scored)
    assert tab.locator("svg.map path.cell").evaluate_all(
        "all => all.some((e) => e.getAttribute('d'))"
    )
    names = tab.locator("#across option").all_text_contents()
    other = next(
        name
        for name in names
        if name not in (tab.locator("#across").input_value(), tab.locator("#up").input_value())
    )
    tab.locator("#across").select_option(other)
    expect(tab.locator("svg.map")).to_have_attribute(
        "aria-label", f"val_bpb by {other} and {tab.locator('#up').input_value()}"
    )
    assert f"across={other}" in tab.url
    tab.reload()
    tab.locator("#map").scroll_into_view_if_needed()
    expect(tab.locator("#across")).to_have_value(other)
    assert violations(tab) == []
    tab.locator("svg.map a.point").first.dispatch_event("click")
    expect(tab.locator("#panel h2")).to_be_visible()


def test_the_map_of_a_stranger_does_nothing(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, hostile())
    tab.locator("#constants").scroll_into_view_if_needed()
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("main img, main iframe, #map script").count() == 0


# ------------------------------------------------------------------------------- zoom


def test_a_chart_is_zoomed_by_a_drag_and_a_link_shows_the_same(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(60))
    chart = tab.locator("svg.staircase")
    before = chart.locator(".axes text.x:not(.label)").all_text_contents()
    drag(tab, chart, (0.3, 0.1), (0.6, 0.7))
    expect(chart).to_have_class("staircase zoomed")
    expect(tab.locator("#panel")).to_be_hidden()
    after = chart.locator(".fresh text.x").all_text_contents()
    assert after and set(map(float, after)) != set(map(float, before))
    assert min(map(float, after)) > min(map(float, before))
    assert "zoom=staircase" in tab.url
    hidden = chart.locator("a.dot.outside").count()
    assert 0 < hidden < 60
    tab.reload()
    expect(chart.locator("a.dot.outside")).to_have_count(hidden)
    assert violations(tab) == []


def test_the_keyboard_zooms_moves_and_shows_all_again(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(60))
    chart = tab.locator("svg.staircase")
    chart.focus()
    tab.keyboard.press("+")
    tab.keyboard.press("+")
    expect(chart).to_have_class("staircase zoomed")
    shown = tab.url
    tab.keyboard.press("Shift+ArrowRight")
    assert tab.url != shown
    tab.keyboard.press("0")
    expect(chart).to_have_class("staircase")
    assert "#" not in tab.url
    assert chart.locator("[transform^=translate], [transform^=matrix], g.held").count() == 0


@pytest.mark.parametrize("figure", ["curves", "slice1", "map"])
def test_other_charts_zoom_too(tab: Page, tmp_path: Path, figure: str) -> None:
    look_at(tab, tmp_path, busy())
    tab.locator("#map").scroll_into_view_if_needed()
    chart = tab.locator(f"svg[data-figure={figure}]")
    chart.focus()
    tab.keyboard.press("+")
    expect(tab.locator(f"svg[data-figure={figure}].zoomed")).to_be_visible()
    assert tab.locator(f"svg[data-figure={figure}] .fresh text").count() > 0
    tab.keyboard.press("0")
    expect(tab.locator(f"svg[data-figure={figure}].zoomed")).to_have_count(0)


def test_slots_are_zoomed_in_time_and_show_numbers_that_have_room_now(
    tab: Page, tmp_path: Path
) -> None:
    look_at(tab, tmp_path, wordy())
    chart = tab.locator("svg.slots")
    numbers = chart.locator("text.inside:visible")
    before = numbers.count()
    lanes = chart.locator("text.y").all_text_contents()
    drag(tab, chart, (0.3, 0.4), (0.32, 0.6))
    expect(chart).to_have_class("slots zoomed")
    box = tab.url.partition("zoom=slots")[2]
    assert box.endswith((",0,1", "%2C0%2C1"))
    assert numbers.count() > before
    times = chart.locator(".fresh text.x").all_text_contents()
    assert 0 < len(times) <= 8 and all(re.fullmatch(r"\d\d:\d\d(:\d\d)?", time) for time in times)
    assert chart.locator("text.y").all_text_contents() == lanes
    shown = numbers.first.text_content()
    numbers.first.click(force=True)  # it lies on its bar and takes no click itself
    expect(tab.locator("#panel h2")).to_contain_text(shown or "#")


def test_a_click_still_opens_a_trial(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30))
    tab.locator(".staircase [data-trial='0'] circle").click()
    expect(tab.locator("#panel h2")).to_contain_text("#0")


def test_a_nonsense_zoom_in_a_link_shows_the_whole_chart(tab: Page, tmp_path: Path) -> None:
    for nonsense in (
        "staircase:1,0,0,1",
        "staircase:x,y",
        "nothing:0,1,0,0.5",
        ";;:",
        "staircase:0,9,0,1",
    ):
        look_at(tab, tmp_path, night(12), f"#zoom={nonsense}")
        tab.reload()
        expect(tab.locator("svg.staircase")).to_have_class("staircase")


def test_a_page_links_to_no_part_that_it_does_not_have(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(12))
    links = tab.locator("nav.jump a").evaluate_all("all => all.map((a) => a.hash.slice(1))")
    assert len(links) > 5
    assert not [name for name in links if tab.locator(f"section#{name}").count() != 1]
