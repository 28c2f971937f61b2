import argparse
from pathlib import Path

import numpy as np
import yaml

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="configs/default.yaml")
args = parser.parse_args()
cfg = yaml.safe_load(Path(args.config).read_text())


def moons(rng, n, noise):
    t = rng.uniform(0, np.pi, n)
    label = rng.integers(0, 2, n)
    x = np.where(label, 1 - np.cos(t), np.cos(t))
    y = np.where(label, 0.5 - np.sin(t), np.sin(t))
    return np.stack([x, y], 1) + rng.normal(0, noise, (n, 2)), label


def main():
    rng = np.random.default_rng(cfg["seed"])
    d, m, t = cfg["data"], cfg["model"], cfg["train"]
    x, y = moons(rng, d["n_train"], d["noise"])
    xv, yv = moons(rng, d["n_val"], d["noise"])
    act = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[m["activation"]]
    grad = {"tanh": lambda a: 1 - a ** 2, "relu": lambda a: (a > 0).astype(float)}[m["activation"]]
    w1 = rng.normal(0, 1, (2, m["hidden_dim"]))
    b1 = np.zeros(m["hidden_dim"])
    w2 = rng.normal(0, 0.3, m["hidden_dim"])
    for epoch in range(1, t["epochs"] + 1):
        order = rng.permutation(len(x))
        for s in range(0, len(x), t["batch_size"]):
            i = order[s:s + t["batch_size"]]
            a = act(x[i] @ w1 + b1)
            p = 1 / (1 + np.exp(-a @ w2))
            e = (p - y[i]) / len(i)
            da = e[:, None] * w2 * grad(a)
            w2 -= t["lr"] * (a.T @ e + t["weight_decay"] * w2)
            w1 -= t["lr"] * (x[i].T @ da + t["weight_decay"] * w1)
            b1 -= t["lr"] * da.sum(0)
        pv = 1 / (1 + np.exp(-act(xv @ w1 + b1) @ w2))
        val_loss = -np.mean(np.log(np.where(yv, pv, 1 - pv) + 1e-9))
        val_acc = np.mean((pv > 0.5) == yv)
        if epoch % 10 == 0:
            print(f"Epoch {epoch:03d} | val_loss {val_loss:.4f} | val_acc {val_acc:.4f}")
    out = Path("runs") / cfg["experiment"]
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "weights.npz", w1=w1, b1=b1, w2=w2)


if __name__ == "__main__":
    main()
