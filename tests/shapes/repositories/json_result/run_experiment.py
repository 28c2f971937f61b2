import json
import os

import numpy as np

CONFIG = {
    "hidden": 24,
    "lr": 0.05,
    "momentum": 0.9,
    "epochs": 60,
    "weight_decay": 1e-4,
}
OUTPUT_DIR = "results"


def make_data(rng, n=500):
    x = rng.normal(size=(n, 4))
    return x, np.tanh(x[:, 0] * x[:, 1]) + 0.5 * x[:, 2]


def main():
    rng = np.random.default_rng(7)
    x, y = make_data(rng)
    x_val, y_val = make_data(rng, 200)
    h = CONFIG["hidden"]
    w1, w2 = rng.normal(size=(4, h)) / 2, rng.normal(size=h) / np.sqrt(h)
    v1, v2 = np.zeros_like(w1), np.zeros_like(w2)
    for epoch in range(CONFIG["epochs"]):
        a = np.tanh(x @ w1)
        e = a @ w2 - y
        g2 = a.T @ e / len(x)
        g1 = x.T @ ((e[:, None] * w2) * (1 - a ** 2)) / len(x)
        v1 = CONFIG["momentum"] * v1 - CONFIG["lr"] * (g1 + CONFIG["weight_decay"] * w1)
        v2 = CONFIG["momentum"] * v2 - CONFIG["lr"] * (g2 + CONFIG["weight_decay"] * w2)
        w1 += v1
        w2 += v2
    pred = np.tanh(x_val @ w1) @ w2
    metrics = {
        "config": CONFIG,
        "metrics": {
            "val_mae": float(np.abs(pred - y_val).mean()),
            "val_r2": float(1 - ((pred - y_val) ** 2).mean() / y_val.var()),
        },
    }
    os.makedirs(OUTPUT_DIR, exist_ok=True)
    with open(os.path.join(OUTPUT_DIR, "metrics.json"), "w") as f:
        json.dump(metrics, f, indent=2)
    print("Saved to", OUTPUT_DIR)


if __name__ == "__main__":
    main()
