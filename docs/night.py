"""Makes docs/report.html and the pictures of the dashboard: a short night, really trained here.

    python docs/night.py                       # init, a night, report, pictures
    python docs/night.py --repository FOLDER   # report and pictures of its run `night`

The first takes about a quarter of an hour on two quiet cores. The method is `hybrid`: an optimiser,
a model that advises on constants, and a model that edits the code. The model is scripted: its
answers in docs/night.jsonl were written beforehand, and what is measured of them is real. The run
of the report had one core, which other jobs shared, and was stopped after ten verdicts. Needs
chromium and the dev extra.
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
WIDTH = 1200
HEIGHT = 780
TALL = 1160
# Of a PNG: enough for a page, and a third of the bytes.
COLOURS = 256
TAG = "night"
TRIALS = 10
# In steps, so that a busy machine changes no score.
BUDGET = "80steps"


def make_night(folder: Path) -> Path:
    """Return a repository in `folder` with a finished run."""
    home = folder / "research"
    subprocess.run([AUTORESEARCH, "init", str(home)], check=True)
    shutil.copy(DOCS / "night.jsonl", folder)
    method = ["start", "--method", "hybrid", "--model", "scripted:../night.jsonl"]
    options = f"--trials {TRIALS} --budget {BUDGET} --tag {TAG}".split()
    subprocess.run([AUTORESEARCH, *method, *options], cwd=home, check=True)
    return home


@contextmanager
def dashboard(home: Path) -> Iterator[str]:
    """Yield the address of the run's page on a dashboard over `home`."""
    command = [AUTORESEARCH, "dashboard", "--port", "0"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"{process.stdout.readline().strip()}run/{TAG}"
    finally:
        process.terminate()
        process.wait()


def photograph(browser: Browser, address: str, scheme: str, trial: int) -> None:
    """Save the pictures in one colour scheme."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
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
    """Save a picture as a PNG of few colours."""
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
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.repository or make_night(Path(folder))
        report = [AUTORESEARCH, "report", TAG, "--output", str(DOCS / "report.html")]
        subprocess.run(report, cwd=home, check=True)
        with dashboard(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for scheme in ("light", "dark"):
                photograph(browser, address, scheme, arguments.trial)
            browser.close()


if __name__ == "__main__":
    main()
