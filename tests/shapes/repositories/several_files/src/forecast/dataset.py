import numpy as np

from .config import HORIZON, LOOKBACK


def series(n=600, seed=3):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    return np.sin(t / 6) + 0.5 * np.sin(t / 17) + 0.1 * rng.normal(size=n)


def windows():
    s = series()
    n = len(s) - LOOKBACK - HORIZON + 1
    x = np.stack([s[i:i + LOOKBACK] for i in range(n)])
    y = s[LOOKBACK + HORIZON - 1:][:n]
    cut = 450 - LOOKBACK
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
