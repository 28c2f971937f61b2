"""Trains one GPT for a fixed budget and saves its weights: the file that the agent edits.

    python train.py     # on CPU, CUDA or MPS; by hand: default data, 300 s, ./out. The harness sets
    AUTORESEARCH_DATA    folder with tokens.bin, meta.json    AUTORESEARCH_BUDGET  300s | 200steps
    AUTORESEARCH_OUT     folder for model.safetensors         AUTORESEARCH_SEED    int
    AUTORESEARCH_DEADLINE  when to have saved, in seconds since the epoch (not for a first baseline)

The scorer calls build_model(vocab_size), loads the weights, and asks model(ids) -> logits.
"""

import json
import math
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_model
from torch import Tensor, nn

# Model. A comment ends in values worth searching: [low .. high], log for factors, pow2, a | choice.
DEPTH = 2  # transformer layers; in minutes of a CPU more steps beat more layers [1 .. 8]
ASPECT_RATIO = 64  # model_dim = DEPTH * ASPECT_RATIO, rounded up to whole heads [16 .. 96]
HEAD_DIM = 32  # width of a head; wide ones are faster, narrow ones see more places [16 .. 128 pow2]
MLP_RATIO = 4  # hidden width of the MLP, in model widths [1 .. 8]
# The pattern ends at the last layer: S sees SHORT_WINDOW tokens back, L all.
WINDOW_PATTERN = "SSSL"  # short windows are cheap [SSSL | SSLL | SLSL | LLLL | SSSS]
SHORT_WINDOW = 64  # most of what predicts a token is close by [16 .. 128 pow2]
ROPE_BASE = 10000.0  # slowest rotation: larger tells distant places apart [100 .. 1000000 log]
LOGIT_CAP = 15.0  # logits are squashed to ±this, which keeps early losses calm [5 .. 60 log]

# Optimisation. Rates are for a model 768 wide; those of AdamW scale with model_dim ** -0.5.
TOTAL_BATCH_SIZE = 2**10  # tokens a step; short budgets want many small steps [512 .. 16384 pow2]
DEVICE_BATCH_SIZE = 4  # most rows a forward pass: memory and cache [1 .. 32 pow2]
EMBEDDING_LR = 0.15  # AdamW, token embedding: rare rows see few gradients [0.01 .. 2 log]
UNEMBEDDING_LR = 0.006  # AdamW, output head [0.0005 .. 0.05 log]
MATRIX_LR = 0.03  # Muon, all matrices inside the layers [0.002 .. 0.2 log]
SCALAR_LR = 0.02  # AdamW, the few mixing scalars [0.001 .. 2 log]
WEIGHT_DECAY = 0.05  # Muon only, fading with the learning rate [0 .. 0.5]
ADAM_BETA1 = 0.8  # memory of the gradient; short runs want it short [0.5 .. 0.95]
ADAM_BETA2 = 0.95  # memory of its square [0.8 .. 0.999]
MUON_MOMENTUM = 0.9  # memory of Muon's gradient; the fewer the steps, the shorter [0.8 .. 0.99]
MUON_STEPS = 5  # rounds of orthogonalisation: fewer are rougher and cheaper [1 .. 8]
WARMUP_RATIO = 0.02  # share of the budget in which rates rise from 0 [0 .. 0.3]
WARMDOWN_RATIO = 0.5  # share of the budget in which they fall to FINAL_LR_FRAC [0.1 .. 1]
FINAL_LR_FRAC = 0.02  # what is left of the rates at the end [0 .. 0.2]

# ---------------------------------------------------------------- model


def norm(x: Tensor) -> Tensor:
    """RMSNorm without weights, over the last dimension."""
    return F.rms_norm(x, (x.size(-1),))


