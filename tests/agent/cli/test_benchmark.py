"""`autoresearch bench` as a process: resumed after a kill; tables, page, JSON, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.benchmark.results import Results
from agent.benchmark.tables import plain_data
from agent.cli import app
from agent.errors import Fault, UsageFault
from tests.agent.cli.test_cli import ROOT

RUNS = ("bench", "--methods", "random,cmaes", "--tasks", "valley", "--seeds", "2", "--trials")
LINES = 2 * 2 * 26

# Where the tests run in the background Ctrl-C is ignored, and what they start would inherit that.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from agent.cli import main
main()
"""


def command(*words: str) -> list[str]:
    """Return the command as a process of its own."""
    return [sys.executable, "-c", PROGRAM, *words]


def process(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command there; its workers are processes too, so it takes some seconds."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command(*words), cwd=folder, env=env, capture_output=True, text=True, timeout=170
    )


def bench(*words: str) -> Result:
    """Run the command inside this process; its workers are processes all the same."""
    return CliRunner().invoke(app, words, prog_name="autoresearch")


def trials(path: Path) -> dict[tuple[str, int], list[tuple[Any, ...]]]:
    """Return the trials of each run, without the times."""
    return {
        (run.method, run.seed): [
            (line.number, line.configuration, line.value, line.true, line.failure) for line in lines
        ]
        for run, lines in Results.read(path).runs.items()
    }


