"""The report in a real browser: keyboard, mouse, print, narrow screens, attacks, accessibility."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from agent.dashboard.render import report
from agent.dashboard.view import View
from tests.agent.dashboard.nights import busy, diffs_of, guarded, hostile, night, wordy

WIDE = 1280
PHONE = 360


def look_at(tab: Page, folder: Path, view: View, where: str = "") -> None:
    """Open the report on `view`."""
    file = folder / "report.html"
    if not file.exists():
        file.write_text(report(view, diffs_of(view)))
    tab.goto(f"file://{file}{where}")


def violations(tab: Page) -> list[str]:
    """Return the violations that axe-core reports."""
    violations = Axe().run(tab).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in violations]


def numbers(tab: Page) -> list[int]:
    """Return the trials that the table shows, from top to bottom."""
    rows = tab.locator("#trials tbody tr:not([hidden])")
    return list(map(int, rows.evaluate_all("rows => rows.map((row) => row.dataset.number)")))


def by_value(view: View) -> list[int]:
    """Return the trials with a score, the best first."""
    scores = {trial.number: trial.value for trial in view.trials if trial.value is not None}
    return sorted(scores, key=scores.__getitem__)


@pytest.mark.parametrize(
    ("length", "width", "scheme"),
    [(0, WIDE, "light"), (1, PHONE, "dark"), (12, WIDE, "dark"), (12, PHONE, "light")],
)
def test_a_report_is_accessible_and_fits(
    tab: Page, tmp_path: Path, length: int, width: int, scheme: str
) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    tab.set_viewport_size({"width": width, "height": 800})
    look_at(tab, tmp_path, night(length), "#trial=4" if length > 4 else "")
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    if length > 4:
        expect(tab.locator("#panel h2")).to_contain_text("#4")


def test_hostile_text_does_nothing(tab: Page, tmp_path: Path) -> None:
    view = hostile()
    look_at(tab, tmp_path, view)
    for trial in view.trials:
        tab.locator(f'#trials [data-trial="{trial.number}"]').click()
        expect(tab.locator("#content h2")).to_contain_text(f"#{trial.number}")
        tab.locator("#content *").last.dispatch_event("mouseover")
    assert tab.evaluate("window.pwned") is None
    active = "img, iframe, #content script, [onerror], [onmouseover], a[href^=javascript]"
    assert tab.locator(active).count() == 0
    assert violations(tab) == []


def test_a_trial_is_opened_closed_and_named_by_the_url(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30))
    tab.locator("#trials tbody tr").nth(3).locator("td").nth(1).click()
    expect(tab.locator("#panel")).to_be_visible()
    assert tab.url.endswith("#trial=3")
    expect(tab.locator("#panel .diff .add").first).to_be_visible()
    tab.locator(".staircase [data-trial='5']").dispatch_event("click")
    expect(tab.locator("#panel h2")).to_contain_text("#5")
    tab.go_back()
    expect(tab.locator("#panel h2")).to_contain_text("#3")
    tab.locator("#close").click()
    expect(tab.locator("#panel")).to_be_hidden()
    assert "#" not in tab.url


def test_the_keyboard_is_enough(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30))
    for key, title in (("j", "#0"), ("j", "#1"), ("j", "#2"), ("k", "#1")):
        tab.keyboard.press(key)
        expect(tab.locator("#panel h2")).to_contain_text(title)
    tab.keyboard.press("Escape")
    expect(tab.locator("#panel")).to_be_hidden()
    tab.keyboard.press("/")
    tab.keyboard.type("gradient clipping")
    expect(tab.locator("#shown")).to_have_text("3 of 30 trials")
    tab.keyboard.press("Escape")
    tab.keyboard.press("j")
    expect(tab.locator("#panel h2")).to_contain_text("#8")
    tab.keyboard.press("j")
    expect(tab.locator("#panel h2")).to_contain_text("#18")


def test_the_table_sorts_with_missing_values_last(tab: Page, tmp_path: Path) -> None:
    view = night(60)
    look_at(tab, tmp_path, view)
    rising = by_value(view)
    without = {trial.number for trial in view.trials if trial.value is None}
    assert without
    for arrow, expected in (("ascending", rising), ("descending", rising[::-1])):
        tab.get_by_role("button", name="val_bpb").click()
        expect(tab.locator("th.c-value")).to_have_attribute("aria-sort", arrow)
        assert numbers(tab)[: len(expected)] == expected
        assert set(numbers(tab)[len(expected) :]) == without
    assert "sort=-value" in tab.url


def test_the_table_filters_and_a_link_shows_the_same(tab: Page, tmp_path: Path) -> None:
    view = night(60)
    look_at(tab, tmp_path, view)
    tab.get_by_label("discard").uncheck()
    kept = [trial.number for trial in view.trials if trial.status != "discard"]
    assert numbers(tab) == kept
    look_at(tab, tmp_path, view, "#status=keep&q=norm&sort=-delta&trial=2")
    tab.reload()
    expect(tab.get_by_label("discard")).not_to_be_checked()
    expect(tab.get_by_role("searchbox")).to_have_value("norm")
    shown = {
        trial.number
        for trial in view.trials
        if trial.status == "keep" and "norm" in trial.proposal.hypothesis.lower()
    }
    assert set(numbers(tab)) == shown
    expect(tab.locator("#panel h2")).to_contain_text("#2")


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_constants_tree_and_proposers_are_accessible_and_fit(
    tab: Page, tmp_path: Path, width: int, scheme: str
) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    tab.set_viewport_size({"width": width, "height": 800})
    look_at(tab, tmp_path, busy(), "#colour=verdict")
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for section in ("#constants .parallel", "#tree .tree", "#proposers table"):
        expect(tab.locator(section)).to_be_visible()


def test_a_line_and_a_dot_of_the_tree_open_their_trial(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, busy())
    for number, place in ((7, ".parallel"), (9, ".tree")):
        tab.locator(f"{place} [data-trial='{number}']").dispatch_event("click")
        expect(tab.locator("#panel h2")).to_contain_text(f"#{number}")
        expect(tab.locator(f".thread.open[data-trial='{number}']")).to_have_count(1)
    tab.keyboard.press("Escape")
    expect(tab.locator(".thread.open")).to_have_count(0)


def test_lines_are_coloured_by_score_or_by_verdict_and_a_link_shows_the_same(
    tab: Page, tmp_path: Path
) -> None:
    look_at(tab, tmp_path, busy())
    ink = "document.querySelector('.thread.kept polyline:not(.hit)')"
    colour = f"getComputedStyle({ink}).stroke"
    by_score = tab.evaluate(colour)
    tab.get_by_label("verdict").check()
    assert tab.evaluate(colour) != by_score
    assert "colour=verdict" in tab.url
    tab.reload()
    expect(tab.get_by_label("verdict")).to_be_checked()
    tab.get_by_label("score", exact=True).check()
    assert tab.evaluate(colour) == by_score
    assert "colour=" not in tab.url


def test_trials_filtered_out_of_the_table_are_dimmed_in_every_chart(
    tab: Page, tmp_path: Path
) -> None:
    view = busy()
    look_at(tab, tmp_path, view)
    dimmed = "Trials filtered out of the table are dimmed in every chart."
    expect(tab.locator("#all")).to_contain_text(dimmed)
    tab.get_by_label("discard").uncheck()
    discarded = sum(trial.status == "discard" for trial in view.trials)
    for chart in (".staircase", ".parallel", ".tree"):
        expect(tab.locator(f"{chart} .faded")).to_have_count(discarded)
    tab.get_by_label("discard").check()
    expect(tab.locator(".faded")).to_have_count(0)


def test_the_theme_can_be_switched(tab: Page, tmp_path: Path) -> None:
    tab.emulate_media(color_scheme="dark")
    look_at(tab, tmp_path, night(3))
    ink = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ink)
    tab.get_by_role("button", name="Switch").click()
    assert tab.evaluate(ink) == "rgb(255, 255, 255)" != dark


def test_a_printed_report_is_complete(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30), "#trial=2")
    expect(tab.locator("#panel h2")).to_contain_text("#2")
    tab.emulate_media(media="print")
    assert tab.locator("#panel").evaluate("panel => getComputedStyle(panel).position") == "static"
    for tools in tab.locator(".tools, .acts").all():
        assert not tools.is_visible()
    assert len(tab.pdf()) > 10_000


@pytest.mark.parametrize("width", [800, WIDE])
def test_further_metrics_take_no_room_from_the_other_columns(
    tab: Page, tmp_path: Path, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    view = guarded(wordy(16))
    look_at(tab, tmp_path, view)
    methods = tab.locator("#trials tbody .c-method")
    assert min(methods.evaluate_all("cells => cells.map((cell) => cell.clientWidth)")) >= 90
    lines = (
        "rows => rows.map((row) => row.clientHeight / parseFloat(getComputedStyle(row).lineHeight))"
    )
    assert max(tab.locator("#trials tbody tr").evaluate_all(lines)) < 12
    assert tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_a_thousand_trials_are_painted_before_they_are_all_there_and_stay_usable(
    tab: Page, tmp_path: Path
) -> None:
    # benchmarks/pages.py measures times; this tests that only the opened trial is in the document.
    view = night(1000)
    look_at(tab, tmp_path, view)
    elements = "document.getElementsByTagName('*').length"
    before = tab.evaluate(elements)
    assert before < 40_000
    for number in (10, 500, 999):
        tab.evaluate(f"location.hash = 'trial={number}'")
        expect(tab.locator("#panel h2")).to_contain_text(f"#{number}")
    tab.keyboard.press("Escape")
    assert tab.evaluate(elements) - before < 500
    tab.get_by_role("button", name="val_bpb").click()
    rising = by_value(view)
    row = tab.locator("#trials tbody tr").nth(900)
    expect(row).to_have_attribute("data-number", str(rising[900]))
    assert numbers(tab)[: len(rising)] == rising
    tab.get_by_role("searchbox").fill("tie no weights")
    expect(tab.locator("#shown")).to_have_text("100 of 1000 trials")
    assert tab.evaluate("document.querySelectorAll('#trials tbody tr').length") == 1000
