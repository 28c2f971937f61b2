"""A network with two hidden layers and its gradients, by hand."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass
class MlpConfig:
    width: int = 32
    gain: float = 1.0  # of the weights at the start
    frequency: float = 3.0  # of the sines that a point becomes [1 .. 9 log]


class Mlp:
    """Sines of a point, two hidden layers, and a score for each spiral."""

    def __init__(self, config: MlpConfig, rng: np.random.Generator) -> None:
        self.config = config
        sizes = (6, config.width, config.width, 2)
        self.weights = []
        for fan_in, fan_out in pairwise(sizes):
            scale = config.gain / np.sqrt(fan_in)
            self.weights.append(rng.normal(0, scale, (fan_in, fan_out)))
            self.weights.append(np.zeros(fan_out))

    def features(self, points: np.ndarray) -> np.ndarray:
        turned = self.config.frequency * points
        return np.concatenate([points, np.sin(turned), np.cos(turned)], axis=1)

    def chances(self, points: np.ndarray) -> np.ndarray:
        """Return the probability of each spiral."""
        return self._forward(points)[-1]

    def _forward(self, points: np.ndarray) -> list[np.ndarray]:
        layers = [self.features(points)]
        for place in (0, 2):
            layers.append(np.tanh(layers[-1] @ self.weights[place] + self.weights[place + 1]))
        scores = layers[-1] @ self.weights[4] + self.weights[5]
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [*layers, exponentials / exponentials.sum(axis=1, keepdims=True)]

    def gradients(self, points: np.ndarray, labels: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Return the loss of a batch and its gradients."""
        *layers, chances = self._forward(points)
        rows = np.arange(len(labels))
        loss = float(-np.log(chances[rows, labels] + 1e-12).mean())
        slope = chances.copy()
        slope[rows, labels] -= 1
        slope /= len(labels)
        gradients: list[np.ndarray] = []
        for place in (4, 2, 0):
            below = layers[place // 2]
            gradients = [below.T @ slope, slope.sum(axis=0), *gradients]
            slope = (slope @ self.weights[place].T) * (1 - below**2)
        return loss, gradients
