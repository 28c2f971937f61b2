"""Stands for Keras: Sequential, Dense, fit with its progress bar, and evaluate, in numpy."""
import time

import numpy as np


class Dense:
    def __init__(self, units, activation=None):
        self.units, self.activation = units, activation

    def build(self, fan_in, rng):
        self.w = rng.normal(0, np.sqrt(2 / fan_in), (fan_in, self.units))
        self.b = np.zeros(self.units)

    def __call__(self, x):
        self.x = x
        z = x @ self.w + self.b
        if self.activation == "relu":
            z = np.maximum(z, 0)
        if self.activation == "softmax":
            z = np.exp(z - z.max(1, keepdims=True))
            z /= z.sum(1, keepdims=True)
        self.out = z
        return z

    def backward(self, slope, lr):
        if self.activation == "relu":
            slope = slope * (self.out > 0)
        below = slope @ self.w.T
        self.w -= lr * self.x.T @ slope
        self.b -= lr * slope.sum(0)
        return below


class Sequential:
    def __init__(self, layers):
        self.layers = layers

    def compile(self, optimizer, learning_rate, loss, metrics):
        self.learning_rate = learning_rate

    def predict(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def evaluate(self, x, y, verbose=1):
        p = self.predict(x)
        loss = -np.log(p[np.arange(len(y)), y] + 1e-9).mean()
        return float(loss), float((p.argmax(1) == y).mean())

    def fit(self, x, y, epochs, batch_size, validation_data):
        rng = np.random.default_rng()
        size = x.shape[1]
        for layer in self.layers:
            layer.build(size, rng)
            size = layer.units
        steps = len(x) // batch_size
        for epoch in range(epochs):
            print(f"Epoch {epoch + 1}/{epochs}")
            began = time.time()
            order = rng.permutation(len(x))
            for step in range(steps):
                i = order[step * batch_size:(step + 1) * batch_size]
                slope = self.predict(x[i]).copy()
                slope[np.arange(len(i)), y[i]] -= 1
                slope /= len(i)
                for layer in reversed(self.layers):
                    slope = layer.backward(slope, self.learning_rate)
                done = int(20 * (step + 1) / steps)
                bar = "━" * done + " " * (20 - done)
                print(f"\r\x1b[1m{step + 1}/{steps}\x1b[0m \x1b[32m{bar}\x1b[0m", end="")
            loss, accuracy = self.evaluate(x, y)
            val_loss, val_accuracy = self.evaluate(*validation_data)
            ms = 1000 * (time.time() - began) / steps
            print(
                f" \x1b[1m{time.time() - began:.0f}s\x1b[0m {ms:.0f}ms/step - accuracy: {accuracy:.4f}"
                f" - loss: {loss:.4f} - val_accuracy: {val_accuracy:.4f} - val_loss: {val_loss:.4f}"
            )
