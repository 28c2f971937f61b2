"""`import autoresearch`: the code of docs/library.md runs, and errors arrive as faults."""

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autoresearch
from tests.e2e.researcher import clean_environment, miniature, start_typing, type_in

ROOT = Path(__file__).parents[2]
NIGHT, ASK = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository as the current folder, and no keys in the environment."""
    folder = miniature(tmp_path / "project")
    monkeypatch.chdir(folder)
    for name, value in clean_environment().items():
        monkeypatch.setenv(name, value)
    return folder


def test_a_night_is_run_followed_and_read(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(NIGHT, {})
    *verdicts, best = capsys.readouterr().out.splitlines()
    assert verdicts[0] == "0 baseline" and len(verdicts) == 3
    assert float(best.split()[1]) <= 1.34
    assert type_in(project, "log", "night").returncode == 0


def test_a_search_method_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    configurations: list[dict[str, Any]] = []

    def train(**constants: Any) -> float | str:
        configurations.append(constants)
        return "oom" if constants["DEPTH"] > 20 else abs(math.log(constants["LR"] / 0.02))

    exec(ASK, {"train": train})
    best = float(capsys.readouterr().out.split()[0])
    assert len(configurations) == 21
    assert best < 0.5 * math.log(2), "at least half way from 0.04 to 0.02"


@pytest.mark.parametrize("code", [NIGHT, ASK])
def test_the_examples_are_short(code: str) -> None:
    assert len([line for line in code.splitlines() if line.strip()]) <= 12


def test_who_leaves_the_loop_ends_the_run_and_resume_goes_on(project: Path) -> None:
    for event in autoresearch.start(project, model="none", tag="cut", trials=3, budget="5s"):
        if event["event"] == "TrialStarted":
            break
    assert "goes on" not in type_in(project, "status", "cut").stdout
    events = list(autoresearch.resume(project, "cut", trials=1))
    assert events[-1]["event"] == "RunFinished"
    assert [record["number"] for record in autoresearch.read(project, "cut")][:2] == [0, 1]


def test_a_fault_has_the_message_the_next_command_and_the_exit_code(project: Path) -> None:
    with pytest.raises(autoresearch.Fault, match="Did you mean 'trust'") as fault:
        list(autoresearch.start(project, model="none", method="trsut"))
    assert (fault.value.exit_code, fault.value.next_command) == (2, "autoresearch methods")


def test_a_place_where_nothing_can_be_started_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "none", "nul\0"):
        with pytest.raises(autoresearch.Fault, match="cannot start in"):
            list(autoresearch.start(place))


def test_a_score_that_no_float_holds_is_refused() -> None:
    for score in (10**400, float("nan"), float("-inf")):
        with pytest.raises(ValueError, match="is not a score"):
            autoresearch.Observation(configuration={}, outcome=score)


def test_records_are_flat(project: Path) -> None:
    list(autoresearch.start(project, model="none", trials=1, budget="5s", baseline_repeats=1))
    first = autoresearch.read(project)[0]
    assert (first["status"], first["config.LR"], first["config.DEPTH"]) == ("baseline", 0.1, 4)
    assert not [value for value in first.values() if isinstance(value, dict | list | tuple)]


def test_the_module_is_the_command(project: Path) -> None:
    command = [sys.executable, "-m", "autoresearch", "--version"]
    module = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project)
    script = start_typing(project, "--version").communicate()[0]
    assert module.stdout == script and script.startswith("autoresearch ")


def test_importing_it_loads_neither_torch_nor_a_model_provider() -> None:
    code = "import autoresearch, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "numpy", "optuna", "anthropic", "openai", "git"} & set(run.stdout.split())
