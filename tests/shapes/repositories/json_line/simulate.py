import json
import random

PENALTY = 0.3
random.seed(5)
score = 1 - (PENALTY - 0.1) ** 2 + random.gauss(0, 0.01)
print("simulating")
print(json.dumps({"eval": {"sharpe": score, "max_drawdown": 0.1}, "trades": 12}))
