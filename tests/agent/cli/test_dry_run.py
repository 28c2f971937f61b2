"""`start --dry-run` and `prompt` without a run: what a start would do, and nothing is begun."""

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.cli.dry_run import RUNS_A_TRIAL, Price, forecast_of
from agent.errors import Fault, UsageFault
from agent.project.flags import read_flags
from agent.project.program import FrontMatter
from agent.project.resolve import Inferred, StartOptions, start_options
from agent.project.settings import Settings
from agent.propose import find_method

FIT = """import os

from data import load

LR = 0.1
rows = load("val")[: int(os.environ["AUTORESEARCH_BUDGET"][:-1])]
print(f"test accuracy: {80 + LR:.2f}%")
"""
DATA = '''"""The data."""


def load(split: str) -> list[int]:
    """Return the rows of a split."""
    return [1]
'''
TOML = 'train = "fit.py"\nmetric = "test accuracy"\ndirection = "maximize"\n'


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    root = tmp_path / "toy"
    root.mkdir()
    for name, text in {"fit.py": FIT, "data.py": DATA, "autoresearch.toml": TOML}.items():
        (root / name).write_text(text)
    identity = ["-c", "user.name=r", "-c", "user.email=r@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "a toy"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    monkeypatch.chdir(root)
    return root


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def references(root: Path) -> str:
    command = ["git", "for-each-ref"]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def test_a_dry_run_shows_options_space_question_and_forecast(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = references(toy)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    words = ["--model", "gpt-5", "--method", "code", "--trials", "20"]
    shown = typed("start", "--dry-run", *words, "--budget", "59s")
    for part in (
        "test accuracy, higher is better; self-reported",
        "0.01 .. 1 log",
        "tokens to gpt-5 (autoresearch prompt); about $0.0",
        "forecast: 20 trials, at most 28 minutes, at least 48 trials an hour, about $0.",
        "nothing was started",
    ):
        assert part in shown, part
    assert references(toy) == before and not (toy / ".autoresearch" / "runs").exists()


def test_a_dry_run_on_slurm_shows_the_batch_file_and_submits_nothing(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(toy.parent / "state"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    before = references(toy)
    words = ["--on", "slurm:gpu", "--gpus", "a100:16", "--hours", "8", "--model", "none"]
    shown = typed("start", "--dry-run", *words, "--tag", "night")
    for line in ("#SBATCH --partition=gpu", "#SBATCH --gpus=a100:16", "#SBATCH --time=510"):
        assert line in shown.splitlines(), line
    assert "autoresearch resume" not in shown, "the driver stays here"
    inside = [*words, "--driver", "inside", "--tag", "night", "--json"]
    batch = json.loads(typed("start", "--dry-run", *inside))["batch"]
    assert f"cd {toy}" in batch and "-m autoresearch resume --on=slurm:gpu" in batch
    assert references(toy) == before and not (toy / ".autoresearch").exists()
    assert not (toy.parent / "state").exists()


def test_a_dry_run_in_json_has_the_whole_question(toy: Path) -> None:
    (toy / "replies.jsonl").write_text("{}\n")
    words = ["--model", "scripted:replies.jsonl", "--method", "code", "--budget", "5steps"]
    plan = json.loads(typed("start", "--dry-run", *words, "--trials", "3", "--json"))
    assert plan["objective"]["metric"] == "test accuracy"
    assert plan["space"] == [{"name": "LR", "value": 0.1, "range": "0.01 .. 1 log"}]
    assert plan["overview"]["method"] == "code"
    assert plan["forecast"] == {"trials": 3, "hours": None, "trials_an_hour": None, "dollars": 0.0}
    assert "3 trials" in plan["question"]["blocks"][1]
    assert plan["tokens"] > 1000


def test_without_a_model_nothing_is_asked(toy: Path) -> None:
    shown = typed("start", "--dry-run", "--model", "none", "--hours", "2", "--budget", "5m")
    assert "question: no model is asked" in shown
    assert "at most 2.0 hours" in shown and "no dollars" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model opsu", "Unknown model 'opsu'. Did you mean 'opus'?"),
        ("--model scriptd:a.jsonl", "Unknown model 'scriptd:a.jsonl'. Did you mean 'scripted:a"),
        ("--model none --fill tpee", "Unknown method 'tpee'. Did you mean 'tpe'?"),
        ("--model none --tracker tensorbord", "Unknown tracker 'tensorbord'. Did you mean 'tens"),
        ("--model none --notes nov24", "There is no run 'nov24' here"),
    ],
)
@pytest.mark.parametrize("dry", [("--dry-run",), ("--trust",)])
def test_a_dry_run_refuses_the_names_that_a_start_refuses(
    toy: Path, words: str, message: str, dry: tuple[str, ...]
) -> None:
    before = references(toy)
    refused = CliRunner().invoke(app, ["start", *words.split(), *dry])
    assert isinstance(refused.exception, Fault), refused.output
    assert refused.exception.message.startswith(message)
    assert references(toy) == before


def test_prompt_before_any_run_is_the_first_question_of_a_start(toy: Path) -> None:
    shown = typed("prompt")
    for part in (
        "reads test accuracy (higher is better) from what it prints",
        "The incumbent, fit.py, in full",
        "# data.py\ndef load(split: str) -> list[int]: ...  # Return the rows of a split.",
        "(nothing has been tried yet)",
    ):
        assert part in shown, part
    assert "val_bpb" not in shown and "language model" not in shown
    asked = json.loads(typed("prompt", "--json"))
    assert asked["index"] == 0 and asked["tool"]["name"] == "propose"


def test_prompt_shows_every_message_of_a_turn_and_of_any_method(toy: Path) -> None:
    shown = typed("prompt")
    parts = [line.strip("= ") for line in shown.splitlines() if line.startswith("=====")]
    assert parts[:2] == ["tool propose", "tool list_files"] and "tool probe" in parts
    messages = ["system", "user, part 1", "user, part 2", "user, only after a draft was refused"]
    assert parts[-5:-1] == messages and "How to look" in shown
    assert '"replace_text"' in shown and "Refused:\n```text\nTHE REASON" in shown
    code = json.loads(typed("prompt", "--json"))
    assert sum(len(json.dumps(tool)) for tool in (code["tool"], *code["tools"])) < 14_000
    assert code["method"] == "code" and code["tokens"] > 1_000
    assert "refused before any training" in code["after_refusal"]
    constants = json.loads(typed("prompt", "--method", "llm-hps", "--json"))
    assert constants["method"] == "llm-hps" and constants["after_refusal"] is None
    assert "You tune the constants of a program" in constants["system"]
    assert "configuration" in constants["tool"]["parameters"]["properties"]
    done = CliRunner().invoke(app, ["prompt", "--method", "centaur"])
    assert isinstance(done.exception, UsageFault)
    assert "asks no model for the next proposal" in done.exception.message


def test_a_dry_run_runs_no_program_of_the_repository(toy: Path) -> None:
    """A filter of git's would run where the checkout is compared with the last commit."""
    ran = toy / "ran"
    program = f"touch {ran}; cat"
    subprocess.run(["git", "config", "filter.x.clean", program], cwd=toy, check=True)
    (toy / ".git" / "info" / "attributes").write_text("*.py filter=x\n")
    (toy / "fit.py").touch()
    typed("start", "--dry-run", "--model", "none")
    typed("prompt")
    assert not ran.exists()


def options(**flags: object) -> StartOptions:
    return start_options(
        read_flags("start", **flags),
        FrontMatter(),
        Settings(),
        Inferred(model=None),
        lambda name: find_method(name, typed=True).model,
    )


def test_a_forecast_follows_budget_bounds_and_prices() -> None:
    free = Price(0.0, 0.0)
    night = forecast_of(options(budget="5m", hours=8.0), "sealed", 1, free, True)
    assert night.trials_an_hour == pytest.approx(3600 / (305 * RUNS_A_TRIAL))
    assert night.trials == 73 and night.dollars == 0.0
    assert night.hours == pytest.approx(8.0, abs=0.1)
    two = forecast_of(options(budget="5m", hours=8.0, workers=2), "sealed", 2, free, True)
    assert two.trials_an_hour == pytest.approx(2 * (night.trials_an_hour or 0))
    greedy = forecast_of(options(budget="5m", trials=10), "sealed", 1, free, False)
    assert greedy.trials_an_hour == pytest.approx(3600 / 305)
    endless = forecast_of(options(budget="5m"), "sealed", 1, Price(0.1, 0.5), True)
    assert endless.trials is None and endless.hours is None and endless.dollars is None
    paid = forecast_of(options(budget="5m", trials=10), "sealed", 1, Price(0.1, 0.5), True)
    assert paid.dollars == pytest.approx(1.0)
    bounded = options(budget="5m", trials=10, max_cost=0.3, model="opus", method="code")
    short = forecast_of(bounded, "sealed", 1, Price(0.14, 0.5), True)
    assert short.trials == 2 and short.dollars == pytest.approx(0.28), "then the money is spent"
    assert short.hours == pytest.approx((3 + 2 * RUNS_A_TRIAL) * 305 / 3600)
    unknown = forecast_of(options(budget="5m", trials=10), "sealed", 1, Price(None, None), True)
    assert unknown.dollars is None