def workers_of(pid: int) -> list[int]:
    """Return the processes that `pid` has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in children.read_text().split()] if children.exists() else []


def ended(folder: Path, lines: int, by: signal.Signals) -> int:
    """Return the exit code of a benchmark of two workers, ended by a signal after so many lines.

    Its workers end with it.
    """
    path = folder / "bench.jsonl"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command(*RUNS, "25", "--workers", "2"),
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and (
            not path.exists() or path.read_bytes().count(b"\n") < lines
        ):
            time.sleep(0.005)
        workers = workers_of(process.pid)
    finally:
        process.send_signal(by)
        code = process.wait()
    while any(
        Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes()
        for worker in workers
    ):
        time.sleep(0.01)
    return code


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_benchmark_that_is_killed_resumes_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    torn = tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    assert process(whole, *RUNS, "25").returncode == 0
    assert ended(torn, 20, signal.SIGKILL) == -signal.SIGKILL
    with (torn / "bench.jsonl").open("ab") as file:  # what a kill in the middle of a write leaves
        file.write(b'{"kind":"trial","run":{"task":"val')
    assert 0 < sum(map(len, trials(torn / "bench.jsonl").values())) < LINES
    done = process(torn, *RUNS, "25")
    assert done.returncode == 0, done.stderr
    assert trials(torn / "bench.jsonl") == trials(whole / "bench.jsonl")
    assert sum(map(len, trials(torn / "bench.jsonl").values())) == LINES
    monkeypatch.chdir(torn)
    again = bench(*RUNS, "25")
    assert (again.exit_code, again.stderr) == (0, ""), "nothing is left to be run"
    assert again.stdout == done.stdout


def test_ctrl_c_ends_it_and_leaves_a_whole_file(tmp_path: Path) -> None:
    assert ended(tmp_path, 10, signal.SIGINT) == 130
    assert (tmp_path / "bench.jsonl").read_bytes().endswith(b"\n")
    assert 0 < sum(map(len, trials(tmp_path / "bench.jsonl").values())) < LINES


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_another_command_adds_to_the_file_and_the_tables_are_of_all_of_it(here: Path) -> None:
    assert bench(*RUNS, "6").exit_code == 0
    more = bench(
        "bench",
        "--methods",
        "trust",
        "--tasks",
        "valley",
        "--seeds",
        "2",
        "--trials",
        "6",
        "--json",
    )
    assert more.exit_code == 0
    data = json.loads(more.stdout)
    assert set(data) == {"tasks", "overall"}
    [task] = data["tasks"]
    assert {
        "task",
        "about",
        "noise",
        "machine",
        "quality",
        "trials",
        "seeds",
        "methods",
        "comparisons",
    } <= set(task)
    assert (task["task"], task["trials"], task["seeds"], task["left_out"]) == (
        "valley",
        6,
        [100, 101],
        0,
    )
    assert {row["method"] for row in task["methods"]} == {"random", "cmaes", "trust"}
    assert len(task["comparisons"]) == len(data["overall"]["comparisons"]) == 3
    assert more.stderr.count("\n") == 2, "a line per run"
    path = here / "bench.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    [task] = plain_data(Results.read(path))["tasks"]
    assert (task["seeds"], task["left_out"]) == ([100], 3), (
        "a run that is not complete does not count, nor does its seed"
    )


def test_a_page_states_how_it_was_made_and_its_figures_are_drawn(here: Path) -> None:
    done = bench(*RUNS, "6", "--report", "docs/page.md")
    assert done.exit_code == 0, done.stderr
    page = (here / "docs" / "page.md").read_text(encoding="utf-8")
    command = "autoresearch bench --methods random,cmaes --tasks valley --trials 6"
    assert f"{command} --seeds 2 --first-seed 100" in page
    assert "| cmaes |" in page and "| random |" in page
    assert "The smallest p that 2 seeds can give is 0.5" in page
    for name in ("convergence", "incumbents", "ranks"):
        assert f"](page-{name}.svg)" in page
        root = ET.parse(here / "docs" / f"page-{name}.svg").getroot()
        words = " ".join(
            " ".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text")
        )
        assert "cmaes" in words and "random" in words


def test_past_trials_are_a_task_and_a_poor_surrogate_is_refused(here: Path) -> None:
    rows = [
        f"{x / 40},{(x * 7) % 40 / 40},{(x / 40 - 0.3) ** 2 + 0.5 * ((x * 7) % 40 / 40)}"
        for x in range(40)
    ]
    (here / "past.csv").write_text("\n".join(["a,b,score", *rows]), encoding="utf-8")
    words = ("bench", "--methods", "random", "--seeds", "1", "--trials", "5", "--past")
    done = bench(*words, "past.csv")
    assert done.exit_code == 0, done.stderr
    assert (
        "a surrogate of 40 past trials in past.csv: R²" in done.stdout
        and "rank correlation" in done.stdout
    )
    (here / "few.csv").write_text("\n".join(["a,b,score", *rows[:5]]), encoding="utf-8")
    done = bench(*words, "few.csv")
    assert isinstance(done.exception, UsageFault) and "needs 30" in str(done.exception)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--methods", "nonsense"), 2, "Unknown method"),
        (("--methods", "llm-hps"), 2, "needs a model"),
        (("--methods", "hybrid"), 2, "cannot be compared here"),
        (("--tasks", "nonsense"), 2, "Unknown task"),
        (("--tasks", ","), 2, "names nothing"),
        (("--output", "missing/bench.jsonl"), 2, "cannot write"),
        (
            ("--methods", "llm-hps", "--model", "scripted:none.jsonl", "--seeds", "1"),
            5,
            "cannot read the script",
        ),
    ],
)
def test_faults_have_stable_exit_codes_and_a_next_command(
    words: tuple[str, ...], code: int, reason: str, here: Path
) -> None:
    fault = bench("bench", *words).exception
    assert isinstance(fault, Fault)
    assert (fault.exit_code, bool(fault.next_command)) == (code, True)
    assert reason in fault.message


def test_tokens_and_dollars_of_a_model_are_in_the_table(here: Path) -> None:
    answer = {"reason": "lower", "input_tokens": 100, "output_tokens": 10, "cost": 0.01}
    lines = [
        json.dumps({**answer, "configuration": {"MATRIX_LR": rate}}) for rate in (0.03, 0.02, 0.01)
    ]
    (here / "script.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = bench(
        "bench",
        "--methods",
        "random,llm-hps",
        "--model",
        "scripted:script.jsonl",
        "--tasks",
        "valley",
        "--seeds",
        "2",
        "--trials",
        "3",
    )
    assert done.exit_code == 0, done.stderr
    [row] = [line.split() for line in done.stdout.splitlines() if line.startswith("llm-hps ")]
    assert "660" in row and "0.06" in row


def test_the_list_names_tasks_and_methods_and_writes_nothing(here: Path) -> None:
    done = bench("bench", "--list")
    assert done.exit_code == 0
    for word in ("valley", "cnn", "workspace:BUDGET", "trust", "llm-hps", "optuna-tpe"):
        assert word in done.stdout
    assert not list(here.iterdir())
