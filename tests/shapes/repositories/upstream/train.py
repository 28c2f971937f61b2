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
