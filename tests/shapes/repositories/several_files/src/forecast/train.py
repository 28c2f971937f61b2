import numpy as np

from .config import EPOCHS, L2, LEARNING_RATE, LOOKBACK
from .dataset import windows
from .model import SmoothedLinear


def main():
    (x, y), (x_val, y_val) = windows()
    model = SmoothedLinear(LOOKBACK)
    for epoch in range(EPOCHS):
        error = model(x) - y
        model.w -= LEARNING_RATE * (model.smooth(x).T @ error / len(x) + L2 * model.w)
        model.b -= LEARNING_RATE * error.mean()
        if (epoch + 1) % 50 == 0:
            print(f"[{epoch + 1}/{EPOCHS}] train mse: {np.mean(error ** 2):.5f}")
    print(f"validation mse: {np.mean((model(x_val) - y_val) ** 2):.5f}")


if __name__ == "__main__":
    main()
