"""Trains a byte-level language model for a fixed time, as karpathy/autoresearch does."""

import time

import torch
from prepare import MAX_SEQ_LEN, TIME_BUDGET, VOCAB_SIZE, evaluate_bpb, make_dataloader
from torch import nn
from torch.nn import functional as F

# ---------------------------------------------------------------------------
# Hyperparameters (edit these directly, no CLI flags needed)
# ---------------------------------------------------------------------------
DEPTH = 1
MODEL_DIM = 64
KERNEL = 5  # bytes that a layer looks back
DEVICE_BATCH_SIZE = 16
LEARNING_RATE = 0.002
WEIGHT_DECAY = 0.05
WARMUP_RATIO = 0.1
WARMDOWN_RATIO = 0.5
FINAL_LR_FRAC = 0.05


class Model(nn.Module):
    """A causal convolution a layer, and a gated mixture of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB_SIZE, MODEL_DIM)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(MODEL_DIM, 2 * MODEL_DIM, KERNEL) for _ in range(DEPTH)
        )
        self.scores = nn.Linear(MODEL_DIM, VOCAB_SIZE)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids)
        for convolution in self.convolutions:
            padded = F.pad(F.rms_norm(x, (MODEL_DIM,)).transpose(1, 2), (KERNEL - 1, 0))
            x = x + F.glu(convolution(padded), dim=1).transpose(1, 2)
        return self.scores(F.rms_norm(x, (MODEL_DIM,)))


def lr_multiplier(progress: float) -> float:
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress < 1 - WARMDOWN_RATIO:
        return 1.0
    left = (1 - progress) / WARMDOWN_RATIO
    return left + (1 - left) * FINAL_LR_FRAC


def main() -> None:
    started = time.time()
    torch.manual_seed(42)
    torch.set_num_threads(1)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    loader = make_dataloader(DEVICE_BATCH_SIZE, "train")
    training_seconds = 0.0
    step = 0
    while training_seconds < TIME_BUDGET:
        began = time.time()
        inputs, targets = next(loader)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * lr_multiplier(training_seconds / TIME_BUDGET)
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        training_seconds += time.time() - began
        if step % 50 == 0:
            print(
                f"step {step:05d} ({100 * training_seconds / TIME_BUDGET:.1f}%) "
                f"| loss: {loss.item():.6f} |",
                flush=True,
            )
        step += 1
    val_bpb = evaluate_bpb(model)
    tokens = step * DEVICE_BATCH_SIZE * MAX_SEQ_LEN
    print("---")
    print(f"val_bpb:          {val_bpb:.6f}")
    print(f"training_seconds: {training_seconds:.1f}")
    print(f"total_seconds:    {time.time() - started:.1f}")
    print(f"total_tokens_M:   {tokens / 1e6:.1f}")
    print(f"num_steps:        {step}")
    print(f"num_params_M:     {sum(p.numel() for p in model.parameters()) / 1e6:.1f}")


if __name__ == "__main__":
    main()
