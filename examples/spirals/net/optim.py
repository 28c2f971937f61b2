"""Adam with weight decay and a rate that falls to nothing."""

import numpy as np


class Adam:
    def __init__(
        self,
        weights: list[np.ndarray],
        lr: float,
        betas: list[float],
        weight_decay: float,
        warmup: float,
    ) -> None:
        self.weights = weights
        self.lr = lr
        self.betas = betas
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.steps = 0
        self.means = [np.zeros_like(weight) for weight in weights]
        self.squares = [np.zeros_like(weight) for weight in weights]

    def step(self, gradients: list[np.ndarray], progress: float) -> None:
        """Move the weights; `progress` is the share of the training that is done."""
        self.steps += 1
        rate = self.lr * min(1.0, progress / self.warmup) * (1 - progress)
        fast, slow = self.betas
        for place, gradient in enumerate(gradients):
            mean = self.means[place] = fast * self.means[place] + (1 - fast) * gradient
            square = self.squares[place] = slow * self.squares[place] + (1 - slow) * gradient**2
            mean = mean / (1 - fast**self.steps)
            square = square / (1 - slow**self.steps)
            self.weights[place] -= rate * mean / (np.sqrt(square) + 1e-8)
            self.weights[place] -= rate * self.weight_decay * self.weights[place]
