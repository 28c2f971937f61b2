"""Trains a small network to tell two spirals apart, and prints how well it does."""

import os
import time
from pathlib import Path

import numpy as np
import yaml
from net.data import spirals
from net.mlp import Mlp, MlpConfig
from net.optim import Adam

LOG_EVERY = 40  # steps


def bits(model: Mlp, points: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean bits that it takes to tell a point's spiral."""
    chances = model.chances(points)
    return float(-np.log2(chances[np.arange(len(labels)), labels] + 1e-12).mean())


def report(model: Mlp, steps: int, seconds: float) -> None:
    """Print the score on points that were held out."""
    points, labels = spirals(split="val")
    print("---")
    print(f"val_bpb: {bits(model, points, labels):.6f}")
    print(f"num_steps: {steps}")
    print(f"training_seconds: {seconds:.3f}")


def main() -> None:
    conf = yaml.safe_load(Path("conf/base.yaml").read_text(encoding="utf-8"))
    steps = int(os.environ.get("AUTORESEARCH_BUDGET", "400steps").removesuffix("steps"))
    rng = np.random.default_rng(int(os.environ.get("AUTORESEARCH_SEED", "0")))
    began = time.monotonic()
    model = Mlp(MlpConfig(), rng)
    optimizer = Adam(model.weights, **conf["optim"])
    points, labels = spirals(split="train")
    for step in range(steps):
        batch = rng.integers(len(labels), size=conf["data"]["batch_size"])
        noisy = points[batch] + rng.normal(0, conf["data"]["noise"], (len(batch), 2))
        loss, gradients = model.gradients(noisy, labels[batch])
        optimizer.step(gradients, (step + 1) / steps)
        if step % LOG_EVERY == 0:
            print(f"step {step} loss {loss:.4f}", flush=True)
    report(model, steps, time.monotonic() - began)


if __name__ == "__main__":
    main()
