"""docs/extend.md and examples/plugin: followed step by step, and nothing else chooses code."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from agent.propose import Observation, find_method
from agent.propose.methods import METHODS
from agent.space import read_space
from sandbox.canary.canary import prove
from tests.agent.plugins.packages import write_package
from tests.e2e.researcher import git, ledger, miniature, type_in

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
SPACE = read_space("LR = 0.01  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nKIND = 'a'  # [a, b]\n")
QUICK = ("--budget", "5s", "--baseline-repeats", "1", "--tag", "night")


def section(title: str) -> str:
    """Return the part of the page under a heading."""
    return PAGE.split(f"## Add a {title}\n")[1].split("\n## ")[0]


def code_of(title: str) -> str:
    """Return the Python of a section."""
    [code] = re.findall(r"```python\n(.*?)```", section(title), re.DOTALL)
    return str(code)


def installed(folder: Path, title: str, module: str) -> Path:
    """Install the package that a section shows: its module, and its entry points."""
    [text] = re.findall(r"```toml\n(.*?)```", section(title), re.DOTALL)
    groups = tomllib.loads(text)["project"]["entry-points"]
    return write_package(folder, module, groups, code_of(title))


def started(project: Path, packages: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run one trial in a repository, with a folder of installed packages."""
    words = ["start", "--trials", "1", *QUICK, *flags]
    return type_in(project, *words, PYTHONPATH=str(packages))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small repository."""
    return miniature(tmp_path / "project")


@pytest.mark.slow
def test_the_method_of_the_page_works_as_a_function_and_in_a_run(
    project: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "halving.py").write_text(code_of("method"))
    halving = ModuleType("halving")
    exec(code_of("method"), halving.__dict__)
    trials = [Observation(SPACE.default, 1.0)]
    for _ in range(3):
        configuration = halving.suggest(SPACE, trials, 0)
        assert configuration == SPACE.repair(configuration)
        assert configuration not in [trial.configuration for trial in trials]
        trials.append(Observation(configuration, 1.0))
    run = started(project, packages, "--model", "none", "--method", "halving:suggest")
    assert run.returncode == 0, run.stderr
    assert ledger(project)[1]["proposal"]["by"]["method"] == "halving:suggest"


def test_a_run_with_code_of_the_user_goes_on_only_where_it_is_typed_again(
    project: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "halving.py").write_text(code_of("method"))
    path = str(packages)
    assert started(project, packages, "--model", "none", "--method", "halving:suggest").stdout
    refused = type_in(project, "resume", "--trials", "1", PYTHONPATH=path)
    assert refused.returncode == 2
    assert "next:  autoresearch resume --method halving:suggest" in refused.stderr
    words = ["resume", "--trials", "1", "--method"]
    other = type_in(project, *words, "random", PYTHONPATH=path)
    assert other.returncode == 2 and "was started with --method halving:suggest" in other.stderr
    again = type_in(project, *words, "halving:suggest", PYTHONPATH=path)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_the_provider_of_the_page_answers_in_a_run(project: Path, tmp_path: Path) -> None:
    packages = installed(tmp_path / "packages", "provider", "echo")
    run = started(project, packages, "--model", "echo:loud", "--method", "llm-hps")
    assert run.returncode == 0, run.stderr
    trial = ledger(project)[1]
    assert trial["proposal"]["by"]["model"] == "echo:loud"
    assert trial["configuration"]["LR"] == 0.05
    models = type_in(project, "models", PYTHONPATH=str(packages)).stdout
    assert "echo:NAME" in models and "echo 1" in models


@pytest.mark.slow
def test_the_tracker_of_the_page_counts(project: Path, tmp_path: Path) -> None:
    packages = installed(tmp_path / "packages", "tracker", "counts")
    flags = ["--model", "none", "--method", "random", "--tracker", "counts"]
    run = started(project, packages, *flags)
    assert run.returncode == 0, run.stderr
    counts = project / ".autoresearch" / "runs" / "night" / "trackers" / "counts.txt"
    assert "baseline 1" in counts.read_text()


def test_the_tier_of_the_page_is_refused_by_the_canary() -> None:
    tier: dict[str, type] = {}
    exec(code_of("tier"), tier)
    assert prove(tier["Bare"](), imports=()).ok is False


def test_the_table_of_the_page_names_every_group() -> None:
    groups = set(re.findall(r"`autoresearch\.(\w+)`", PAGE))
    assert groups >= {"methods", "providers", "trackers", "engines"}


def test_the_example_installs_and_runs(project: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", str(packages)]
    built = subprocess.run(
        [*command, str(ROOT / "examples" / "plugin")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    listed = type_in(project, "methods", PYTHONPATH=str(packages)).stdout.splitlines()
    assert listed[-1].startswith("nearby ")
    assert listed[-1].endswith(
        "from autoresearch_example.nearby:suggest of autoresearch-example 1.0"
    )
    verdicts = tmp_path / "verdicts.txt"
    flags = ["--model", "none", "--method", "nearby", "--tracker", f"lines:{verdicts}"]
    run = started(project, packages, *flags)
    assert run.returncode == 0, run.stderr
    first, baseline, trial, last = verdicts.read_text().splitlines()
    assert first == "autoresearch/night: nearby" and last.startswith("ended: ")
    assert baseline.startswith("#0 baseline ") and trial.startswith("#1 ")


def test_the_method_of_the_example_keeps_the_contract() -> None:
    module = ModuleType("nearby")
    path = ROOT / "examples" / "plugin" / "src" / "autoresearch_example" / "nearby.py"
    exec(path.read_text(), module.__dict__)
    trials = [Observation(SPACE.default, 1.0)]
    for _ in range(20):
        configuration = module.suggest(SPACE, trials, 3)
        assert (
            configuration == module.suggest(SPACE, list(trials), 3) == SPACE.repair(configuration)
        )
        assert configuration not in [trial.configuration for trial in trials]
        trials.append(Observation(configuration, "oom" if configuration["DEPTH"] > 12 else 1.0))


# ------------------------------------------------- a repository's own code is never imported

ATTACK = "from pathlib import Path\nPath({mark!r}).write_text('imported')\ndef suggest(*_): ...\n"


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """A repository that holds a package with plug-ins, and the mark that importing it leaves."""
    folder = tmp_path / "hostile"
    mark = tmp_path / "mark"
    groups = {
        "autoresearch.methods": {"theirs": "theirs:suggest"},
        "autoresearch.providers": {"theirs": "theirs:suggest"},
        "autoresearch.trackers": {"theirs": "theirs:suggest"},
    }
    miniature(folder)
    write_package(folder, "theirs", groups, ATTACK.format(mark=str(mark)))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "a package of ours")
    return folder, mark


@pytest.mark.parametrize(
    "flags",
    [
        ("--model", "none", "--method", "theirs"),
        ("--model", "none", "--method", "theirs:suggest"),
        ("--model", "theirs:x"),
        ("--model", "none", "--tracker", "theirs"),
    ],
    ids=" ".join,
)
def test_the_current_folder_offers_nothing_even_on_pythonpath(
    hostile: tuple[Path, Path], flags: tuple[str, ...]
) -> None:
    folder, mark = hostile
    run = type_in(folder, "start", *QUICK, *flags, PYTHONPATH=str(folder))
    assert run.returncode in (2, 5), run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert not mark.exists()


@pytest.mark.parametrize("path", ["", ".", ":/nowhere"])
def test_no_form_of_the_current_folder_is_searched(hostile: tuple[Path, Path], path: str) -> None:
    folder, mark = hostile
    assert "theirs" not in type_in(folder, "methods", PYTHONPATH=path).stdout
    assert not mark.exists()


@pytest.mark.parametrize("key", ["method", "model", "tracker", "plugins"])
def test_no_setting_and_no_front_matter_names_code(hostile: tuple[Path, Path], key: str) -> None:
    folder, mark = hostile
    start = ("start", "--model", "none", "--trials", "1", *QUICK)
    (folder / "autoresearch.toml").write_text(f'{key} = "theirs:suggest"\n')
    assert type_in(folder, *start).returncode != 0
    (folder / "autoresearch.toml").unlink()
    (folder / "program.md").write_text(f"---\n{key}: theirs:suggest\n---\n# Goal\n")
    git(folder, "commit", "-qam", "a brief of ours")
    assert type_in(folder, *start).returncode != 0
    assert not mark.exists()


def test_a_branch_that_names_code_does_not_choose_it(
    hostile: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, mark = hostile
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs.py").write_text("def suggest(space, observations, seed): return {}\n")
    flags = ["--model", "none", "--method", "theirs:suggest", "--trials", "1"]
    type_in(folder, "start", *QUICK, *flags, PYTHONPATH=str(elsewhere))
    run = type_in(folder, "resume", "night", "--trials", "1", PYTHONPATH=str(folder))
    assert run.returncode == 2 and "type the method again" in run.stderr
    assert not mark.exists()


def test_a_name_of_a_record_is_ours_or_of_an_installed_package() -> None:
    assert all(find_method(name) is row for name, row in METHODS.items())
