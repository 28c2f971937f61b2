"""A convolutional network of 14 constants on handwritten digits, after neuropt's CNN benchmark (github.com/loevlie/neuropt).

The constants and the network are neuropt's, made small enough for a core: 600 of scikit-learn's digits of 8 x 8 pixels where it
has 5,000 of Fashion-MNIST at 32 x 32, and an eighth of the channels. So it is another task, and neuropt's figures are not to be
laid beside its. Failures are real ones: an image that is pooled away (neuropt guards against that), a loss that diverges.
The seed decides the split, the first weights and the order of the batches, alike for every method and trial.
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
EPOCHS, BATCH = 6, 32
MAX_CHANNELS = 32
TRAINING, VALIDATION = 600, 450
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}


def task(name: str) -> Task:
    """The task `cnn`."""
    noise = "none within a seed: it decides split and weights, alike for all; scores are those that the method sees"
    return Task(name, TASKS[name].about, noise, read_space(SOURCE), SOURCE, make)


def make(seed: int) -> Evaluate:
    """The function of a seed: the cross-entropy on the validation digits after EPOCHS of training."""
    train, validation = _split(seed)

    def evaluate(configuration: Configuration, _: int) -> Outcome:
        torch.set_num_threads(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _trained(Network(configuration), configuration, train, validation)

    return evaluate


class Network(nn.Module):
    """Blocks of convolutions, pooled now and then, and a head."""

    def __init__(self, c: Configuration) -> None:
        super().__init__()
        activation, dropout = ACTIVATIONS[str(c["ACTIVATION"])], float(c["DROPOUT"])
        self.blocks, self.shortcuts, self.pools = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before, size = 1, int(c["KERNEL_SIZE"])
        for i in range(int(c["N_BLOCKS"])):
            width = min(
                MAX_CHANNELS,
                max(2, int(float(c["BASE_CHANNELS"]) * float(c["CHANNEL_GROWTH"]) ** i)),
            )
            normed = bool(c["USE_BATCHNORM"])
            layers: list[nn.Module] = [
                nn.Conv2d(before, width, size, padding=size // 2, bias=not normed)
            ]
            layers += [nn.BatchNorm2d(width)] if normed else []
            layers += [activation(), nn.Dropout2d(dropout)]
            self.blocks.append(nn.Sequential(*layers))
            self.shortcuts.append(
                nn.Conv2d(before, width, 1, bias=False) if before != width else nn.Identity()
            )
            pooled = (i + 1) % int(c["POOL_EVERY"]) == 0
            self.pools.append(
                (nn.MaxPool2d(2) if c["POOL_TYPE"] == "max" else nn.AvgPool2d(2))
                if pooled
                else nn.Identity()
            )
            before = width
        hidden = int(c["FC_HIDDEN"])
        deep = [nn.Linear(before, hidden), activation(), nn.Dropout(dropout)] if hidden else []
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), *deep, nn.Linear(hidden or before, 10)
        )
        self.residual = bool(c["USE_RESIDUAL"])

    def forward(self, x: Tensor) -> Tensor:
        """(n, 10) logits of (n, 1, 8, 8) images."""
        for block, shortcut, pool in zip(self.blocks, self.shortcuts, self.pools, strict=True):
            x = pool(block(x) + shortcut(x) if self.residual else block(x))
        logits: Tensor = self.head(x)
        return logits


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
    return Outcome(score, curve=curve) if math.isfinite(score) else Outcome("crash", curve=curve)


def _optimizer(network: Network, c: Configuration) -> torch.optim.Optimizer:
    rate, decay = float(c["LR"]), float(c["WD"])
    if c["OPTIMIZER"] == "sgd":
        return torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    kind = torch.optim.AdamW if c["OPTIMIZER"] == "adamw" else torch.optim.Adam
    return kind(network.parameters(), lr=rate, weight_decay=decay)


def _epoch(
    network: Network, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> float:
    """The mean training loss."""
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
    """Training and validation digits."""
    images, labels = _digits()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels)))
    held, first = order[:VALIDATION], order[VALIDATION : VALIDATION + TRAINING]
    return (images[first], labels[first]), (images[held], labels[held])


@cache
def _digits() -> Digits:
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images, torch.tensor(labels, dtype=torch.long)
