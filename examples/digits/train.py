"""Trains a small convolutional network on the digits that scikit-learn ships."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

# Architecture
CHANNELS = 12
HIDDEN = 32
DROPOUT = 0.2
# Optimization
BATCH_SIZE = 64
LEARNING_RATE = 0.003
WEIGHT_DECAY = 0.01
WARMUP_RATIO = 0.1
LABEL_SMOOTHING = 0.0  # [0 .. 0.2]
EPOCHS = 6
SEED = 0


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, CHANNELS, 3, padding=1)
        self.second = nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.hidden = nn.Linear(2 * CHANNELS * 4, HIDDEN)
        self.scores = nn.Linear(HIDDEN, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = F.max_pool2d(F.relu(self.first(images)), 2)
        images = F.max_pool2d(F.relu(self.second(images)), 2)
        hidden = F.relu(self.hidden(F.dropout(images.flatten(1), DROPOUT, self.training)))
        return self.scores(hidden)


def splits() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return images and labels; the same split in every run."""
    digits = load_digits()
    order = np.random.Generator(np.random.PCG64(7)).permutation(len(digits.target))
    images = torch.tensor(digits.images[order], dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(digits.target[order])
    return {"train": (images[:900], labels[:900]), "val": (images[900:], labels[900:])}


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    data = splits()
    images, labels = data["train"]
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * len(images) // BATCH_SIZE
    for step in range(steps):
        progress = step / steps
        rate = LEARNING_RATE * min(1.0, progress / WARMUP_RATIO) * (1 - progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.randint(len(images), (BATCH_SIZE,))
        scores = net(images[batch])
        loss = F.cross_entropy(scores, labels[batch], label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}/{steps} loss {loss.item():.4f}", flush=True)
    net.eval()
    images, labels = data["val"]
    with torch.no_grad():
        scores = net(images)
    accuracy = (scores.argmax(1) == labels).float().mean().item()
    print(f"val_loss: {F.cross_entropy(scores, labels).item():.4f}")
    print(f"val_acc: {accuracy:.4f}")


if __name__ == "__main__":
    main()
