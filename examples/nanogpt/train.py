"""Trains a small GPT on characters, in the form of nanoGPT's train.py."""

import math
from pathlib import Path

import torch
from data import splits
from model import GPT, GPTConfig

# -----------------------------------------------------------------------------
# I/O
eval_interval = 20
eval_iters = 8
log_interval = 10
# data
batch_size = 12
block_size = 32
# model
n_layer = 2
n_head = 2
n_embd = 32
dropout = 0.0
# adamw optimizer
learning_rate = 3e-3  # max learning rate
max_iters = 60  # total number of training iterations
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.95
grad_clip = 1.0  # clip gradients at this value, or disable if == 0.0
# learning rate decay settings
warmup_iters = 10
min_lr = 3e-4
# -----------------------------------------------------------------------------
exec(Path("configurator.py").read_text())  # overrides from the command line
# -----------------------------------------------------------------------------

torch.manual_seed(1337)
torch.set_num_threads(1)
data, vocab_size = splits()


def get_batch(split):
    tokens = data[split]
    ix = torch.randint(len(tokens) - block_size, (batch_size,))
    x = torch.stack([tokens[i : i + block_size] for i in ix])
    y = torch.stack([tokens[i + 1 : i + 1 + block_size] for i in ix])
    return x, y


config = GPTConfig(vocab_size, block_size, n_layer, n_head, n_embd, dropout)
model = GPT(config)
optimizer = torch.optim.AdamW(
    model.parameters(), lr=learning_rate, betas=(beta1, beta2), weight_decay=weight_decay
)


@torch.no_grad()
def estimate_loss():
    model.eval()
    out = {}
    for split in ("train", "val"):
        losses = torch.tensor([model(*get_batch(split)).item() for _ in range(eval_iters)])
        out[split] = losses.mean().item()
    model.train()
    return out


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    decay_ratio = (it - warmup_iters) / (max_iters - warmup_iters)
    coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
    return min_lr + coeff * (learning_rate - min_lr)


for iter_num in range(max_iters + 1):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(iter_num)
    if iter_num % eval_interval == 0:
        losses = estimate_loss()
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
    loss = model(*get_batch("train"))
    loss.backward()
    if grad_clip != 0.0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if iter_num % log_interval == 0:
        print(f"iter {iter_num}: loss {loss.item():.4f}")
