"""Makes docs/report.html and the pictures of the dashboard again: a night in small, really trained on this CPU.

    python docs/night.py                         # init, a night, report, pictures: about a quarter of an hour on two quiet cores
    python docs/night.py --repository FOLDER     # report and pictures of the run `night` that is there already

The method is `hybrid`: an optimiser, a model that advises on constants, and one that edits the code. In the model's place stands
docs/night.jsonl, whose answers were written beforehand: what is measured of them is real, the wit is not. The run of the report
had one core, which other jobs shared, and was stopped after ten verdicts. Needs chromium and the dev extra.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

DOCS = Path(__file__).resolve().parent
AUTORESEARCH = str(Path(sys.executable).parent / "autoresearch")
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
WIDTH, HEIGHT, TALL = 1200, 780, 1160
COLOURS = 256  # of a PNG: enough for a page, and a third of the bytes
TAG = "night"


def make_night(folder: Path) -> Path:
    """A repository in `folder` with a finished run."""
    home = folder / "research"
    subprocess.run([AUTORESEARCH, "init", str(home)], check=True)
    shutil.copy(DOCS / "night.jsonl", folder)
    words = f"start --method hybrid --model scripted:../night.jsonl --trials 14 --budget 60steps --tag {TAG}".split()
    subprocess.run([AUTORESEARCH, *words], cwd=home, check=True)
    return home


@contextmanager
def dashboard(home: Path) -> Iterator[str]:
    """The address of the run's page on a dashboard over `home`."""
    command = [AUTORESEARCH, "dashboard", "--port", "0"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"{process.stdout.readline().strip()}run/{TAG}"
    finally:
        process.terminate()
        process.wait()


def photograph(browser: Browser, address: str, scheme: str, trial: int) -> None:
    """The pictures in one colour scheme."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.set_viewport_size({"width": WIDTH, "height": TALL})
    save(page.screenshot(), f"dashboard-{scheme}")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    save(page.locator("#constants .parallel").screenshot(), f"constants-{scheme}")
    save(page.locator("#tree").screenshot(), f"tree-{scheme}")
    page.goto(f"{address}#trial={trial}")
    page.locator("#panel h2").wait_for()
    save(page.screenshot(), f"trial-{scheme}")
    context.close()


def save(png: bytes, name: str) -> None:
    """A picture as a PNG of few colours."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(DOCS / f"{name}.png", optimize=True)


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repository", type=Path)
    parser.add_argument("--trial", type=int, default=1, help="the trial to photograph")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = asked.repository or make_night(Path(folder))
        subprocess.run(
            [AUTORESEARCH, "report", TAG, "--output", str(DOCS / "report.html")],
            cwd=home,
            check=True,
        )
        with dashboard(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for scheme in ("light", "dark"):
                photograph(browser, address, scheme, asked.trial)
            browser.close()


if __name__ == "__main__":
    main()
