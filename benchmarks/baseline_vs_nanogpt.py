"""The bundled baseline against nanoGPT's own CPU recipe, at equal training time on the same bytes.

    git clone https://github.com/karpathy/nanoGPT
    python -m benchmarks.baseline_vs_nanogpt --nanogpt nanoGPT --seconds 300 --seeds 3

nanoGPT runs its own train.py with the flags its README gives for a CPU ("I only have a macbook"),
on bytes. Its step time is measured first, and its schedule made as long as the time allows; it is
timed by its own log. Ours runs as the harness runs it. Both are scored on every byte of one
validation text; nanoGPT's 64-byte windows overlap by half, which is in its favour. The order
alternates from seed to seed, so that a machine that slows down slows down both.
"""

import argparse
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_model
from torch.nn.functional import cross_entropy

WORKSPACE = Path(__file__).parents[1] / "workspace"
SIZES = [
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--dropout=0.0",
]
RECIPE = ["--device=cpu", "--compile=False", *SIZES]
BLOCK = 64
PROBE_STEPS = 60  # iterations that nanoGPT's step time is measured over


class Result(NamedTuple):
    """One training run: bits per byte of the validation text, training seconds, steps."""

    bpb: float
    seconds: float
    steps: int


def load(path: Path, name: str) -> Any:
    """Return the module at `path`, loaded under `name`."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, f"{path} is no module"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def prepared() -> Path:
    """Return the default data, made if absent."""
    command = [sys.executable, "prepare.py"]
    run = subprocess.run(command, cwd=WORKSPACE, stdout=subprocess.PIPE, text=True, check=True)
    return Path(json.loads(run.stdout.splitlines()[-1])["data"])


def raw_bytes(data: Path, side: str) -> np.ndarray:
    """Return the text of one side, as bytes."""
    tokenizer = load(WORKSPACE / "prepare.py", "prepare").Tokenizer.load(data / "tokenizer.json")
    meta = json.loads((data / side / "meta.json").read_text())
    tokens = np.fromfile(data / side / "tokens.bin", dtype=meta["dtype"])
    return np.frombuffer(tokenizer.decode(tokens.tolist()), dtype=np.uint8)


# ---------------------------------------------------------------- ours


def ours(data: Path, seconds: int, seed: int, environment: dict[str, str]) -> Result:
    """Train workspace/train.py and score its weights on the validation tokens, in whole windows."""
    with tempfile.TemporaryDirectory() as out:
        budget = {"AUTORESEARCH_BUDGET": f"{seconds}s", "AUTORESEARCH_SEED": str(seed)}
        folders = {"AUTORESEARCH_DATA": str(data / "train"), "AUTORESEARCH_OUT": out}
        log = run(["train.py"], WORKSPACE, {**environment, **budget, **folders})
        meta = json.loads((data / "val" / "meta.json").read_text())
        model = load(WORKSPACE / "train.py", "train").build_model(meta["vocab_size"])
        load_model(model, f"{out}/model.safetensors")
    summary = dict(line.split(": ") for line in log.split("---\n")[1].splitlines())
    trained = float(summary["training_seconds"])
    return Result(score_ours(model, data), trained, int(summary["num_steps"]))


@torch.no_grad()
def score_ours(model: torch.nn.Module, data: Path) -> float:
    """Return val_bpb as the workspace defines it."""
    meta = json.loads((data / "val" / "meta.json").read_text())
    stored = np.fromfile(data / "val" / "tokens.bin", dtype=meta["dtype"])
    tokens = torch.from_numpy(stored.astype(np.int64))
    length = meta["sequence_length"]
    ids = tokens[:-1].view(-1, length)
    targets = tokens[1:].view(-1, length)
    nats = [
        cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none")
        for x, y in zip(torch.split(ids, 16), torch.split(targets, 16), strict=True)
    ]
    sizes = np.fromfile(data / "val" / "token_bytes.bin", dtype="<u2")
    prepare = load(WORKSPACE / "prepare.py", "prepare")
    losses = torch.cat(nats).double().numpy()
    return float(prepare.bits_per_byte(losses, targets.flatten().numpy(), sizes))


# ---------------------------------------------------------------- nanoGPT


def stage(checkout: Path, data: Path, folder: Path) -> None:
    """Copy the checkout, with the bytes as its data set and the seed as a variable."""
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git"))
    source = (folder / "train.py").read_text()
    seed = "1337 + seed_offset"
    assert source.count(seed) == 1, "nanoGPT's train.py no longer sets its seed where it used to"
    seeded = source.replace(seed, "int(os.environ['SEED']) + seed_offset")
    (folder / "train.py").write_text(seeded)
    (folder / "data" / "bytes").mkdir(parents=True)
    for side in ("train", "val"):
        raw_bytes(data, side).astype(np.uint16).tofile(folder / "data" / "bytes" / f"{side}.bin")
    code = "import pickle; pickle.dump({'vocab_size': 256}, open('data/bytes/meta.pkl', 'wb'))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def nanogpt(folder: Path, seconds: int, seed: int, environment: dict[str, str]) -> Result:
    """Train as many steps as fit into `seconds` by a step time measured before; score the end."""
    probe = step_seconds(nanogpt_train(folder, PROBE_STEPS, seed, environment))
    steps = max(PROBE_STEPS, round(seconds / mean(probe[5:])))
    spent = step_seconds(nanogpt_train(folder, steps, seed, environment))
    checkpoint = torch.load(folder / "out-bytes" / "ckpt.pt", map_location="cpu", weights_only=True)
    module = load(folder / "model.py", "nanogpt_model")
    with redirect_stdout(sys.stderr):  # it tells its size
        model = module.GPT(module.GPTConfig(**checkpoint["model_args"])).eval()
    model.load_state_dict(checkpoint["model"])
    stored = np.fromfile(folder / "data" / "bytes" / "val.bin", dtype=np.uint16)
    text = torch.from_numpy(stored.astype(np.int64))
    return Result(score_bytes(model, text), sum(spent[:steps]), steps)


def nanogpt_train(folder: Path, steps: int, seed: int, environment: dict[str, str]) -> str:
    """Run its train.py for `steps` steps, with only two evaluations, of one batch each."""
    length = [
        f"--max_iters={steps}",
        f"--lr_decay_iters={steps}",
        f"--warmup_iters={min(100, steps // 2)}",
        f"--eval_interval={steps}",
    ]
    record = [
        "--eval_iters=1",
        "--log_interval=1",
        "--always_save_checkpoint=True",
        "--dataset=bytes",
        "--out_dir=out-bytes",
    ]
    command = ["train.py", "config/train_shakespeare_char.py", *RECIPE, *length, *record]
    return run(command, folder, {**environment, "SEED": str(1337 + seed)})


def step_seconds(log: str) -> list[float]:
    """Return the seconds of each step, from nanoGPT's own log."""
    times = re.findall(r"^iter \d+: loss [\d.]+, time ([\d.]+)ms", log, re.MULTILINE)
    return [float(milliseconds) / 1000 for milliseconds in times]


