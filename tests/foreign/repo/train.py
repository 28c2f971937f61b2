"""Trains a small character model within prepare.py's time budget: `python train.py`."""

import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from prepare import CONTEXT, TIME_BUDGET, VOCAB_SIZE, evaluate_bpb, load

# Hyperparameters
EMBEDDING_DIM = 16
HIDDEN_DIM = 64
BATCH_SIZE = 256
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.01

t_start = time.time()
torch.manual_seed(42)


class Model(nn.Module):
    """The next character from the embeddings of the last few."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, EMBEDDING_DIM)
        self.hidden = nn.Linear(CONTEXT * EMBEDDING_DIM, HIDDEN_DIM)
        self.head = nn.Linear(HIDDEN_DIM, VOCAB_SIZE)

    def forward(self, idx):
        return self.head(F.relu(self.hidden(self.embedding(idx).flatten(1))))


model = Model()
num_params = sum(p.numel() for p in model.parameters())
optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
windows = load("train").unfold(0, CONTEXT + 1, 1)

training_time = 0.0
step = 0
while training_time < TIME_BUDGET:
    t0 = time.time()
    batch = windows[torch.randint(len(windows), (BATCH_SIZE,))]
    loss = F.cross_entropy(model(batch[:, :CONTEXT]), batch[:, CONTEXT])
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = LEARNING_RATE * (1 - training_time / TIME_BUDGET)
    optimizer.step()
    training_time += time.time() - t0
    progress = min(training_time / TIME_BUDGET, 1)
    print(
        f"\rstep {step:05d} ({100 * progress:.1f}%) | loss: {loss.item():.6f} | remaining: {TIME_BUDGET - training_time:.0f}s    ",
        end="",
    )
    step += 1
print()

val_bpb = evaluate_bpb(model)

print("---")
print(f"val_bpb:          {val_bpb:.6f}")
print(f"training_seconds: {training_time:.1f}")
print(f"total_seconds:    {time.time() - t_start:.1f}")
print(f"peak_vram_mb:     {0.0:.1f}")
print(f"num_steps:        {step}")
print(f"num_params_M:     {num_params / 1e6:.3f}")
