"""What the synthetic tasks share: the 14 constants of karpathy/autoresearch's train.py, and noise.

None of these tasks is a training. Each is built to have one property of real ones; each seed of a
task is another function.
"""

from collections.abc import Callable

import numpy as np

from agent.benchmark.task import Evaluate, Outcome, Task, noise_of
from agent.propose.search.scale import is_fixed, to_unit
from agent.records.proposals import Configuration
from agent.space import read_space

SOURCE = """
DEPTH = 8  # [4 .. 24]
ASPECT_RATIO = 64  # [32 .. 128]
HEAD_DIM = 128  # [64 .. 256 pow2]
DEVICE_BATCH_SIZE = 128  # [32 .. 256 pow2]
TOTAL_BATCH_SIZE = 524288  # [65536 .. 2097152 pow2]
EMBEDDING_LR = 0.6  # [0.01 .. 2 log]
UNEMBEDDING_LR = 0.004  # [0.0005 .. 0.05 log]
MATRIX_LR = 0.04  # [0.005 .. 0.2 log]
SCALAR_LR = 0.5  # [0.05 .. 2 log]
WEIGHT_DECAY = 0.2  # [0 .. 0.5]
WARMUP_RATIO = 0.0  # [0 .. 0.3]
WARMDOWN_RATIO = 0.5  # [0.1 .. 0.8]
FINAL_LR_FRAC = 0.0  # [0 .. 0.2]
WINDOW_PATTERN = "SSSL"  # [SSSL | SSLL | SLSL | LLLL | SSSS | LSSL]
"""
SPACE = read_space(SOURCE)
NUMBERS = [p for p in SPACE.parameters if p.kind != "categorical" and not is_fixed(p)]
START = np.array([to_unit(p, p.default) for p in NUMBERS])
Objective = Callable[[Configuration], float | None]
"""Returns the true score of a configuration, or None if the trial fails."""


def places(configuration: Configuration) -> np.ndarray:
    """Return the numbers of a configuration on the unit interval, in the order of NUMBERS."""
    return np.array([to_unit(p, configuration[p.name]) for p in NUMBERS])


def synthetic(name: str, about: str, make: Callable[[int], Objective], noise: float) -> Task:
    """Return a task of true functions with normal noise of standard deviation `noise`."""

    def function_of(seed: int) -> Evaluate:
        objective = make(seed)

        def evaluate(configuration: Configuration, trial: int) -> Outcome:
            score = objective(configuration)
            if score is None:
                return Outcome("oom")
            return Outcome(float(score + noise * noise_of(seed, trial)), float(score))

        return evaluate

    noise_text = f"normal, standard deviation {noise:g}; results are shown without it"
    return Task(name, about, noise_text, SPACE, SOURCE, function_of)
