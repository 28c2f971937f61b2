import numpy as np

ALPHA = 1e-2
DEGREE = 4
LEARNING_RATE = 0.05
ITERATIONS = 400

rng = np.random.RandomState(0)
X = rng.uniform(-1, 1, size=(400, 3))
y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 - X[:, 2] + 0.1 * rng.randn(400)


def features(X):
    return np.hstack([np.ones((len(X), 1))] + [X ** d for d in range(1, DEGREE + 1)])


idx = rng.permutation(len(X))
train, test = idx[:300], idx[300:]
A, B = features(X[train]), features(X[test])
w = np.zeros(A.shape[1])
for it in range(ITERATIONS):
    residual = A @ w - y[train]
    w -= LEARNING_RATE * (A.T @ residual / len(train) + ALPHA * w)
    if it % 100 == 0:
        print(f"iter {it:4d}  train rmse {np.sqrt(np.mean(residual ** 2)):.4f}")

rmse = np.sqrt(np.mean((B @ w - y[test]) ** 2))
mae = np.mean(np.abs(B @ w - y[test]))
print(f"Test RMSE: {rmse:.4f}")
print(f"Test MAE:  {mae:.4f}")
