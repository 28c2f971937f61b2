"""Measures a page of 1,000 trials in a browser: `python -m benchmarks.pages [--trials 1000]`.

A synthetic night (tests/agent/dashboard/nights.py) as a report: seconds to write it, to the first
paint and to the end of loading, to sort and to filter the table, and the megabytes of script memory
before and after opening 100 trials. Then a real repository with a short run behind the dashboard:
seconds from a verdict's commit to its row on the screen, the worst of 10. Needs chromium and the
dev extra.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from agent.dashboard.render import report
from agent.history.history import History
from tests.agent.dashboard.conftest import CHROMIUM, FLAGS
from tests.agent.dashboard.nights import diffs_of, night
from tests.agent.dashboard.test_dashboard import dashboard, settle
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import miniature

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
TIMED = """(act) => {
  const from = performance.now();
  act();
  document.body.offsetHeight;
  return performance.now() - from;
}"""
VERDICTS = 10


def megabytes(session: CDPSession) -> float:
    """Return the script memory of the page after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 2**20


def look(browser: Browser, trials: int, folder: Path) -> None:
    """Print what the report of so many trials costs."""
    view = night(trials)
    file = folder / "report.html"
    began = time.monotonic()
    file.write_text(report(view, diffs_of(view)))
    seconds = time.monotonic() - began
    print(f"{trials} trials: written in {seconds:.1f} s, {file.stat().st_size / 2**20:.1f} MB")
    page = browser.new_page()
    page.goto(f"file://{file}")
    paint = page.evaluate(PAINT) / 1000
    loaded = page.evaluate(LOADED) / 1000
    print(f"first paint {paint:.2f} s, loaded {loaded:.2f} s")
    sorting = milliseconds(page, "[data-sort=value]")
    filtering = milliseconds(page, "input[value=discard]")
    print(f"sorting {sorting:.0f} ms, filtering {filtering:.0f} ms")
    session = page.context.new_cdp_session(page)
    before = megabytes(session)
    for number in range(100):
        page.evaluate(f"location.hash = 'trial={number}'")
        page.locator("#panel h2", has_text=f"#{number} ").wait_for()
    page.keyboard.press("Escape")
    after = megabytes(session)
    print(f"script memory {before:.1f} MB, after opening 100 trials {after:.1f} MB")


def milliseconds(page: Page, selector: str) -> float:
    """Return the time that a click takes until the page has its new layout."""
    return float(page.evaluate(f"({TIMED})(() => document.querySelector('{selector}').click())"))


def follow(page: Page, folder: Path) -> None:
    """Print how long a verdict takes from its commit to the screen."""
    project = project_of(miniature(folder))
    with History.create(project, settings_of(project)) as history, dashboard(folder) as address:
        settle(history, "baseline", 1.5)
        page.goto(f"{address}run/t")
        waits = []
        for number in range(1, VERDICTS + 1):
            settle(history, "keep", 1.5 - number / 100)
            committed = time.monotonic()
            page.locator(f'#trials tr[data-number="{number}"]').wait_for(timeout=30_000)
            waits.append(time.monotonic() - committed)
        worst = f"{max(waits):.2f} s after its commit, the worst of {VERDICTS}"
        print(f"a verdict is on the screen {worst}")
        page.goto("about:blank")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    arguments = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("there is no chromium here: apt-get install chromium")
    folder = Path(tempfile.mkdtemp())
    try:
        with (
            sync_playwright() as playwright,
            playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS)) as browser,
        ):
            look(browser, arguments.trials, folder)
            follow(browser.new_page(), folder / "live")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
