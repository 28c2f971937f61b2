import argparse
import csv
import json

import numpy as np

STEP = 0.1
N_ITER = 300

ap = argparse.ArgumentParser()
ap.add_argument("--data", required=True)
ap.add_argument("--out", required=True)
ap.add_argument("--alpha", type=float, required=True, help="L2 penalty")
ap.add_argument("--holdout", type=float, default=0.3)
args = ap.parse_args()

with open(args.data) as f:
    rows = [[float(v) for v in row.values()] for row in csv.DictReader(f)]
table = np.array(rows)
x, y = table[:, :-1], table[:, -1]
x = (x - x.mean(0)) / x.std(0)
cut = int(len(x) * (1 - args.holdout))
w, b = np.zeros(x.shape[1]), 0.0
for _ in range(N_ITER):
    e = x[:cut] @ w + b - y[:cut]
    w -= STEP * (x[:cut].T @ e / cut + args.alpha * w / cut)
    b -= STEP * e.mean()
pred = x[cut:] @ w + b
with open(args.out, "w") as f:
    json.dump({"w": w.tolist(), "b": b}, f)
print("MAE on holdout =", round(float(np.abs(pred - y[cut:]).mean()), 4))
