import logging

import minihydra as hydra
import numpy as np

log = logging.getLogger(__name__)
logging.basicConfig(level=logging.INFO, format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s")


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    rng = np.random.default_rng(cfg.seed)
    x = np.random.default_rng(1).normal(size=(500, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(float)
    w1 = rng.normal(0, cfg.model.init_scale, (3, cfg.model.hidden))
    w2 = rng.normal(0, cfg.model.init_scale, cfg.model.hidden)
    v1, v2 = np.zeros_like(w1), np.zeros_like(w2)
    xb = np.hstack([x, np.ones((500, 1))])
    for epoch in range(cfg.epochs):
        for start in range(0, 400, cfg.batch_size):
            i = slice(start, start + cfg.batch_size)
            a = np.tanh(xb[:400][i] @ w1)
            e = 1 / (1 + np.exp(-a @ w2)) - y[:400][i]
            v1 = cfg.optimizer.momentum * v1 - cfg.optimizer.lr * xb[:400][i].T @ (
                e[:, None] * w2 * (1 - a**2)) / cfg.batch_size
            v2 = cfg.optimizer.momentum * v2 - cfg.optimizer.lr * a.T @ e / cfg.batch_size
            w1, w2 = w1 + v1, w2 + v2
    p = 1 / (1 + np.exp(-np.tanh(xb[400:] @ w1) @ w2))
    log.info("val/acc: %.4f", np.mean((p > 0.5) == y[400:]))
    log.info("val/loss: %.4f", -np.mean(np.log(np.where(y[400:] > 0, p, 1 - p) + 1e-9)))


if __name__ == "__main__":
    main()
