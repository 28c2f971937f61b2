"""Curves, pairs and long names in a real browser: what is drawn, what fits, what keys reach."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from agent.dashboard.render import report
from tests.agent.dashboard.nights import diffs_of, hostile, night, wordy
from tests.agent.dashboard.test_browser import look_at, violations

# Texts of one chart that lie on each other, or outside of it.
COLLISIONS = """() => [...document.querySelectorAll("main svg, #panel svg")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")];
  const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
  const shown = boxes.filter(([, box]) => box.width > 0), frame = svg.getBoundingClientRect();
  const touching = ([, a], [, b]) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const outside = ([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1;
  return shown.flatMap((one, i) => [
    ...shown.slice(i + 1).filter((other) => touching(one, other)).map((other) => one[0] + other[0]),
    ...(outside(one) ? [one[0]] : []),
  ]);
})"""
# Cells whose text is wider than they are.
CELLS = "#trials :is(td, th), .gains .num, .facts dd, .card, .chosen li, .versus td, .shares th"
CLIPPED = f"""() => [...document.querySelectorAll("{CELLS}")]
  .filter((cell) => cell.offsetWidth && cell.scrollWidth > cell.clientWidth + 1)
  .map((cell) => cell.textContent.trim())"""


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the report on a night with long names."""
    view = wordy(80)
    file = tmp_path_factory.mktemp("long") / "report.html"
    file.write_text(report(view, diffs_of(view)))
    return f"file://{file}"


@pytest.mark.parametrize(
    ("width", "scheme"), [(400, "dark"), (760, "light"), (1024, "dark"), (1600, "light")]
)
def test_long_names_collide_nowhere_and_clip_nothing(
    tab: Page, long_names: str, width: int, scheme: str
) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    tab.set_viewport_size({"width": width, "height": 900})
    for state in ("#lines=0,2,3,4,6,9,30&smooth=0.5", "#pair=3,8", "#trial=8"):
        tab.goto(long_names + state)
        if not state.startswith("#lines"):
            expect(tab.locator("#panel")).to_be_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(COLLISIONS) == []
        assert tab.evaluate(CLIPPED) == []


def lines_of(tab: Page) -> Locator:
    """Return the lines of the chart of curves."""
    return tab.locator("#drawn .curve")


def test_any_curves_lie_over_another_and_a_link_shows_the_same(tab: Page, tmp_path: Path) -> None:
    view = night(30)
    look_at(tab, tmp_path, view)
    expect(lines_of(tab)).to_have_count(4)  # the baseline and the newest that were kept
    for number in (5, 7):
        tab.get_by_label(f"training curve of trial {number}", exact=True).check()
    expect(lines_of(tab)).to_have_count(6)
    tab.get_by_role("textbox", name="Trials").fill("3, 5, 99999, 5 and 0")
    expect(lines_of(tab)).to_have_count(3)
    expect(tab.get_by_label("training curve of trial 7", exact=True)).not_to_be_checked()
    tab.locator(".staircase [data-trial='8']").dispatch_event("click", {"shiftKey": True})
    expect(lines_of(tab)).to_have_count(4)
    expect(tab.locator("#panel")).to_be_hidden()
    tab.get_by_role("button", name="Take the curve of trial 5 away").click()
    expect(tab.locator("#drawn li a")).to_have_text(["#3", "#0", "#8"])
    tab.reload()
    expect(tab.locator("#drawn li a")).to_have_text(["#3", "#0", "#8"])
    tab.get_by_role("button", name="Kept").click()
    kept = sum(trial.status in ("baseline", "keep") for trial in view.trials)
    expect(lines_of(tab)).to_have_count(min(kept, 12))


def test_smoothing_flattens_and_logarithms_stretch(tab: Page, long_names: str) -> None:
    tab.goto(f"{long_names}#lines=3")
    line = "document.querySelector('#drawn .line:not(.raw)').getAttribute('d')"
    bends = f"""(() => {{
      const heights = {line}.slice(1).split("L").map((point) => +point.split(" ")[1]);
      const steps = heights.slice(1).map((height, i) => height - heights[i]);
      return steps.slice(1).reduce((sum, step, i) => sum + Math.abs(step - steps[i]), 0);
    }})()"""
    rough = tab.evaluate(bends)
    tab.locator("#smooth").focus()
    for _ in range(14):
        tab.keyboard.press("ArrowRight")
    expect(tab.locator("#smoothness")).to_have_text("0.70")
    assert tab.evaluate(bends) < rough / 2
    assert "smooth=0.7" in tab.url
    expect(tab.locator("#drawn .raw")).to_have_count(1)
    before = tab.evaluate(line)
    tab.get_by_label("log x").check()
    expect(tab.locator("#drawn")).to_contain_text("share of the training, log")
    assert tab.evaluate(line) != before
    tab.get_by_label("log y").check()
    expect(tab.locator("#drawn")).to_contain_text("training loss, log")
    tab.reload()
    expect(tab.get_by_label("log y")).to_be_checked()
    expect(tab.locator("#drawn")).to_contain_text("training loss, log")


def test_two_trials_stand_side_by_side(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30), "#lines=3,8")
    tab.get_by_role("button", name="Two side by side").click()
    panel = tab.locator("#panel")
    expect(panel.locator("h2:not(.hidden)")).to_contain_text(["#3", "#8"])
    expect(panel.locator(".claim")).to_have_text(
        ["squared ReLU in the feed-forward", "gradient clipping at 1.0"]
    )
    expect(panel.locator(".overlay .curve")).to_have_count(2)
    expect(panel.locator(".changed h3")).to_have_text(["Diff of #3", "Diff of #8"])
    left, right = (panel.locator(f".{side} .changed").bounding_box() for side in ("left", "right"))
    assert left and right
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    steps = panel.locator(".versus tr", has_text="num_steps")
    expect(steps.locator("td")).to_have_text(["num_steps 903", "num_steps 908"])
    changed = panel.locator(".versus tr", has_text="EMBEDDING_LR")
    expect(changed.locator("td")).to_have_text(["0.6259", "0.8073"])
    expect(panel.locator("caption").last).to_have_text("Constants that differ; equal: 1")
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(tab.get_by_role("button", name="Two side by side")).to_be_focused()


