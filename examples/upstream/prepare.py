"""Data, time budget and score; read-only, as in karpathy/autoresearch."""

import math
from importlib.resources import files

import torch
from torch.nn import functional as F

MAX_SEQ_LEN = 64
TIME_BUDGET = 3  # seconds of training
VOCAB_SIZE = 256  # bytes
EVAL_BATCHES = 8


def _bytes(split: str) -> torch.Tensor:
    folder = files("sklearn.datasets.descr")
    pages = sorted(path.name for path in folder.iterdir() if path.name.endswith(".rst"))
    chosen = pages[::4] if split == "val" else [page for page in pages if page not in pages[::4]]
    text = b"\n".join(folder.joinpath(page).read_bytes() for page in chosen)
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).long()


def make_dataloader(batch_size: int, split: str):
    """Yield inputs and targets without end."""
    data = _bytes(split)
    while True:
        starts = torch.randint(len(data) - MAX_SEQ_LEN - 1, (batch_size,))
        rows = torch.stack([data[start : start + MAX_SEQ_LEN + 1] for start in starts])
        yield rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def evaluate_bpb(model) -> float:
    """Return the bits that a byte of the held-out text costs."""
    data = _bytes("val")
    length = len(data) // EVAL_BATCHES // MAX_SEQ_LEN * MAX_SEQ_LEN
    nats = []
    for part in data[: length * EVAL_BATCHES].view(EVAL_BATCHES, length):
        rows = part.view(-1, MAX_SEQ_LEN)
        scores = model(rows[:, :-1])
        nats.append(F.cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten()).item())
    return sum(nats) / len(nats) / math.log(2)
