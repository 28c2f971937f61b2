"""The shapes: what each imitates, and what a newcomer types in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORIES = Path(__file__).parent / "repositories"
SHAPES_PAGE = Path(__file__).parent.parent.parent / "docs" / "shapes.md"


@dataclass(frozen=True)
class Shape:
    """One repository."""

    name: str
    """Its folder."""
    like: str
    """What it imitates."""
    metric: str
    """What is found to be its result."""
    direction: str
    before: tuple[str, ...] = ()
    """A command of its own that its README asks for first, such as one that makes data."""
    init: tuple[str, ...] = ()
    """Words behind `autoresearch init --yes`."""
    answer: Mapping[str, Any] | None = None
    """What a scripted model proposes, where the repository has no constants, only text."""

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return REPOSITORIES / self.name


def _replace(file: str, old: str, new: str, why: str) -> Mapping[str, Any]:
    edit = {"kind": "replace_text", "file": file, "old": old, "new": new}
    return {"hypothesis": why, "edits": [edit]}


SHAPES = (
    Shape("accuracy", "PyTorch's MNIST example", "Accuracy", "maximize"),
    Shape("rmse", "a regression script", "Test RMSE", "minimize"),
    Shape("latency", "a benchmark of queries", "throughput", "maximize"),
    Shape("json_result", "results in a JSON file", "metrics.val_r2", "maximize"),
    Shape("json_line", "results in a line of JSON", "eval.sharpe", "maximize"),
    Shape("yaml_config", "a script with a YAML file", "val_acc", "maximize"),
    Shape("argparse", "a fine-tuning script of a hub", "eval_accuracy", "maximize"),
    Shape("dataclass", "a single-file RL algorithm", "mean_return", "maximize"),
    Shape("hydra", "Hydra's groups of YAML (its decorator is imitated)", "val/acc", "maximize"),
    Shape("keras", "a Keras example (Keras is imitated)", "val_accuracy", "maximize"),
    Shape("sklearn", "a pipeline of scikit-learn", "Accuracy", "maximize"),
    Shape("xgboost", "boosted trees (XGBoost is imitated)", "val-logloss", "minimize"),
    Shape(
        "nanogpt",
        "nanoGPT",
        "val loss",
        "minimize",
        before=("python", "data/chars/prepare.py"),
    ),
    Shape("upstream", "karpathy/autoresearch", "val_bpb", "minimize"),
    Shape("modded_nanogpt", "modded-nanogpt, started by torchrun", "val_loss", "minimize"),
    Shape("several_files", "a package below src/", "validation mse", "minimize"),
    Shape("notebook", "an exported notebook", "Accuracy on the test set", "maximize"),
    Shape("makefile", "a Makefile with arguments", "MAE on holdout", "minimize"),
    Shape("c_program", "a C kernel with a Makefile", "best time", "minimize"),
    Shape(
        "evolve",
        "an evolutionary framework's evaluator.py",
        "combined_score",
        "maximize",
        answer=_replace("initial_program.py", "step=0.6", "step=1.2", "longer steps"),
    ),
    Shape("gan", "a GAN with two metrics", "FID", "minimize"),
    Shape("backtest", "a back-test of a trading rule", "Sharpe Ratio", "maximize"),
    Shape(
        "prompt",
        "a prompt that a script scores",
        "score",
        "maximize",
        answer=_replace(
            "prompt.txt",
            "Answer the customer.",
            "Answer the customer in a friendly tone, in at most five sentences.",
            "say how",
        ),
    ),
)
BY_NAME: Mapping[str, Shape] = {shape.name: shape for shape in SHAPES}
