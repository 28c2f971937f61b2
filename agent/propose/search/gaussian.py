"""A Gaussian process small enough to read: Matérn 5/2, a length for each constant, its hyperparameters at their most probable."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

# Priors, each (mean, deviation) of a logarithm. Lengths in ranges of a constant: most constants matter little over their whole
# range, and a few matter within a tenth of it. Noise as a variance, where scores have variance 1.
LENGTH_PRIOR = (0.5, 1.0)
NOISE_PRIOR = (-5.0, 1.5)
STEPS = 25
SQRT5 = 5**0.5


@dataclass(frozen=True)
class Process:
    """A Gaussian process that has seen `points` (n, d). log_lengths: one for each group of columns."""

    points: np.ndarray
    scale: np.ndarray
    factor: np.ndarray
    weights: np.ndarray
    mean: float
    variance: float

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (without noise) at `points` (m, d)."""
        cross = self.variance * matern(squared_distances(points * self.scale, self.points))
        spread = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        left = self.variance - np.einsum("ij,ij->j", spread, spread)
        return self.mean + cross @ self.weights, np.sqrt(np.maximum(left, 1e-12))


def squared_distances(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """(n, m) from (n, d) and (m, d)."""
    squares = np.sum(one**2, 1)[:, None] + np.sum(two**2, 1) - 2 * one @ two.T
    return np.asarray(np.maximum(squares, 0.0))


def matern(squared: np.ndarray) -> np.ndarray:
    """Matérn 5/2 of squared, scaled distances."""
    distance = SQRT5 * np.sqrt(squared)
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))


def condition(
    points: np.ndarray, values: np.ndarray, theta: np.ndarray, groups: np.ndarray
) -> Process:
    """The process with hyperparameters `theta` (log lengths, log noise, log variance) that has seen `values` (n,)."""
    scale = np.exp(-theta[groups])
    scaled = points * scale
    variance = float(np.exp(theta[-1]))
    kernel = variance * matern(squared_distances(scaled, scaled))
    kernel[np.diag_indices_from(kernel)] += np.exp(theta[-2]) + 1e-8
    factor = cholesky(kernel, lower=True, check_finite=False)
    mean = float(np.mean(values))
    return Process(
        scaled,
        scale,
        factor,
        cho_solve((factor, True), values - mean, check_finite=False),
        mean,
        variance,
    )


def fit(points: np.ndarray, values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The most probable hyperparameters for `values` (n,) at `points` (n, d); groups (d,): which length a column has."""
    count = int(groups.max()) + 1
    start = np.concatenate([np.full(count, LENGTH_PRIOR[0]), [NOISE_PRIOR[0], 0.0]])
    if len(values) < 3:
        return start
    differences = np.stack(
        [
            squared_distances(points[:, groups == group], points[:, groups == group])
            for group in range(count)
        ]
    )
    bounds = [(-3.0, 4.0)] * count + [(-12.0, 1.0), (-3.0, 4.0)]
    centred = values - np.mean(values)
    best = minimize(
        _loss,
        start,
        (differences, centred),
        "L-BFGS-B",
        jac=True,
        bounds=bounds,
        options={"maxiter": STEPS},
    )
    return np.asarray(best.x)


def _loss(
    theta: np.ndarray, differences: np.ndarray, values: np.ndarray
) -> tuple[float, np.ndarray]:
    """Negative log posterior of the hyperparameters, and its gradient."""
    count, n = len(differences), len(values)
    weights = np.exp(-2 * theta[:count])
    distance = SQRT5 * np.sqrt(np.maximum(np.tensordot(weights, differences, 1), 0.0))
    decay, variance, noise = np.exp(-distance), np.exp(theta[-1]), np.exp(theta[-2])
    correlation = variance * (1 + distance + distance**2 / 3) * decay
    try:
        factor = cholesky(correlation + (noise + 1e-8) * np.eye(n), lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    inverse = cho_solve((factor, True), np.eye(n), check_finite=False)
    alpha = inverse @ values
    pull = 0.5 * (inverse - np.outer(alpha, alpha))
    # d k / d log length = 5/3 variance (1 + distance) exp(-distance) weight * difference
    slope = (5 / 3) * variance * (1 + distance) * decay * pull
    lengths = weights * np.tensordot(differences, slope, 2)
    gradient = np.concatenate([lengths, [noise * np.trace(pull), np.sum(pull * correlation)]])
    prior = np.array([LENGTH_PRIOR] * count + [NOISE_PRIOR, (0.0, 1.0)])
    off = (theta - prior[:, 0]) / prior[:, 1]
    loss = 0.5 * values @ alpha + np.sum(np.log(np.diag(factor))) + 0.5 * np.sum(off**2)
    return float(loss), gradient + off / prior[:, 1]
