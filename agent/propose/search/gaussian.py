"""A small Gaussian process: Matérn 5/2, one length scale per constant, MAP hyperparameters."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

# Priors, each (mean, deviation) of a logarithm. Lengths are shares of a constant's range: most
# constants matter little over their whole range, a few matter within a tenth of it.
LENGTH_PRIOR = (0.5, 1.0)
# A variance, where scores have variance 1.
NOISE_PRIOR = (-5.0, 1.5)
VARIANCE_PRIOR = (0.0, 1.0)
LENGTH_BOUNDS = (-3.0, 4.0)
NOISE_BOUNDS = (-12.0, 1.0)
VARIANCE_BOUNDS = (-3.0, 4.0)
# On the diagonal, so that a kernel of equal points can be factored.
JITTER = 1e-8
STEPS = 25
# With fewer values the priors say more.
LEAST_VALUES = 3
SQRT5 = 5**0.5


@dataclass(frozen=True)
class Process:
    """A Gaussian process conditioned on n points of d columns."""

    points: np.ndarray
    """(n, d), scaled."""
    scale: np.ndarray
    """(d,): one over the length of each column."""
    factor: np.ndarray
    """(n, n): the lower Cholesky factor of the kernel."""
    weights: np.ndarray
    """(n,): the kernel's inverse times the centred values."""
    mean: float
    variance: float

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, without noise, at `points` (m, d)."""
        squared = squared_distances(points * self.scale, self.points)
        cross = self.variance * matern(squared)
        explained = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        variance = self.variance - np.einsum("ij,ij->j", explained, explained)
        return self.mean + cross @ self.weights, np.sqrt(np.maximum(variance, 1e-12))


def squared_distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the squared distances (n, m) between the rows of (n, d) and (m, d)."""
    squares = np.sum(left**2, 1)[:, None] + np.sum(right**2, 1) - 2 * left @ right.T
    return np.asarray(np.maximum(squares, 0.0))


def matern(squared: np.ndarray) -> np.ndarray:
    """Return Matérn 5/2 of squared, scaled distances."""
    distance = SQRT5 * np.sqrt(squared)
    return np.asarray((1 + distance + distance**2 / 3) * np.exp(-distance))


def condition(
    points: np.ndarray, values: np.ndarray, theta: np.ndarray, groups: np.ndarray
) -> Process:
    """Return the process conditioned on `values` (n,) at `points` (n, d).

    theta: log lengths, log noise, log variance. groups (d,): which length a column has.
    """
    scale = np.exp(-theta[groups])
    scaled = points * scale
    variance = float(np.exp(theta[-1]))
    kernel = variance * matern(squared_distances(scaled, scaled))
    kernel[np.diag_indices_from(kernel)] += np.exp(theta[-2]) + JITTER
    factor = cholesky(kernel, lower=True, check_finite=False)
    mean = float(np.mean(values))
    weights = cho_solve((factor, True), values - mean, check_finite=False)
    return Process(scaled, scale, factor, weights, mean, variance)


def fit(points: np.ndarray, values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the most probable hyperparameters for `values` (n,) at `points` (n, d)."""
    count = int(groups.max()) + 1
    start = np.concatenate([np.full(count, LENGTH_PRIOR[0]), [NOISE_PRIOR[0], VARIANCE_PRIOR[0]]])
    if len(values) < LEAST_VALUES:
        return start
    columns = [points[:, groups == group] for group in range(count)]
    differences = np.stack([squared_distances(column, column) for column in columns])
    centred = values - np.mean(values)
    best = minimize(
        _loss,
        start,
        (differences, centred),
        "L-BFGS-B",
        jac=True,
        bounds=[LENGTH_BOUNDS] * count + [NOISE_BOUNDS, VARIANCE_BOUNDS],
        options={"maxiter": STEPS},
    )
    return np.asarray(best.x)


def _loss(
    theta: np.ndarray, differences: np.ndarray, values: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the negative log posterior of the hyperparameters, and its gradient."""
    count = len(differences)
    size = len(values)
    noise = np.exp(theta[-2])
    variance = np.exp(theta[-1])
    weights = np.exp(-2 * theta[:count])
    distance = SQRT5 * np.sqrt(np.maximum(np.tensordot(weights, differences, 1), 0.0))
    decay = np.exp(-distance)
    correlation = variance * (1 + distance + distance**2 / 3) * decay
    noisy = correlation + (noise + JITTER) * np.eye(size)
    try:
        factor = cholesky(noisy, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    inverse = cho_solve((factor, True), np.eye(size), check_finite=False)
    alpha = inverse @ values
    pull = 0.5 * (inverse - np.outer(alpha, alpha))
    # d k / d log length = 5/3 variance (1 + distance) exp(-distance) weight * difference
    slope = (5 / 3) * variance * (1 + distance) * decay * pull
    lengths = weights * np.tensordot(differences, slope, 2)
    gradient = np.concatenate([lengths, [noise * np.trace(pull), np.sum(pull * correlation)]])
    prior = np.array([LENGTH_PRIOR] * count + [NOISE_PRIOR, VARIANCE_PRIOR])
    off = (theta - prior[:, 0]) / prior[:, 1]
    loss = 0.5 * values @ alpha + np.sum(np.log(np.diag(factor))) + 0.5 * np.sum(off**2)
    return float(loss), gradient + off / prior[:, 1]
