"""Data, time budget and metric of a small character model. Run once: `python prepare.py`. Fixed: experiments do not change it."""

import math
import os
import sysconfig

import torch
import torch.nn.functional as F

CONTEXT = 8  # characters that a prediction sees
TIME_BUDGET = 1.0  # seconds of training
VOCAB_SIZE = 128  # ASCII
VAL_CHARS = 4096

CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
SOURCES = ("argparse.py", "heapq.py", "string.py", "textwrap.py")


def prepare():
    """Write the corpus into the cache."""
    os.makedirs(CACHE_DIR, exist_ok=True)
    text = bytearray()
    for name in SOURCES:
        path = os.path.join(sysconfig.get_path("stdlib"), name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                text += bytes(byte for byte in file.read() if byte < VOCAB_SIZE)
    with open(os.path.join(CACHE_DIR, "corpus.bin"), "wb") as file:
        file.write(text)


def load(split):
    """Characters of `train` or `val`, int64."""
    with open(os.path.join(CACHE_DIR, "corpus.bin"), "rb") as file:
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).long()
    return data[:-VAL_CHARS] if split == "train" else data[-VAL_CHARS:]


@torch.no_grad()
def evaluate_bpb(model):
    """Bits per byte on the validation characters; each is one byte."""
    windows = load("val").unfold(0, CONTEXT + 1, 1)
    loss = F.cross_entropy(model(windows[:, :CONTEXT]), windows[:, CONTEXT])
    return loss.item() / math.log(2)


if __name__ == "__main__":
    prepare()
    print(f"corpus in {CACHE_DIR}")
