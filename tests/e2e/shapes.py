"""Repositories in the shapes that people write trainings in, each small and without torch."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

SKLEARN = """
import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

SEED = 3
ALPHA = 0.01
EPOCHS = 20

rng = np.random.default_rng(SEED)
X, y = make_classification(n_samples=600, n_features=20, flip_y=0.1, random_state=0)
x_train, x_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
order = rng.permutation(len(x_train))
model = SGDClassifier(alpha=ALPHA, max_iter=EPOCHS, tol=None, random_state=int(rng.integers(1000)))
model.fit(x_train[order], y_train[order])
print(f"test accuracy: {100 * model.score(x_test, y_test):.2f}%")
"""

DESCENT = """
import random


def descend(lr, momentum, steps, report=None):
    weight, velocity = 0.0, 0.0
    for step in range(steps):
        gradient = 2 * (weight - 3.0) + random.gauss(0, 0.5)
        velocity = momentum * velocity - lr * gradient
        weight += velocity
        if report:
            report(step, (weight - 3.0) ** 2)
    return (weight - 3.0) ** 2
"""

ARGPARSE_YAML = """
import argparse
import random

import yaml

from descent import descend

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="conf/base.yaml")
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()
config = yaml.safe_load(open(args.config))
random.seed(args.seed)
loss = descend(config["optim"]["lr"], config["optim"]["momentum"], config["steps"])
print("final validation loss %.5f" % loss)
"""

DATACLASS = """
import logging
import random
from dataclasses import dataclass

from lab.descent import descend

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
log = logging.getLogger(__name__)


@dataclass
class Config:
    lr: float = 0.05
    momentum: float = 0.5
    steps: int = 200
    seed: int = 7


def main(config: Config) -> None:
    random.seed(config.seed)
    loss = descend(config.lr, config.momentum, config.steps)
    log.info("rmse: %.4f", loss ** 0.5)


if __name__ == "__main__":
    main(Config())
"""

KERAS_LIKE = """
import random

LEARNING_RATE = 0.05
EPOCHS = 5
random.seed(0)
weight = 0.0
for epoch in range(1, EPOCHS + 1):
    print(f"Epoch {epoch}/{EPOCHS}")
    for _ in range(40):
        weight -= LEARNING_RATE * (2 * (weight - 1) + random.gauss(0, 1))
    error = abs(weight - 1)
    print(f"\\r40/40 [====] - 0s 2ms/step - loss: {error:.4f} - accuracy: {1 - error / 2:.4f} "
          f"- val_loss: {error * 1.1:.4f} - val_accuracy: {1 - error / 1.8:.4f}")
"""

NANOGPT_LIKE = """
import random
import time

from model import Model

learning_rate = 1e-2
max_iters = 300
eval_interval = 100
seed = 1337
random.seed(seed)
model = Model()
t0 = time.time()
for iter_num in range(max_iters + 1):
    loss = model.step(learning_rate)
    if iter_num % eval_interval == 0:
        losses = {"train": loss, "val": model.evaluate()}
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
    print(f"iter {iter_num}: loss {loss:.4f}, time {1000 * (time.time() - t0):.2f}ms")
"""

NANOGPT_MODEL = """
import random


class Model:
    def __init__(self):
        self.weight = 5.0

    def step(self, lr):
        self.weight -= lr * (2 * self.weight + random.gauss(0, 1))
        return 1 + self.weight ** 2 + random.gauss(0, 0.01)

    def evaluate(self):
        return 1.2 + self.weight ** 2
"""

JSON_LINE = """
import json
import random

PENALTY = 0.3
random.seed(5)
score = 1 - (PENALTY - 0.1) ** 2 + random.gauss(0, 0.01)
print("simulating")
print(json.dumps({"eval": {"sharpe": score, "max_drawdown": 0.1}, "trades": 12}))
"""

JSON_FILE = """
import json
import random

SHRINK = 0.3
random.seed(5)
results = {"auc": 0.8 - (SHRINK - 0.1) ** 2 + random.gauss(0, 0.01), "n": 3}
with open("results.json", "w") as file:
    json.dump(results, file, indent=2)
"""

MAKE = """
import random
import sys

LR = 0.05
steps = int(sys.argv[sys.argv.index("--steps") + 1])
random.seed(2)
weight = 0.0
for _ in range(steps):
    weight -= LR * (2 * (weight - 3) + random.gauss(0, 0.5))
print("error =", (weight - 3) ** 2)
"""

UPSTREAM = """
import os
import random
import time

from prepare import TIME_BUDGET

LR = 0.05
random.seed(42)
began = time.time()
weight = 0.0
while time.time() - began < TIME_BUDGET:
    weight -= LR * (2 * (weight - 3) + random.gauss(0, 0.5))
    time.sleep(0.01)
print("---")
print(f"val_bpb:          {1 + (weight - 3) ** 2:.6f}")
print(f"training_seconds: {time.time() - began:.1f}")
"""

PACKAGE = """
import json
from pathlib import Path

from .losses import squared

LR = 0.05
STEPS = 50
target = json.loads(Path("data/target.json").read_text())
weight = 0.0
for step in range(STEPS):
    weight -= LR * 2 * (weight - target) * (1 + 0.001 * (step % 3))
    print(f"[{step}]\\tvalidation-rmse:{squared(weight, target) ** 0.5:.6f}")
"""

SORT = """
#include <stdio.h>
#define BLOCK 16
int main(void) {
    volatile long sum = 0;
    for (long i = 0; i < 2000000; i += 1 + BLOCK % 3) sum += i;
    printf("throughput: %.2f items/s\\n", 100.0 + BLOCK);
    return 0;
}
"""

SHAPES: Mapping[str, Mapping[str, str]] = {
    "sklearn": {"fit.py": SKLEARN, "README.md": "# Ours\n"},
    "argparse-yaml": {
        "run_experiment.py": ARGPARSE_YAML,
        "descent.py": DESCENT,
        "conf/base.yaml": "steps: 200\noptim:\n  lr: 0.05   # of the step\n  momentum: 0.5\n",
        "tests/test_descent.py": "def test_it():\n    pass\n",
    },
    "dataclass": {
        "lab/__init__.py": "",
        "lab/descent.py": DESCENT,
        "main.py": DATACLASS,
        "evaluate.py": "print('nothing to do')\n",
    },
    "keras": {"train_model.py": KERAS_LIKE},
    "nanogpt": {
        "train.py": NANOGPT_LIKE,
        "model.py": NANOGPT_MODEL,
        "sample.py": "print('text')\n",
    },
    "json-line": {"backtest.py": JSON_LINE},
    "json-file": {"train.py": JSON_FILE},
    "makefile": {
        "solver.py": MAKE,
        "Makefile": "PY = python\n\ntrain:\n\tpython solver.py --steps 100\n\nclean:\n\trm -f x\n",
    },
    "package": {
        "lab/__init__.py": "",
        "lab/losses.py": "def squared(a, b):\n    return (a - b) ** 2\n",
        "lab/train.py": PACKAGE,
        ".gitignore": "data/\n",
        "data/target.json": "3.0\n",
    },
    "upstream": {
        "train.py": UPSTREAM,
        "prepare.py": "TIME_BUDGET = 1\n",
        "program.md": "# Research\nLower val_bpb.\n",
    },
}
"""Files by path, by the name of the shape."""


def make_shape(folder: Path, name: str) -> Path:
    """Make a git repository in this shape."""
    for path, text in SHAPES[name].items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip("\n"))
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True)
    return folder