def rotate(x: Tensor) -> Tensor:
    """Rotary position code (Su et al. 2021) on [B, H, T, D]: pairs (i, i + D/2) turn."""
    half = x.size(-1) // 2
    rates = ROPE_BASE ** -(torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = torch.outer(torch.arange(x.size(-2), device=x.device, dtype=torch.float32), rates)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x.split(half, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def window_mask(length: int, window: int, device: torch.device) -> Tensor:
    """Bool [T, T]: a query (row) sees itself and the `window - 1` keys before it."""
    place = torch.arange(length, device=device)
    distance = place[:, None] - place[None, :]
    return (distance >= 0) & (distance < window)


def spread(*shape: int) -> Tensor:
    """Initial weights [..., out, in]: uniform, sized to keep a normed input normed."""
    return torch.empty(shape).uniform_(-1, 1) * (3 / shape[-1]) ** 0.5


class Block(nn.Module):
    """Attention with QK-norm, then an MLP with ReLU²; each adds to the stream."""

    def __init__(self, dim: int, heads: int, short: bool) -> None:
        super().__init__()
        self.heads, self.short = heads, short
        hidden = round(MLP_RATIO * dim)
        self.qkv = nn.Parameter(torch.empty(3, dim, dim).uniform_(-1, 1) * (3 / dim) ** 0.5)
        self.out = nn.Parameter(torch.zeros(dim, dim))  # a block starts as the identity
        self.up = nn.Parameter(spread(hidden, dim))
        self.down = nn.Parameter(torch.zeros(dim, hidden))

    def attend(self, x: Tensor) -> Tensor:
        """Causal attention over x [B, T, C]."""
        b, t, c = x.shape
        qkv = F.linear(x, self.qkv.flatten(0, 1)).view(b, t, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = norm(rotate(q)), norm(rotate(k))
        if self.short and t > SHORT_WINDOW:
            mask = window_mask(t, SHORT_WINDOW, x.device)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.linear(y.transpose(1, 2).reshape(b, t, c), self.out)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, C] -> [B, T, C]."""
        x = x + self.attend(norm(x))
        return x + F.linear(F.relu(F.linear(norm(x), self.up)).square(), self.down)


class GPT(nn.Module):
    """Decoder-only transformer; every layer sees the embedding again, by two learnt scalars."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.dim = math.ceil(DEPTH * ASPECT_RATIO / HEAD_DIM) * HEAD_DIM
        self.embedding = nn.Embedding(vocab_size, self.dim)
        pattern = [WINDOW_PATTERN[(i - DEPTH) % len(WINDOW_PATTERN)] for i in range(DEPTH)]
        heads = self.dim // HEAD_DIM
        self.blocks = nn.ModuleList(Block(self.dim, heads, kind == "S") for kind in pattern)
        stream_and_embedding = torch.tensor([[1.0, 0.0]])
        self.mix = nn.Parameter(stream_and_embedding.repeat(DEPTH, 1))
        self.head = nn.Linear(self.dim, vocab_size, bias=False)
        nn.init.normal_(self.embedding.weight)
        nn.init.zeros_(self.head.weight)  # the first loss is ln(vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        """ids [B, T] -> logits [B, T, V] in float32; a position sees none after it."""
        x = first = norm(self.embedding(ids))
        for block, mix in zip(self.blocks, self.mix, strict=True):
            x = block(mix[0] * x + mix[1] * first)
        logits = self.head(norm(x)).float()
        return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP)


def build_model(vocab_size: int) -> nn.Module:
    """A fresh model on the CPU; the scorer loads the saved weights into it."""
    return GPT(vocab_size)


# ---------------------------------------------------------------- optimisers


def orthogonalise(matrices: Tensor) -> Tensor:
    """Roughly the nearest orthogonal matrix of each of [N, R, C]: Newton-Schulz (Jordan 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    wide = x.size(-2) <= x.size(-1)
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(MUON_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised: every direction of a matrix learns at one rate."""

    @torch.no_grad()
    def step(self) -> None:
        """One update of every matrix; a parameter [N, R, C] is N matrices."""
        for group in self.param_groups:
            shapes: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                shapes[p.shape[-2:]].append(p)
            for (rows, columns), params in shapes.items():
                moves = [self.direction(p, group["momentum"]) for p in params]
                update = orthogonalise(torch.cat([m.view(-1, rows, columns) for m in moves]))
                update *= max(1.0, rows / columns) ** 0.5
                counts = [p.numel() // (rows * columns) for p in params]
                for p, change in zip(params, update.split(counts), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.sub_(change.view_as(p), alpha=group["lr"])

    def direction(self, p: nn.Parameter, momentum: float) -> Tensor:
        """The gradient, blended with its running mean."""
        mean = self.state[p].setdefault("mean", torch.zeros_like(p))
        mean.lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(mean, momentum)


def build_optimizers(model: GPT) -> list[torch.optim.Optimizer]:
    """AdamW for embedding, head and scalars; Muon for the matrices of the layers."""
    scale = (model.dim / 768) ** -0.5
    groups = [
        {"params": [model.embedding.weight], "lr": EMBEDDING_LR * scale},
        {"params": [model.head.weight], "lr": UNEMBEDDING_LR * scale},
        {"params": [model.mix], "lr": SCALAR_LR},
    ]
    betas = (ADAM_BETA1, ADAM_BETA2)
    adam = torch.optim.AdamW(groups, betas=betas, eps=1e-10, weight_decay=0.0, fused=True)
    matrices = list(model.blocks.parameters())
    how = {"lr": MATRIX_LR, "momentum": MUON_MOMENTUM, "weight_decay": WEIGHT_DECAY}
    muon = Muon(matrices, how)
    for optimizer in (adam, muon):
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return [adam, muon]


def rate(progress: float) -> float:
    """The learning rate's factor at a share 0..1 of the budget: up, flat, down."""
    up = min(1.0, (progress + 1e-3) / WARMUP_RATIO) if WARMUP_RATIO else 1.0
    down = min(1.0, (1.0 - progress) / WARMDOWN_RATIO) if WARMDOWN_RATIO else 1.0
    return min(up, FINAL_LR_FRAC + (1 - FINAL_LR_FRAC) * max(0.0, down))


# ---------------------------------------------------------------- budget, data, device


class Budget:
    """The share of `300s` or `200steps` that is used; seconds count from construction.

    deadline: seconds since the epoch by which the weights must be saved; it shortens a budget in
    seconds after a slow start.
    """

    def __init__(self, text: str, deadline: float = math.inf) -> None:
        self.steps = int(text.removesuffix("steps")) if text.endswith("steps") else None
        self.given = float(text.removesuffix("s")) if self.steps is None else math.inf
        left = deadline - time.time() - 0.5 if self.steps is None else math.inf  # 0.5 s to save
        self.limit = max(0.001, min(self.given, left))
        self.start = time.perf_counter()

    def seconds(self) -> float:
        """Training seconds so far."""
        return time.perf_counter() - self.start

    def progress(self, step: int) -> float:
        """The share used before `step`, 0..1."""
        return min(1.0, step / self.steps if self.steps else self.seconds() / self.limit)

    def allows(self, step: int, last: float) -> bool:
        """Whether a step of `last` seconds, as the last one, ends in time; the first may try."""
        if self.steps is not None:
            return step < self.steps
        return step == 0 or self.seconds() + last < self.limit


def batches(
    tokens: np.ndarray, rows: int, length: int, seed: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless (ids, targets) [rows, length]: each epoch all windows, shuffled, another offset."""
    generator = np.random.default_rng(seed)
    if len(tokens) < 2 * length + 1:
        sys.exit(f"{len(tokens)} training tokens are too few for windows of {length}")
    queue = np.empty(0, dtype=np.int64)
    while True:
        while len(queue) < rows:
            starts = np.arange(generator.integers(length), len(tokens) - length, length)
            queue = np.concatenate((queue, generator.permutation(starts)))
        places = queue[:rows, None] + np.arange(length + 1)
        window = torch.from_numpy(tokens[places].astype(np.int64))
        queue = queue[rows:]
        if device.type == "cuda":
            window = window.pin_memory()
        window = window.to(device, non_blocking=True)
        yield window[:, :-1], window[:, 1:]


def data_folder() -> Path:
    """The harness's training data; by hand, the default corpus, prepared where it is absent."""
    if folder := os.environ.get("AUTORESEARCH_DATA"):
        return Path(folder)
    import prepare

    return prepare.prepare(prepare.cache_root())[0] / "train"


def pick_device() -> torch.device:
    """CUDA, then MPS, then the CPU with as many threads as this process may use."""
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    here = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if here else os.cpu_count() or 1
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or cores))
    return torch.device("cpu")


def compiled(model: nn.Module, device: torch.device) -> nn.Module:
    """torch.compile where it pays: on CUDA, and only with the C compiler that it needs."""
    if device.type == "cuda" and (shutil.which("cc") or shutil.which("gcc")):
        return torch.compile(model, dynamic=False)
    return model


# ---------------------------------------------------------------- training


def learn(forward: nn.Module, data: Iterator[tuple[Tensor, Tensor]], passes: int) -> float:
    """Add up the gradients of `passes` batches; returns their mean loss in nats a token."""
    total = 0.0
    for _ in range(passes):
        ids, targets = next(data)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=ids.is_cuda):
            logits = forward(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()) / passes
        loss.backward()
        total = total + loss.detach()
    return float(total)


def update(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """One step of every optimizer, at `factor` of its rates."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def refuse_giants(model: nn.Module, ids: Tensor, passes: int, budget: Budget) -> None:
    """Exit at once if, by the time of one row on a CPU, not even one step fits the budget."""
    if ids.device.type != "cpu":
        return
    start = budget.seconds()
    model(ids[:1]).sum().backward()
    model.zero_grad(set_to_none=True)
    # Together, rows are up to twice as fast.
    step = (budget.seconds() - start) * len(ids) * passes / 2
    if step > budget.given:
        share = f"{step:.0f} s of a budget of {budget.given:.0f} s"
        sys.exit(f"one step would take about {share}: make the model or the batch smaller")


def train(folder: Path, out: Path, budget_text: str, seed: int, deadline: float = math.inf) -> None:
    """Train on `folder` and write `out`/model.safetensors; exit 1 if the loss is not finite.

    All that is slow and no training comes before the tokens are opened: from there the harness
    times a budget in steps.
    """
    began = time.perf_counter()
    torch.manual_seed(seed)
    device = pick_device()
    meta = json.loads((folder / "meta.json").read_text())
    length = meta["sequence_length"]
    rows = max(1, min(DEVICE_BATCH_SIZE, TOTAL_BATCH_SIZE // length))
    passes = max(1, round(TOTAL_BATCH_SIZE / (rows * length)))
    model = build_model(meta["vocab_size"]).to(device)
    forward = compiled(model, device)
    optimizers = build_optimizers(model)
    dtype = np.dtype(meta["dtype"]).newbyteorder("<")
    tokens = np.memmap(folder / "tokens.bin", dtype=dtype, mode="r")
    data = batches(tokens, rows, length, seed, device)

    budget = Budget(budget_text, deadline)
    refuse_giants(model, next(data)[0], passes, budget)
    step, last, mean, shown = 0, 0.0, 0.0, -1
    while budget.allows(step, last):
        progress, before = budget.progress(step), budget.seconds()
        loss = learn(forward, data, passes)
        if not math.isfinite(loss):
            trouble = "training diverged; lower the learning rates"
            sys.exit(f"the loss is {loss} at step {step}: {trouble}")
        update(optimizers, rate(progress))
        last = budget.seconds() - before if step or forward is model else 0.0  # once: compiling
        step += 1
        mean += (loss - mean) * max(1 / step, 0.05)
        percent = 100 * budget.progress(step)
        if percent >= shown + 1:
            shown = int(percent)
            line = f"step {step:05d} ({percent:.1f}%) | loss: {mean:.6f} | lr: {rate(progress):.2f}"
            print(f"{line} | {last:.3f} s/step", flush=True)

    seconds = budget.seconds()
    out.mkdir(parents=True, exist_ok=True)
    save_model(model, str(out / "model.safetensors"))
    peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0.0
    count = step * passes * rows * length
    summary = {
        "training_seconds": f"{seconds:.1f}",
        "total_seconds": f"{time.perf_counter() - began:.1f}",
        "peak_vram_mb": f"{peak:.1f}",
        "total_tokens_M": f"{count / 1e6:.3f}",
        "tokens_per_second": f"{count / seconds:.0f}",
        "num_steps": step,
        "step_seconds": f"{last:.3f}",
        "num_params_M": f"{sum(p.numel() for p in model.parameters()) / 1e6:.3f}",
        "depth": DEPTH,
        "model_dim": model.dim,
        "final_loss": f"{mean:.6f}",
    }
    print("---\n" + "\n".join(f"{key}: {value}" for key, value in summary.items()), flush=True)


if __name__ == "__main__":
    env = os.environ.get
    deadline = float(env("AUTORESEARCH_DEADLINE") or "inf")
    seed = int(env("AUTORESEARCH_SEED") or 0)
    out = Path(env("AUTORESEARCH_OUT") or "out")
    train(data_folder(), out, env("AUTORESEARCH_BUDGET") or "300s", seed, deadline)
