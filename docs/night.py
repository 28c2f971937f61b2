"""Makes docs/report.html and every picture in docs/: a short night, really trained here.

    python docs/night.py                       # a night, its report, the pictures
    python docs/night.py --repository FOLDER   # the same of the run `night` there; it is made
                                               # and left there if FOLDER does not exist

The method is `hybrid`: an optimizer, a model that advises on constants, and a model that edits the
code. The model is scripted: its replies are in docs/night.jsonl, written beforehand, and given in
their order whatever is asked; what is measured of them is real. The bundled train.py is made
smaller, one layer of 32, so that a busy machine needs a quarter of an hour, and everything runs on
one core. Needs chromium, tmux, Linux and the dev extra. Look at each picture before you commit it.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture import picture_of
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

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
TRIALS = 7
# In steps, so that a busy machine changes no score.
BUDGET = "60steps"
SMALL = {"DEPTH = 2 ": "DEPTH = 1 ", "ASPECT_RATIO = 64 ": "ASPECT_RATIO = 32 "}
NOBODY = ("-c", "user.name=autoresearch", "-c", "user.email=autoresearch@localhost")
# What the terminal shows once a training has printed losses beside the incumbent's.
TRAINING = "incumbent #"


def make_night(home: Path) -> None:
    """Make a repository at `home` with a finished run."""
    subprocess.run([AUTORESEARCH, "init", str(home)], check=True)
    train = home / "workspace" / "train.py"
    source = train.read_text(encoding="utf-8")
    for usual, small in SMALL.items():
        assert usual in source, f"train.py has no {usual!r}"
        source = source.replace(usual, small)
    train.write_text(source, encoding="utf-8")
    commit = ["git", *NOBODY, "commit", "-q", "-a", "-m", "Start with a small model"]
    subprocess.run(commit, cwd=home, check=True)
    shutil.copy(DOCS / "night.jsonl", home.parent)
    method = ["start", "--method", "hybrid", "--model", "scripted:../night.jsonl"]
    options = f"--trials {TRIALS} --budget {BUDGET} --tag {TAG}".split()
    subprocess.run([AUTORESEARCH, *method, *options], cwd=home, check=True)


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
    for section in ("curves", "slots"):
        save(page.locator(f"#{section}").screenshot(), f"{section}-{scheme}")
    in_panel(page, f"{address}#trial={trial}", f"trial-{scheme}")
    in_panel(page, f"{address}#pair=0,{trial}", f"pair-{scheme}")
    context.close()


def in_panel(page: Page, address: str, name: str) -> None:
    """Save a picture of the page with what its panel shows."""
    page.goto("about:blank")
    page.goto(address)
    page.locator("#panel h2").first.wait_for()
    save(page.screenshot(), name)


def save(png: bytes, name: str) -> None:
    """Save a picture as a PNG of few colours."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    image.save(DOCS / f"{name}.png", optimize=True)


def look_at_terminal(home: Path) -> None:
    """Save the live view of a copy of the run that goes on for one more trial."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "research"
        subprocess.run(["git", "clone", "-q", "-b", f"autoresearch/{TAG}", home, copy], check=True)
        subprocess.run(["git", "checkout", "-q", "--detach"], cwd=copy, check=True)
        shutil.copy(DOCS / "night.jsonl", folder)
        command = [AUTORESEARCH, "resume", TAG, "--trials", "1"]
        title = f"autoresearch resume {TAG} (scripted model)"
        svg = picture_of(command, title, until=TRAINING, folder=copy)
    (DOCS / "live.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repository", type=Path)
    parser.add_argument("--trial", type=int, default=1, help="the trial to photograph")
    parser.add_argument("--no-terminal", action="store_true", help="leave docs/live.svg as it is")
    arguments = parser.parse_args()
    # Threads of several cores wait for each other where other programs are busy.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.repository or Path(folder) / "research"
        if not home.exists():
            make_night(home)
        report = [AUTORESEARCH, "report", TAG, "--output", str(DOCS / "report.html")]
        subprocess.run(report, cwd=home, check=True)
        with dashboard(home) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for scheme in ("light", "dark"):
                photograph(browser, address, scheme, arguments.trial)
            browser.close()
        if not arguments.no_terminal:
            look_at_terminal(home)


if __name__ == "__main__":
    main()
