"""Boosted trees of 8 constants on breast cancer data.

After neuropt's XGBoost benchmark (github.com/loevlie/neuropt), with scikit-learn's
HistGradientBoostingClassifier in place of XGBoost, which ships no data; constants that it has
under another name or in another form (leaves, bins) are its own; and there are fewer rounds, for
one core. The score is the log loss over three folds. The seed decides the folds and which columns
are drawn, alike for every method and trial. No configuration fails.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from agent.benchmark.task import Evaluate, Outcome, Task
from agent.benchmark.tasks import TASKS
from agent.records.proposals import Configuration
from agent.space import read_space

SOURCE = """
LEARNING_RATE = 0.1  # [0.001 .. 0.3 log]
MAX_ITER = 100  # [20 .. 200]
MAX_DEPTH = 6  # [3 .. 12]
MAX_LEAF_NODES = 31  # [4 .. 32]
MIN_SAMPLES_LEAF = 20  # [1 .. 50]
L2_REGULARIZATION = 0.001  # [0.00001 .. 10 log]
MAX_FEATURES = 1.0  # [0.2 .. 1]
MAX_BINS = 255  # [16 .. 255]
"""
FOLDS = 3


def task(name: str) -> Task:
    """Return the task `trees`."""
    noise = "none within a seed, which decides the folds; scores are those that the method sees"
    return Task(name, TASKS[name].about, noise, read_space(SOURCE), SOURCE, make)


def make(seed: int) -> Evaluate:
    """Return the function of a seed: the mean log loss over its folds."""
    features, labels = load_breast_cancer(return_X_y=True)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels))

    def evaluate(configuration: Configuration, _: int) -> Outcome:
        constants = {name.lower(): value for name, value in configuration.items()}
        losses = []
        # On a busy machine its threads spend more time waiting for each other.
        with threadpool_limits(limits=1):
            for train, held in folds:
                model = HistGradientBoostingClassifier(
                    **constants, random_state=seed, early_stopping=False
                )
                model.fit(features[train], labels[train])
                losses.append(log_loss(labels[held], model.predict_proba(features[held])))
        return Outcome(float(np.mean(losses)))

    return evaluate
