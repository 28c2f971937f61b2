"""Each shape is understood by reading, and comes to a baseline and a judged trial."""

import shutil
from pathlib import Path

import pytest

from agent.project.candidates import find_candidates
from agent.project.look import look_at
from tests.e2e.researcher import git
from tests.shapes.first_day import JUDGED, first_day
from tests.shapes.table import BY_NAME, SHAPES, SHAPES_PAGE, Shape

SCRIPTS = {
    "accuracy": "main.py",
    "rmse": "fit.py",
    "latency": "bench.py",
    "json_result": "run_experiment.py",
    "json_line": "simulate.py",
    "yaml_config": "train.py",
    "argparse": "finetune.py",
    "dataclass": "ppo_bandit.py",
    "hydra": "train.py",
    "keras": "mnist_mlp.py",
    "sklearn": "classify.py",
    "xgboost": "train_model.py",
    "nanogpt": "train.py",
    "upstream": "train.py",
    "modded_nanogpt": "train_gpt.py",
    "several_files": "src/forecast/train.py",
    "notebook": "analysis.py",
    "makefile": "scripts/regress.py",
    "c_program": "matmul.c",
    "evolve": "initial_program.py",
    "gan": "dcgan.py",
    "backtest": "backtest.py",
    "prompt": "score.py",
}
ONLY_RUN = {
    *("json_result", "json_line", "argparse", "xgboost", "modded_nanogpt", "c_program"),
    *("evolve", "backtest"),
}
"""Shapes whose metric's name is printed by a variable, a library or another language."""
COMMANDS = {
    "modded_nanogpt": "torchrun --standalone --nproc_per_node=1 train_gpt.py",
    "makefile": "python scripts/regress.py --data data/houses.csv --out model.json --alpha 0.5",
    "c_program": "make -s run",
}


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shape: Shape = request.param
    place = tmp_path / shape.name
    shutil.copytree(shape.folder, place)
    git(place, "init", "-q")
    return place


@pytest.mark.parametrize("repository", SHAPES, indirect=True, ids=lambda shape: shape.name)
def test_the_training_is_found_by_reading(repository: Path) -> None:
    best = find_candidates(repository).best
    assert best is not None
    assert best.path == SCRIPTS[repository.name]
    if repository.name in COMMANDS:
        assert best.command == COMMANDS[repository.name]
    look = look_at(repository, best.path)
    if repository.name not in ONLY_RUN:
        shape = BY_NAME[repository.name]
        number = look.numbers[0]
        assert (number.name, number.direction) == (shape.metric, shape.direction)
    if repository.name == "json_result":
        assert look.writes == "results/metrics.json"
    if repository.name == "hydra":
        assert "conf/model/mlp.yaml" in look.configs
        assert "conf/model/linear.yaml" not in look.configs, "the list of defaults leaves it out"
    if repository.name == "prompt":
        assert look.files == ("prompt.txt",)
    if repository.name == "several_files":
        assert "src/forecast/config.py" in look.files
        assert "src/forecast/dataset.py" in look.measuring


def test_the_page_has_a_row_for_every_shape() -> None:
    text = SHAPES_PAGE.read_text(encoding="utf-8")
    assert len(SHAPES) >= 20
    for shape in SHAPES:
        assert f"| {shape.name} | {shape.like} |" in text, "python -m docs.shapes"
    assert "--unsafe" not in text


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_it_comes_to_a_judged_trial_that_changed_something(tmp_path: Path, shape: Shape) -> None:
    before = {path: path.read_bytes() for path in shape.folder.rglob("*") if path.is_file()}
    day = first_day(shape, tmp_path)
    assert (day.settings["metric"], day.settings["direction"]) == (shape.metric, shape.direction)
    has_own_budget = shape.name == "upstream"
    assert day.settings.get("limit") == (None if has_own_budget else "1.1x")
    assert ("evaluate" in day.settings) == (shape.name == "evolve")
    assert git(day.folder, "status", "--porcelain") == ""
    assert day.statuses[0] == "baseline"
    assert set(day.statuses[1:]) & set(JUDGED), day.statuses
    assert "+" in day.changed and "-" in day.changed
    for path, data in before.items():
        own = day.folder / path.relative_to(shape.folder)
        assert own.read_bytes() == data, "init and start change no file that is there"
