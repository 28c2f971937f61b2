import numpy as np

from .config import SMOOTHING


class SmoothedLinear:
    def __init__(self, size):
        self.w = np.zeros(size)
        self.b = 0.0

    def smooth(self, x):
        out = x.copy()
        for j in range(1, x.shape[1]):
            out[:, j] = SMOOTHING * out[:, j - 1] + (1 - SMOOTHING) * x[:, j]
        return out

    def __call__(self, x):
        return self.smooth(x) @ self.w + self.b
