"""The core works where the packages of the extra `workspace` are not installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.project.packages import WORKSPACE, packages_of
from tests.e2e.researcher import clean_environment, miniature

ROOT = Path(__file__).parents[2]

# Hides packages as if they were not installed: no finder finds them.
HIDE = """
import sys

class Hidden:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        hidden = name.partition(".")[0] in {packages}
        return None if hidden else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Hidden(finder) for finder in sys.meta_path]
"""
COMMAND = "from autoresearch.__main__ import main; sys.argv[0] = 'autoresearch'; main()"


def slim(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in `folder` without the packages of the extra."""
    program = HIDE.format(packages=set(WORKSPACE)) + code
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose training needs no package, with a finished run."""
    folder = miniature(tmp_path_factory.mktemp("slim") / "project")
    flags = ["--model", "none", "--trials", "1", "--budget", "5s", "--tag", "night"]
    run = slim(folder, COMMAND, "start", *flags)
    assert run.returncode == 0, run.stderr
    return folder


def test_the_packages_are_really_hidden(tmp_path: Path) -> None:
    run = slim(tmp_path, "import torch")
    assert "No module named 'torch'" in run.stderr


def slow(*arguments: str) -> object:
    return pytest.param(arguments, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        slow("methods"),
        ("log",),
        slow("log", "--json"),
        ("status",),
        ("show", "1"),
        ("report", "--output", "report.html"),
        slow("export", "--format", "csv"),
        slow("models"),
        slow("bench", "--list"),
    ],
    ids=" ".join,
)
def test_commands_work(project: Path, arguments: tuple[str, ...]) -> None:
    run = slim(project, COMMAND, *arguments)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("method", ["random", "tpe", "trust", "cmaes"])
def test_search_methods_can_be_asked(tmp_path: Path, method: str) -> None:
    code = f"""
import autoresearch
space = autoresearch.read_space("LR = 0.04  # [0.005 .. 0.2 log]\\nDEPTH = 8  # [4 .. 24]\\n")
trials = [autoresearch.Observation(space.default, 1.0)]
for _ in range(12):
    [configuration] = autoresearch.ask({method!r}, space, trials, seed=0)
    trials.append(autoresearch.Observation(configuration, 1.0 + configuration["LR"]))
import json
print(json.dumps(trials[-1].configuration))
"""
    run = slim(tmp_path, code)
    assert run.returncode == 0, run.stderr
    assert set(json.loads(run.stdout)) == {"LR", "DEPTH"}


@pytest.mark.parametrize(
    ("arguments", "code", "extra"),
    [
        (("start", "--model", "none", "--method", "gp", "--budget", "5s"), 2, "workspace"),
        (("start", "--model", "none", "--tracker", "tensorboard:x"), 2, "tensorboard"),
        (("bench", "--tasks", "cnn", "--methods", "random", "--trials", "1"), 2, "workspace"),
    ],
    ids=["gp", "tensorboard", "bench"],
)
def test_what_needs_more_says_what_to_install(
    project: Path, arguments: tuple[str, ...], code: int, extra: str
) -> None:
    run = slim(project, COMMAND, *arguments)
    assert run.returncode == code, run.stderr
    lines = run.stderr.splitlines()
    assert any(line.startswith("error: ") and "needs" in line for line in lines), run.stderr
    assert any(line.startswith("next:  ") and f"autoresearch[{extra}]" in line for line in lines)


def test_the_bundled_research_says_so_before_anything_runs(tmp_path: Path) -> None:
    assert slim(tmp_path, COMMAND, "init", "research").returncode == 0
    run = slim(tmp_path / "research", COMMAND, "start", "--model", "none", "--budget", "5s")
    assert run.returncode == 3, run.stderr
    assert "cannot be trained and scored without rustbpe, safetensors, tiktoken, torch" in (
        " ".join(run.stderr.split())
    )
    assert 'python -m pip install "autoresearch[workspace]"' in run.stderr


@pytest.mark.parametrize(
    ("source", "packages"),
    [
        ("import torch\n", {"torch"}),
        ("import math\nfrom safetensors.torch import save_model", {"safetensors"}),
        ("# import torch\nimport torchvision\ntry:\n    import pyarrow\n", set()),
    ],
)
def test_what_a_source_imports_of_the_extra(source: str, packages: set[str]) -> None:
    assert packages_of([source]) == packages
