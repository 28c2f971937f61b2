#!/usr/bin/env python3
import argparse
import logging

import numpy as np

logging.basicConfig(format="%(asctime)s - %(levelname)s - %(name)s - %(message)s", level=logging.INFO)
logger = logging.getLogger(__name__)


def parse_args():
    p = argparse.ArgumentParser(description="Fine-tune a linear probe")
    p.add_argument("--learning_rate", type=float, default=5e-2, help="initial learning rate")
    p.add_argument("--weight_decay", type=float, default=1e-3)
    p.add_argument("--num_train_epochs", type=int, default=5)
    p.add_argument("--per_device_train_batch_size", type=int, default=16)
    p.add_argument("--warmup_ratio", type=float, default=0.1)
    p.add_argument("--lr_scheduler_type", default="linear", choices=["linear", "constant"])
    p.add_argument("--seed", type=int, default=42)
    p.add_argument("--output_dir", default="out")
    return p.parse_args()


def main():
    args = parse_args()
    rng = np.random.default_rng(args.seed)
    centers = np.random.default_rng(0).normal(size=(5, 12))
    y = rng.integers(0, 5, 800)
    x = centers[y] + rng.normal(size=(800, 12))
    x_eval, y_eval, x, y = x[600:], y[600:], x[:600], y[:600]
    w = np.zeros((12, 5))
    steps = args.num_train_epochs * len(x) // args.per_device_train_batch_size
    logger.info("***** Running training *****")
    logger.info("  Total optimization steps = %d", steps)
    for step in range(steps):
        i = rng.integers(0, len(x), args.per_device_train_batch_size)
        z = x[i] @ w
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[np.arange(len(i)), y[i]] -= 1
        lr = args.learning_rate * min(1.0, (step + 1) / max(1, args.warmup_ratio * steps))
        if args.lr_scheduler_type == "linear":
            lr *= 1 - step / steps
        w -= lr * (x[i].T @ p / len(i) + args.weight_decay * w)
    predictions = (x_eval @ w).argmax(1)
    accuracy = (predictions == y_eval).mean()
    f1 = np.mean([2 * ((predictions == c) & (y_eval == c)).sum()
                  / max(1, (predictions == c).sum() + (y_eval == c).sum()) for c in range(5)])
    logger.info("***** Eval results *****")
    for key, value in {"eval_accuracy": accuracy, "eval_f1": f1}.items():
        logger.info("  %s = %s", key, str(round(float(value), 4)))


if __name__ == "__main__":
    main()
