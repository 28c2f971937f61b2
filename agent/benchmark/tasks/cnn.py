"""A convolutional network of 14 constants on handwritten digits.

After neuropt's CNN benchmark (github.com/loevlie/neuropt), made small enough for one core: 600 of
scikit-learn's digits of 8 x 8 pixels instead of 5,000 images of Fashion-MNIST at 32 x 32, and an
eighth of the channels. So it is another task, and neuropt's figures cannot be compared with it.
Failures are real: an image that is pooled away (neuropt guards against that), a loss that
diverges. The seed decides the split, the first weights and the order of the batches, alike for
every method and trial.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from agent.benchmark.task import Evaluate, Outcome, Task
from agent.benchmark.tasks import TASKS
from agent.propose.search.observe import Curve
from agent.records.proposals import Configuration
from agent.space import read_space

SOURCE = """
N_BLOCKS = 3  # [2 .. 8]
BASE_CHANNELS = 8  # [2 .. 16]
CHANNEL_GROWTH = 1.5  # [1 .. 2.5]
KERNEL_SIZE = 3  # [3 | 5]
ACTIVATION = "relu"  # [relu | gelu | leaky_relu | silu]
USE_RESIDUAL = False  # [False | True]
USE_BATCHNORM = True  # [False | True]
DROPOUT = 0.1  # [0 .. 0.5]
POOL_EVERY = 2  # [1 .. 4]
POOL_TYPE = "max"  # [max | avg]
FC_HIDDEN = 64  # [0 .. 512]
LR = 0.003  # [0.0001 .. 0.1 log]
WD = 0.0001  # [0.000001 .. 0.01 log]
OPTIMIZER = "adam"  # [sgd | adam | adamw]
"""
EPOCHS = 6
BATCH = 32
MAX_CHANNELS = 32
TRAINING = 600
VALIDATION = 450
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}


def task(name: str) -> Task:
    """Return the task `cnn`."""
    noise = (
        "none within a seed, which decides split and weights; scores are those that the method sees"
    )
    return Task(name, TASKS[name].about, noise, read_space(SOURCE), SOURCE, make)


def make(seed: int) -> Evaluate:
    """Return the function of a seed: the validation cross-entropy after EPOCHS of training."""
    train, validation = _split(seed)

    def evaluate(configuration: Configuration, _: int) -> Outcome:
        torch.set_num_threads(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _trained(Network(configuration), configuration, train, validation)

    return evaluate


class Network(nn.Module):
    """Blocks of convolutions, some of them pooled, and a head."""

    def __init__(self, c: Configuration) -> None:
        super().__init__()
        self.residual = bool(c["USE_RESIDUAL"])
        self.blocks = nn.ModuleList()
        self.shortcuts = nn.ModuleList()
        self.pools = nn.ModuleList()
        before = 1
        for i in range(int(c["N_BLOCKS"])):
            width = _channels(c, i)
            self.blocks.append(_block(c, before, width))
            shortcut = nn.Conv2d(before, width, 1, bias=False) if before != width else nn.Identity()
            self.shortcuts.append(shortcut)
            self.pools.append(_pool(c) if (i + 1) % int(c["POOL_EVERY"]) == 0 else nn.Identity())
            before = width
        self.head = _head(c, before)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 10) logits of (n, 1, 8, 8) images."""
        for block, shortcut, pool in zip(self.blocks, self.shortcuts, self.pools, strict=True):
            x = pool(block(x) + shortcut(x) if self.residual else block(x))
        logits: Tensor = self.head(x)
        return logits


def _channels(c: Configuration, block: int) -> int:
    wanted = int(float(c["BASE_CHANNELS"]) * float(c["CHANNEL_GROWTH"]) ** block)
    return min(MAX_CHANNELS, max(2, wanted))


def _block(c: Configuration, before: int, width: int) -> nn.Module:
    size = int(c["KERNEL_SIZE"])
    normed = bool(c["USE_BATCHNORM"])
    layers: list[nn.Module] = [nn.Conv2d(before, width, size, padding=size // 2, bias=not normed)]
    if normed:
        layers.append(nn.BatchNorm2d(width))
    layers += [ACTIVATIONS[str(c["ACTIVATION"])](), nn.Dropout2d(float(c["DROPOUT"]))]
    return nn.Sequential(*layers)


def _pool(c: Configuration) -> nn.Module:
    return nn.MaxPool2d(2) if c["POOL_TYPE"] == "max" else nn.AvgPool2d(2)


def _head(c: Configuration, channels: int) -> nn.Module:
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    hidden = int(c["FC_HIDDEN"])
    if hidden:
        layers += [nn.Linear(channels, hidden), ACTIVATIONS[str(c["ACTIVATION"])]()]
        layers.append(nn.Dropout(float(c["DROPOUT"])))
    layers.append(nn.Linear(hidden or channels, 10))
    return nn.Sequential(*layers)


Digits = tuple[Tensor, Tensor]


def _trained(network: Network, c: Configuration, train: Digits, validation: Digits) -> Outcome:
    optimizer = _optimizer(network, c)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    curve: Curve = ()
    try:
        for epoch in range(EPOCHS):
            loss = _epoch(network, optimizer, *train)
            schedule.step()
            if not math.isfinite(loss):
                return Outcome("crash", curve=curve)
            curve = (*curve, ((epoch + 1) / EPOCHS, loss))
        score = _loss(network, *validation)
    except RuntimeError:  # an image that was pooled away
        return Outcome("crash", curve=curve)
    return Outcome(score if math.isfinite(score) else "crash", curve=curve)


def _optimizer(network: Network, c: Configuration) -> torch.optim.Optimizer:
    rate = float(c["LR"])
    decay = float(c["WD"])
    if c["OPTIMIZER"] == "sgd":
        return torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    kind = torch.optim.AdamW if c["OPTIMIZER"] == "adamw" else torch.optim.Adam
    return kind(network.parameters(), lr=rate, weight_decay=decay)


def _epoch(
    network: Network, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> float:
    """Train for one epoch; return the mean loss."""
    network.train()
    total = 0.0
    for batch in torch.split(torch.randperm(len(labels)), BATCH):
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(labels)


@torch.no_grad()
def _loss(network: Network, images: Tensor, labels: Tensor) -> float:
    network.eval()
    return float(nn.functional.cross_entropy(network(images), labels))


def _split(seed: int) -> tuple[Digits, Digits]:
    """Return training and validation digits."""
    images, labels = _digits()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    held = order[:VALIDATION]
    chosen = order[VALIDATION : VALIDATION + TRAINING]
    return (images[chosen], labels[chosen]), (images[held], labels[held])


@cache
def _digits() -> Digits:
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images, torch.tensor(labels, dtype=torch.long)
