"""What is particular to CMA-ES: where it starts, what it ranks, and the package behind it."""

import ast
import inspect
import math
import tomllib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from cmaes import CatCMAwM

from agent.propose import Observation
from agent.propose.search import cmaes, cmaes_axes, random
from tests.agent.propose.example import DEFAULT, SPACE
from tests.agent.propose.search.bowl import history

PRIVATE = {"_mean", "_sigma", "_C", "_A", "_q", "_eigen_decomposition"}
"""What agent/propose/search/cmaes_axes.py reads of the package."""


def test_every_private_attribute_of_the_package_is_named_here_and_exists() -> None:
    tree = ast.parse(inspect.getsource(cmaes_axes))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "strategy"
    }
    assert {name for name in used if name.startswith("_")} == PRIVATE
    space = cmaes_axes.Axes(SPACE)
    strategy = space.strategy(DEFAULT)
    assert isinstance(strategy, CatCMAwM)
    assert all(hasattr(strategy, name) for name in PRIVATE)


def test_the_version_with_these_attributes_is_pinned() -> None:
    root = Path(__file__).parents[4]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pins = [entry for entry in project["dependencies"] if entry.startswith("cmaes")]
    assert pins == [f"cmaes=={version('cmaes')}"]
    assert pins[0] in (root / "constraints.txt").read_text().splitlines()


def test_it_starts_near_the_constants_as_they_stand() -> None:
    near = [cmaes.suggest(SPACE, [Observation(DEFAULT, 1.0)], seed) for seed in range(40)]
    assert all(abs(int(configuration["DEPTH"]) - 8) <= 8 for configuration in near)
    assert sum(configuration["PATTERN"] == "SSSL" for configuration in near) > 20
    rates = [float(configuration["MATRIX_LR"]) for configuration in near]
    assert 0.03 < float(np.median(rates)) < 0.055


def test_it_ranks_failures_behind_successes_and_ignores_how_bad_a_score_is() -> None:
    trials = history(random.suggest, 40)
    assert any(trial.value is None for trial in trials), "there is a failure to learn from"
    worst = max(trial.value for trial in trials if trial.value is not None)
    stretched = [
        trial if trial.value is None else replace(trial, outcome=math.exp(trial.value * 5))
        for trial in trials
    ]
    following = cmaes.suggest(SPACE, trials, 7)
    assert cmaes.suggest(SPACE, stretched, 7) == following, "only ranks count"
    good = [replace(trial, outcome=worst - 1) if trial.value is None else trial for trial in trials]
    assert cmaes.suggest(SPACE, good, 7) != following, "a failure is no success"


def test_a_far_point_is_told_no_further_out_than_a_draw_may_lie() -> None:
    strategy = CatCMAwM(
        x_space=[[0.0, 1.0]] * 4,
        mean=np.full(4, 0.5),
        sigma=0.05,
        cov=np.diag([1.0, 1.0, 4.0, 0.25]),
    )
    near = np.array([0.5, 0.55, 0.4, 0.5])
    assert cmaes_axes._shortened(near, strategy) == pytest.approx(near)
    far = np.array([0.5, 0.5, 0.5, 1.0])
    told = cmaes_axes._shortened(far, strategy)
    assert told[:3] == pytest.approx(far[:3])
    assert (told[3] - 0.5) / (0.05 * 0.5) == pytest.approx(4**0.5 + 2 * 4 / 6)