@torch.no_grad()
def score_bytes(model: torch.nn.Module, text: torch.Tensor) -> float:
    """Return bits per byte over `text`, except its last few bytes.

    Every byte after the first 32 is predicted from 33 to 64 bytes of context.
    """
    half = BLOCK // 2
    total = 0.0
    count = 0
    starts = torch.arange(0, len(text) - BLOCK, half)
    for chunk in torch.split(starts, 256):
        window = text[chunk[:, None] + torch.arange(BLOCK + 1)]
        targets = window[:, 1:].contiguous()
        logits, _ = model(window[:, :-1], targets)
        nats = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        nats = nats.view(len(chunk), BLOCK)
        if chunk[0] == 0:  # nothing overlaps the first half of the first window
            total += nats[0, :half].sum().item()
            count += half
        total += nats[:, half:].sum().item()
        count += len(chunk) * half
    return total / math.log(2) / count


# ---------------------------------------------------------------- comparison


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Return what a Python program prints; an error of its is shown and ends the benchmark."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{arguments[0]} in {folder} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def spread(results: list[Result]) -> str:
    """Return mean and standard deviation as text."""
    values = [result.bpb for result in results]
    return f"{mean(values):.4f} ± {stdev(values) if len(values) > 1 else 0.0:.4f}"


def main() -> None:
    """Run both, alternating; print a line per seed, and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of nanoGPT")
    parser.add_argument("--seconds", type=int, default=300, help="training time of each run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
    )
    asked = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
    torch.set_num_threads(asked.threads)
    data = prepared()
    results: dict[str, list[Result]] = {"nanoGPT": [], "ours": []}
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "nanoGPT"
        stage(asked.nanogpt, data, staged)
        for seed in range(asked.seeds):
            for name in ("ours", "nanoGPT") if seed % 2 else ("nanoGPT", "ours"):
                if name == "ours":
                    result = ours(data, asked.seconds, seed, environment)
                else:
                    result = nanogpt(staged, asked.seconds, seed, environment)
                results[name].append(result)
                score = f"seed {seed}  {name:8} {result.bpb:.4f} bits/byte"
                print(f"{score}  {result.seconds:6.1f} s  {result.steps} steps", flush=True)
    for name, each in results.items():
        conditions = f"{len(each)} seeds, {asked.seconds} s on {asked.threads} threads"
        print(f"{name:8} {spread(each)} bits/byte of {conditions}")
    ratio = mean(r.bpb for r in results["ours"]) / mean(r.bpb for r in results["nanoGPT"])
    print(f"ours / nanoGPT: {ratio:.3f}")


if __name__ == "__main__":
    main()
