"""The examples of docs/evaluate.md: each starts, is measured by its evaluator, and is judged."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from agent.history.history import History
from agent.project.candidates import find_candidates
from agent.project.find import find_project
from agent.project.look import look_at
from agent.project.sealing import sealings_in
from agent.project.settings import Settings, read_settings
from agent.records.evaluator import Evaluator
from sandbox.score.evaluator import evaluate, relay
from sandbox.score.evaluator.inside import autoresearch_frames as frames
from tests.e2e.researcher import git

PAGE = (Path(__file__).parent.parent / "docs" / "evaluate.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w.]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    section.split("\n", 1)[0]: dict(FILE.findall(section))
    for section in PAGE.split("\n## ")
    if "```toml" in section
}


def data_of(title: str, root: Path) -> None:
    """Write the data of an example."""
    rng = np.random.default_rng(1)
    if title == "A file of predictions":
        inputs = rng.random((60, 2))
        np.savetxt(root / "inputs.csv", inputs, delimiter=",")
        labels = (inputs.sum(1) > 1).astype(int)
        (root / "labels.csv").write_text("\n".join(map(str, labels)))
    if title == "A model that is called":
        (root / "hidden").mkdir()
        for split in ("val", "test"):
            x = rng.normal(size=(200, 3))
            np.savetxt(root / f"hidden/{split}.txt", np.c_[x, x @ [1.0, -2.0, 0.5]])


def project_of(title: str, root: Path) -> None:
    """Write an example as a repository."""
    for name, text in EXAMPLES[title].items():
        (root / name).write_text(text)
    data_of(title, root)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, cwd=root, check=True)


def test_the_page_has_four_examples() -> None:
    assert len(EXAMPLES) == 4
    for files in EXAMPLES.values():
        settings = Settings.model_validate(tomllib.loads(files["autoresearch.toml"]))
        assert settings.evaluate and settings.evaluate.script in files


@pytest.mark.parametrize("title", EXAMPLES)
def test_init_finds_the_training_and_the_evaluator_of_each_example(title, tmp_path) -> None:
    project_of(title, tmp_path)
    settings = read_settings(tmp_path)
    best = find_candidates(tmp_path).best
    assert best is not None and best.path == settings.train
    look = look_at(tmp_path, best.path)
    [sealing] = sealings_in(tmp_path, look)
    assert not sealing.doubts
    assert settings.metric in [number.name for number in sealing.numbers]
    assert settings.evaluate is not None
    for key in ("command", "hidden", "test", "outputs", "program"):
        assert getattr(sealing.evaluator, key) == getattr(settings.evaluate, key), key
    assert ("count.c" in look.files) == (title == "A program that is timed")


def test_the_page_lists_every_key_and_the_real_caps() -> None:
    keys = PAGE.partition("\n## ")[0]
    names = re.findall(r"^\| `(\w+)` \|", keys, re.MULTILINE)
    assert sorted(names) == sorted(Evaluator.model_fields)
    assert f"{relay.MAX_CALLS:,} calls, {relay.MAX_CANDIDATES:,} candidates" in PAGE
    assert f"{relay.MAX_ALIVE} of them at a time, {frames.MAX_BYTES >> 20} MiB a call" in PAGE
    assert evaluate.MIN_SECONDS == 5 * 60


def autoresearch(root: Path, *words: str) -> None:
    """Run a command in a project; it ends well."""
    command = [sys.executable, "-m", "agent", *words]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


START = ("start", "--model", "none", "--budget", "1steps", "--trust", "--baseline-repeats", "1")


@pytest.mark.slow
@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_starts_and_is_judged(title: str, tmp_path: Path) -> None:
    if title == "A program that is timed" and shutil.which("cc") is None:
        pytest.skip("no C compiler")
    project_of(title, tmp_path)
    autoresearch(tmp_path, *START, "--trials", "2", "--tag", "a")
    project = find_project(tmp_path, read_settings(tmp_path))
    with History.read(project, "autoresearch/a") as history:
        trials = history.trials
    assert trials[0].status == "baseline"
    for trial in trials:
        assert trial.status in ("baseline", "keep", "discard"), trial.reason
        assert trial.result is not None
        assert {score.kind for score in trial.result.scores} == {"evaluated"}
    assert len(trials) == 3


@pytest.mark.slow
@pytest.mark.parametrize("title", EXAMPLES)
def test_init_writes_the_table_of_an_example_itself(title: str, tmp_path: Path) -> None:
    if title == "A program that is timed":
        pytest.skip("its build.py does not look like a training")
    project_of(title, tmp_path)
    (tmp_path / "autoresearch.toml").unlink()
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "No settings")
    autoresearch(tmp_path, "init", "--yes", "--repeats", "0")
    own = Settings.model_validate(tomllib.loads(EXAMPLES[title]["autoresearch.toml"]))
    written = read_settings(tmp_path)
    assert own.evaluate and written.evaluate
    assert written.evaluate == own.evaluate.model_copy(update={"public": None})
    assert (written.metric, written.direction or "minimize") == (own.metric, written.direction)
    autoresearch(tmp_path, "start", "--model", "none", "--trials", "1", "--tag", "a")
    project = find_project(tmp_path, read_settings(tmp_path))
    with History.read(project, "autoresearch/a") as history:
        baseline, trial = history.trials
    assert baseline.status == "baseline" and baseline.result
    assert {score.kind for score in baseline.result.scores} == {"evaluated"}
    assert trial.status in ("keep", "discard"), trial.reason


@pytest.mark.slow
def test_the_test_split_is_opened_by_commits_that_count(tmp_path: Path) -> None:
    project_of("A model that is called", tmp_path)
    autoresearch(tmp_path, *START, "--trials", "1", "--tag", "a")
    autoresearch(tmp_path, "replicate", "1", "--test", "--seeds", "2", "--trust")
    autoresearch(tmp_path, "finalize", "--test", "--seeds", "2", "--trust")
    project = find_project(tmp_path, read_settings(tmp_path))
    with History.read(project, "autoresearch/a") as history:
        openings = [(opening.number, opening.command) for opening in history.openings]
        measurements = history.measurements
    assert openings == [(1, "replicate"), (2, "finalize")]
    assert [measurement.split for measurement in measurements] == ["test", "test"]
    for measurement in measurements:
        assert all(comparison.pairs for comparison in measurement.comparisons)
