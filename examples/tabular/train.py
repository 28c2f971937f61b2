"""Predicts how a disease progresses a year on, with a network that config.yaml describes."""

from pathlib import Path

import numpy as np
import yaml
from sklearn.datasets import load_diabetes

ACTIVATIONS = {
    "tanh": (np.tanh, lambda out: 1 - out**2),
    "relu": (lambda value: np.maximum(value, 0), lambda out: (out > 0).astype(float)),
}


def data() -> tuple[np.ndarray, ...]:
    """Return features and standardized targets; the same split in every run."""
    features, target = load_diabetes(return_X_y=True)
    features = features / features.std(axis=0)
    target = (target - target.mean()) / target.std()
    held_out = np.arange(len(target)) % 3 == 0
    return features[~held_out], target[~held_out], features[held_out], target[held_out]


def main() -> None:
    config = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    train = config["train"]
    activation, slope = ACTIVATIONS[config["model"]["activation"]]
    rng = np.random.default_rng(config["seed"])
    features, target, val_features, val_target = data()
    hidden = config["model"]["hidden"]
    weights = [
        rng.normal(0, features.shape[1] ** -0.5, (features.shape[1], hidden)),
        rng.normal(0, hidden**-0.5, hidden),
    ]
    moves = [np.zeros_like(weight) for weight in weights]
    for _ in range(train["epochs"]):
        order = rng.permutation(len(target))
        for start in range(0, len(order), train["batch_size"]):
            batch = order[start : start + train["batch_size"]]
            out = activation(features[batch] @ weights[0])
            error = (out @ weights[1] - target[batch]) / len(batch)
            back = np.outer(error, weights[1]) * slope(out)
            gradients = [features[batch].T @ back, out.T @ error]
            for place, gradient in enumerate(gradients):
                gradient = gradient + train["weight_decay"] * weights[place]
                moves[place] = train["momentum"] * moves[place] - train["lr"] * gradient
                weights[place] += moves[place]
    errors = activation(val_features @ weights[0]) @ weights[1] - val_target
    print(f"val_mae: {np.abs(errors).mean():.5f}")
    print(f"val_rmse: {np.sqrt((errors**2).mean()):.5f}")


if __name__ == "__main__":
    main()