def test_keys_alone_draw_a_curve_and_open_a_pair(tab: Page, tmp_path: Path) -> None:
    look_at(tab, tmp_path, night(30))
    for key in ("j", "j", "c"):
        tab.keyboard.press(key)
        tab.locator("#panel h2").wait_for()
    expect(tab.locator("#panel input[name=curve]")).to_be_checked()
    expect(tab.locator("#drawn [data-trial='1']").first).to_be_attached()
    other = tab.get_by_label("Beside trial")
    other.focus()
    other.fill("4")
    tab.keyboard.press("Enter")
    expect(tab.locator("#panel h2:not(.hidden)")).to_contain_text(["#4", "#1"])
    assert "pair=4%2C1" in tab.url or "pair=4,1" in tab.url


def test_a_bar_of_a_slot_opens_its_trial_and_the_table_says_the_same(
    tab: Page, long_names: str
) -> None:
    tab.goto(long_names)
    bars = tab.locator(".slots .slot")
    tab.get_by_text("The same as a table").click()
    rows = tab.locator("#slots tbody tr")
    assert bars.count() == rows.count() > 70
    tab.locator(".slots [data-trial='9']").dispatch_event("click")
    expect(tab.locator("#panel h2")).to_contain_text("#9")
    expect(tab.locator("#slots")).to_contain_text("idle")


def test_hostile_names_are_text_in_curves_and_pairs(tab: Page, tmp_path: Path) -> None:
    view = hostile()
    look_at(tab, tmp_path, view, "#lines=0,1,2,3,4,5,6,7,8,9")
    expect(lines_of(tab)).not_to_have_count(0)
    for number in range(1, len(view.trials) - 1):
        tab.evaluate(f"location.hash = 'pair={number},{number + 1}'")
        expect(tab.locator("#panel h2:not(.hidden)").last).to_contain_text(f"#{number + 1}")
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("img, iframe, #content script, [onerror], [onmouseover]").count() == 0
