"""Three people from nothing: a student, somebody without the clone, an engineer who extends it.

What they type is read from the README, the Makefile and the documentation, so that these stay true.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.autoresearch.installed import (
    OFFLINE,
    ROOT,
    an_index_answers,
    build_wheel,
    lend_packages,
    offline,
    pip,
    type_in,
    variables_of,
)
from tests.e2e.researcher import clean_environment, fsck, git, miniature, wait_for
from tests.e2e.shell import terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

NIGHT = 1500  # seconds that a night of four short trials may take on a busy machine


def commands_of(page: str, heading: str) -> list[str]:
    """Return the commands of the first shell block below a heading, without their comments."""
    section = (ROOT / page).read_text(encoding="utf-8").split(f"{heading}\n", 1)[1]
    [block] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:1]
    return [line.split("  #")[0].strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def lent(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the dependencies installed here."""
    return offline(wheel, tmp_path_factory.mktemp("lent"))


@pytest.fixture(scope="module")
def loaded(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, all else from a package index."""
    folder = tmp_path_factory.mktemp("loaded")
    if not an_index_answers(folder):
        pytest.skip("no package index answers here")
    subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
    python = str(folder / "environment" / "bin" / "python")
    constraints = str(ROOT / "constraints.txt")
    pip("--python", python, "install", f"{wheel}[workspace]", "-c", constraints, timeout=1800)
    return folder / "environment" / "bin"


# ---------------------------------------------------------------- a student with a laptop


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository as `git clone` gives it."""
    git(tmp_path, "clone", "-q", str(ROOT), "clone")
    return tmp_path / "clone"


@pytest.fixture
def laptop(tmp_path: Path) -> dict[str, str]:
    """The variables of a student's shell; what pip needs to reach an index is among them."""
    home = tmp_path / "home"
    home.mkdir()
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    variables["PATH"] = os.pathsep.join([f"{sys.base_prefix}/bin", os.environ["PATH"]])
    variables["HOME"] = str(home)
    variables["AUTORESEARCH_CACHE"] = str(home / "cache")
    return clean_environment(**variables)


def test_a_student_follows_the_readme_and_closes_the_terminal(
    clone: Path, laptop: dict[str, str], tmp_path: Path
) -> None:
    if not an_index_answers(tmp_path):
        pytest.skip("no package index answers here")
    make_environment, install = commands_of("README.md", "## Install")
    init, start, log = commands_of("README.md", "## Try it")
    research = clone.parent / "my-research"
    socket = tmp_path / "tmux"
    with terminal(socket, clone, laptop) as shell:
        shell.enter(make_environment)
        lend_packages(clone / ".venv")  # so that pip finds all but the project
        shell.enter(install, 600)
        made = subprocess.run(
            ["make", "-n", "start"], cwd=clone, capture_output=True, text=True, check=True
        )
        assert made.stdout.splitlines()[-1] == f".venv/bin/{start}", "`make start` does the same"
        shell.enter(init)
        shell.begin(start)
        wait_for(lambda: len(verdicts(research)) >= 1, NIGHT, "a baseline")
        wait_for(lambda: "baseline" in shell.screen(), 60, "the baseline on the screen")
        shell.close()
    with terminal(socket, research, laptop) as shell:
        shell.enter(". ../clone/.venv/bin/activate")
        before = len(verdicts(research))
        assert "autoresearch/" in shell.enter("autoresearch status")
        wait_for(lambda: len(verdicts(research)) >= 5, NIGHT, "four trials without a terminal")
        assert before < 5, "they ended after the terminal did"
        wait_for(lambda: not in_training(research), NIGHT, "the run to end")
        assert "baseline" in shell.enter(log)
        assert "#1" in shell.enter("autoresearch show 1 | cat")
        shell.enter("autoresearch resume --trials 1", NIGHT)
    assert len(verdicts(research)) >= 6
    assert git(research, "status", "--porcelain") == ""
    fsck(research)


def verdicts(folder: Path) -> list[str]:
    """Return the subjects of the verdicts of the only run, the newest first."""
    if not (folder / ".git").exists():
        return []
    branches = "--format=%(refname:short)", "refs/heads/autoresearch"
    names = git(folder, "for-each-ref", *branches).split()
    if not names:
        return []
    subjects = git(folder, "log", "--first-parent", "--format=%s", names[0]).splitlines()
    return [subject for subject in subjects if re.match(r"#\d+ ", subject)]


def in_training(folder: Path) -> bool:
    """Whether an attempt is in flight."""
    return bool(git(folder, "for-each-ref", "refs/autoresearch"))


# ---------------------------------------------------------------- a tool, without the clone


@pytest.fixture(params=["lent", "loaded"])
def environment(request: pytest.FixtureRequest) -> Path:
    """An environment outside the clone, its packages lent by this one or from an index."""
    programs: Path = request.getfixturevalue(request.param)
    return programs


@pytest.fixture
def research(environment: Path, tmp_path: Path) -> Path:
    """What `init` makes, after a night of one trial."""
    type_in(environment, tmp_path, "autoresearch", "init", "research")
    folder = tmp_path / "research"
    # A budget in steps: in five seconds a busy machine may not make a single one.
    flags = ("--model", "none", "--trials", "1", "--budget", "3steps", "--baseline-repeats", "1")
    type_in(environment, folder, "autoresearch", "start", *flags, "--tag", "night")
    return folder


@contextmanager
def dashboard(programs: Path, folder: Path) -> Iterator[str]:
    """Yield the address of a dashboard, which ends as Ctrl-C ends it."""
    process = subprocess.Popen(
        [programs / "autoresearch", "dashboard", "--port", "0"],
        cwd=folder,
        env={**variables_of(programs, folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_ctrl_c,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def _heed_ctrl_c() -> None:
    """Heed Ctrl-C also where the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_somebody_without_the_clone(environment: Path, research: Path, tab: Page) -> None:
    assert "baseline" in type_in(environment, research, "autoresearch", "log")
    type_in(environment, research, "autoresearch", "report", "--output", "report.html")
    assert (research / "report.html").stat().st_size > 10_000
    assert type_in(environment, research, "python", "-m", "autoresearch", "status")
    with dashboard(environment, research) as address:
        tab.goto(address)
        tab.get_by_role("link", name="night").click()
        expect(tab.locator("#trials tbody tr")).to_have_count(2)
        expect(tab.locator("#trials")).to_contain_text("baseline")
        tab.screenshot(path=research / "dashboard.png", full_page=True)
        tab.goto("about:blank")
    csv = type_in(environment, research, "autoresearch", "export", "--format", "csv")
    lines = csv.splitlines()
    assert len(lines) >= 3 and "val_bpb" in lines[0]
    trials = json.loads(type_in(environment, research, "autoresearch", "log", "--json"))
    assert len(trials) == len(lines) - 1


# ---------------------------------------------------------------- an engineer who extends it


def test_an_engineer_extends_it(lent: Path, tmp_path: Path) -> None:
    home = miniature(tmp_path / "project")
    install, listing, start = commands_of("examples/plugin/README.md", "# A plug-in")
    assert install == "pip install examples/plugin"
    pip("--python", str(lent / "python"), "install", *OFFLINE, str(ROOT / "examples" / "plugin"))
    assert type_in(lent, home, *listing.split()).splitlines()[-1].startswith("nearby ")
    few = ("--model", "none", "--trials", "1", "--budget", "5s", "--baseline-repeats", "1")
    type_in(lent, home, *start.split(), *few, "--tag", "plugin")
    assert (home / "verdicts.txt").read_text().startswith("autoresearch/plugin: nearby\n")


def test_an_engineer_names_a_function(lent: Path, tmp_path: Path) -> None:
    home = miniature(tmp_path / "project")
    page = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    [code] = re.findall(
        r"```python\n(.*?)```", page.split("## Add a method\n")[1].split("\n## ")[0], re.DOTALL
    )
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "halving.py").write_text(code)
    few = ("--model", "none", "--trials", "1", "--budget", "5s", "--baseline-repeats", "1")
    run = subprocess.run(
        [lent / "autoresearch", "start", *few, "--method", "halving:suggest", "--tag", "own"],
        cwd=home,
        env={**variables_of(lent, home), "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    trials = json.loads(type_in(lent, home, "autoresearch", "log", "--json"))
    assert trials[1]["proposal"]["by"]["method"] == "halving:suggest"


def test_an_engineer_runs_the_lines_of_the_library(lent: Path, tmp_path: Path) -> None:
    home = miniature(tmp_path / "project")
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    lines = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    assert len([line for line in lines.splitlines() if line.strip()]) <= 10
    (tmp_path / "night.py").write_text(lines)
    first, *_, best = type_in(lent, home, "python", str(tmp_path / "night.py")).splitlines()
    assert first == "0 baseline"
    assert float(best.split()[1]) <= 1.34
