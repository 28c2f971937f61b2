import os
import sys
with open(sys.argv[0]) as f:
    code = f.read() # read the code of this file ASAP, for logging
import time
import uuid
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

# -----------------------------------------------------------------------------
# Muon optimizer

def zeropower_via_newtonschulz5(G, steps: int):
    a, b, c = (3.4445, -4.7750, 2.0315)
    X = G / (G.norm() + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        B = b * A + c * A @ A
        X = a * X + B @ X
    return X

class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, ns_steps=5):
        super().__init__(list(params), dict(lr=lr, momentum=momentum, ns_steps=ns_steps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(p.grad)
                buf = state["momentum_buffer"]
                buf.lerp_(p.grad, 1 - group["momentum"])
                p.add_(zeropower_via_newtonschulz5(p.grad.lerp(buf, group["momentum"]), group["ns_steps"]), alpha=-group["lr"])

# -----------------------------------------------------------------------------
# the main model

class GPT(nn.Module):
    def __init__(self, vocab_size: int, num_layers: int, model_dim: int):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, model_dim)
        self.blocks = nn.ModuleList([nn.Linear(model_dim, model_dim, bias=False) for _ in range(num_layers)])
        self.lm_head = nn.Linear(model_dim, vocab_size, bias=False)

    def forward(self, inputs, targets):
        x = self.embed(inputs)
        for block in self.blocks:
            x = x + F.relu(block(F.rms_norm(x, (x.size(-1),)))).square()
        logits = 15 * torch.tanh(self.lm_head(F.rms_norm(x, (x.size(-1),))) / 15)
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

# -----------------------------------------------------------------------------
# int main

@dataclass
class Hyperparameters:
    # data
    train_files: str = "data/fineweb_train_*.bin" # input .bin to train on
    val_tokens: int = 4096 # how many tokens of validation data?
    train_seq_len: int = 256
    # optimization
    num_iterations: int = 40 # number of iterations to run
    cooldown_frac: float = 0.45 # fraction of training spent cooling down the learning rate
    # architecture
    vocab_size: int = 64
    # evaluation and logging
    val_loss_every: int = 20 # every how many steps to evaluate val loss? 0 for only at the end
args = Hyperparameters()

rank = int(os.environ["RANK"])
world_size = int(os.environ["WORLD_SIZE"])
dist.init_process_group(backend="gloo")
master_process = (rank == 0) # this process will do logging, checkpointing etc.
torch.set_num_threads(1)

logfile = None
if master_process:
    run_id = uuid.uuid4()
    os.makedirs("logs", exist_ok=True)
    logfile = f"logs/{run_id}.txt"
    print(logfile)
def print0(s, console=False):
    if master_process:
        with open(logfile, "a") as f:
            if console:
                print(s)
            print(s, file=f)

print0(code)
print0("="*100)
print0(f"Running Python {sys.version}")

def get_batch(step, tokens):
    g = torch.Generator().manual_seed(step)
    x = torch.randint(0, args.vocab_size, (tokens,), generator=g)
    noise = torch.randint(0, 4, (tokens,), generator=g)
    return x, (x * 5 + noise) % args.vocab_size

model = GPT(vocab_size=args.vocab_size, num_layers=2, model_dim=32)
for param in model.parameters():
    dist.broadcast(param.detach(), 0)
optimizer1 = torch.optim.Adam([*model.embed.parameters(), *model.lm_head.parameters()], lr=0.02, betas=(0.8, 0.95))
optimizer2 = Muon(model.blocks.parameters(), lr=0.05, momentum=0.95)
optimizers = [optimizer1, optimizer2]
for opt in optimizers:
    for group in opt.param_groups:
        group["initial_lr"] = group["lr"]

def get_lr(step: int):
    x = step / args.num_iterations # progress in training
    return 1.0 if x < 1 - args.cooldown_frac else (1 - x) / args.cooldown_frac

training_time_ms = 0
t0 = time.perf_counter()
train_steps = args.num_iterations
for step in range(train_steps + 1):
    last_step = (step == train_steps)
    if last_step or (args.val_loss_every > 0 and step % args.val_loss_every == 0):
        training_time_ms += 1000 * (time.perf_counter() - t0)
        with torch.no_grad():
            val_loss = model(*get_batch(10**6, args.val_tokens))
        print0(f"step:{step}/{train_steps} val_loss:{val_loss:.4f} train_time:{training_time_ms:.0f}ms step_avg:{training_time_ms/max(step, 1):.2f}ms", console=True)
        t0 = time.perf_counter()
    if last_step:
        break
    model(*get_batch(step, args.train_seq_len)).backward()
    for param in model.parameters():
        dist.all_reduce(param.grad)
    for opt in optimizers:
        for group in opt.param_groups:
            group["lr"] = group["initial_lr"] * get_lr(step)
        opt.step()
    model.zero_grad(set_to_none=True)
    approx_training_time_ms = training_time_ms + 1000 * (time.perf_counter() - t0)
    print0(f"step:{step+1}/{train_steps} train_time:{approx_training_time_ms:.0f}ms step_avg:{approx_training_time_ms/(step + 1):.2f}ms", console=True)

print0(f"peak memory allocated: 0 MiB reserved: 0 MiB", console=True)
dist.destroy_process_group()
