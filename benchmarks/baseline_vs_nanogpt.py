"""The bundled baseline against nanoGPT's own CPU recipe, at equal training time on the same bytes.

    git clone https://github.com/karpathy/nanoGPT
    python -m benchmarks.baseline_vs_nanogpt --nanogpt nanoGPT --seconds 300 --seeds 3

nanoGPT runs its own train.py with the flags its README gives for a CPU ("I only have a macbook"), on bytes. Its step time is
measured first, and its schedule made as long as the time allows; it is timed by its own log. Ours runs as the harness runs it.
Both are scored on every byte of one validation text; nanoGPT's 64-byte windows overlap by half, which is in its favour.
The order alternates from seed to seed, so that a machine that slows down slows down both.
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
    """The module at `path`, under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, f"{path} is no module"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def prepared() -> Path:
    """The default data, made where it is absent."""
    said = subprocess.run(
        [sys.executable, "prepare.py"], cwd=WORKSPACE, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return Path(json.loads(said.splitlines()[-1])["data"])


def raw_bytes(data: Path, side: str) -> np.ndarray:
    """The text of one side, as bytes."""
    tokenizer = load(WORKSPACE / "prepare.py", "prepare").Tokenizer.load(data / "tokenizer.json")
    meta = json.loads((data / side / "meta.json").read_text())
    return np.frombuffer(
        tokenizer.decode(np.fromfile(data / side / "tokens.bin", dtype=meta["dtype"]).tolist()),
        dtype=np.uint8,
    )


# ---------------------------------------------------------------- ours


def ours(data: Path, seconds: int, seed: int, environment: dict[str, str]) -> Result:
    """Train workspace/train.py and score its weights on the validation tokens, in whole windows."""
    with tempfile.TemporaryDirectory() as out:
        budget = {"AUTORESEARCH_BUDGET": f"{seconds}s", "AUTORESEARCH_SEED": str(seed)}
        folders = {"AUTORESEARCH_DATA": str(data / "train"), "AUTORESEARCH_OUT": out}
        said = run(["train.py"], WORKSPACE, {**environment, **budget, **folders})
        model = load(WORKSPACE / "train.py", "train").build_model(
            json.loads((data / "val" / "meta.json").read_text())["vocab_size"]
        )
        load_model(model, f"{out}/model.safetensors")
    summary = dict(line.split(": ") for line in said.split("---\n")[1].splitlines())
    return Result(
        score_ours(model, data), float(summary["training_seconds"]), int(summary["num_steps"])
    )


@torch.no_grad()
def score_ours(model: torch.nn.Module, data: Path) -> float:
    """val_bpb as the workspace defines it."""
    meta = json.loads((data / "val" / "meta.json").read_text())
    tokens = torch.from_numpy(
        np.fromfile(data / "val" / "tokens.bin", dtype=meta["dtype"]).astype(np.int64)
    )
    length = meta["sequence_length"]
    ids, targets = tokens[:-1].view(-1, length), tokens[1:].view(-1, length)
    nats = [
        cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none")
        for x, y in zip(torch.split(ids, 16), torch.split(targets, 16), strict=True)
    ]
    sizes = np.fromfile(data / "val" / "token_bytes.bin", dtype="<u2")
    prepare = load(WORKSPACE / "prepare.py", "prepare")
    return float(
        prepare.bits_per_byte(torch.cat(nats).double().numpy(), targets.flatten().numpy(), sizes)
    )


# ---------------------------------------------------------------- nanoGPT


def stage(checkout: Path, data: Path, folder: Path) -> None:
    """A copy of the checkout with the bytes as its data set and the seed as a flag; the checkout itself stays as it is."""
    shutil.copytree(checkout, folder, ignore=shutil.ignore_patterns(".git"))
    source = (folder / "train.py").read_text()
    assert source.count("1337 + seed_offset") == 1, (
        "nanoGPT's train.py no longer sets its seed where it used to"
    )
    (folder / "train.py").write_text(
        source.replace("1337 + seed_offset", "int(os.environ['SEED']) + seed_offset")
    )
    (folder / "data" / "bytes").mkdir(parents=True)
    for side in ("train", "val"):
        raw_bytes(data, side).astype(np.uint16).tofile(folder / "data" / "bytes" / f"{side}.bin")
    code = "import pickle; pickle.dump({'vocab_size': 256}, open('data/bytes/meta.pkl', 'wb'))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def nanogpt(folder: Path, seconds: int, seed: int, environment: dict[str, str]) -> Result:
    """Train as many steps as fit into `seconds` by the step time measured just before, and score the last checkpoint."""
    probe = step_seconds(nanogpt_train(folder, PROBE_STEPS, seed, environment))
    steps = max(PROBE_STEPS, round(seconds / mean(probe[5:])))
    spent = step_seconds(nanogpt_train(folder, steps, seed, environment))
    checkpoint = torch.load(folder / "out-bytes" / "ckpt.pt", map_location="cpu", weights_only=True)
    module = load(folder / "model.py", "nanogpt_model")
    with redirect_stdout(sys.stderr):  # it tells its size
        model = module.GPT(module.GPTConfig(**checkpoint["model_args"])).eval()
    model.load_state_dict(checkpoint["model"])
    text = torch.from_numpy(
        np.fromfile(folder / "data" / "bytes" / "val.bin", dtype=np.uint16).astype(np.int64)
    )
    return Result(score_bytes(model, text), sum(spent[:steps]), steps)


def nanogpt_train(folder: Path, steps: int, seed: int, environment: dict[str, str]) -> str:
    """Its train.py for `steps` steps; evaluation is cut to one batch, twice, so that all of the time is training."""
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
    """The time of each step, from nanoGPT's own log."""
    return [
        float(ms) / 1000
        for ms in re.findall(r"^iter \d+: loss [\d.]+, time ([\d.]+)ms", log, re.MULTILINE)
    ]


@torch.no_grad()
def score_bytes(model: torch.nn.Module, text: torch.Tensor) -> float:
    """Bits per byte over `text` but its last few; every byte after the first 32 is predicted from 33 to 64 bytes of context."""
    half = BLOCK // 2
    total, count = 0.0, 0
    starts = torch.arange(0, len(text) - BLOCK, half)
    for chunk in torch.split(starts, 256):
        window = text[chunk[:, None] + torch.arange(BLOCK + 1)]
        targets = window[:, 1:].contiguous()
        logits, _ = model(window[:, :-1], targets)
        nats = cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(
            len(chunk), BLOCK
        )
        if chunk[0] == 0:  # nothing overlaps the first half of the first window
            total, count = total + nats[0, :half].sum().item(), count + half
        total, count = total + nats[:, half:].sum().item(), count + len(chunk) * half
    return total / math.log(2) / count


# ---------------------------------------------------------------- comparison


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a Python program prints; its error is shown and ends the benchmark."""
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
    """Mean and standard deviation."""
    values = [result.bpb for result in results]
    return f"{mean(values):.4f} ± {stdev(values) if len(values) > 1 else 0.0:.4f}"


def main() -> None:
    """Run both, alternating, and print a line a seed and the means."""
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
                print(
                    f"seed {seed}  {name:8} {result.bpb:.4f} bits/byte  {result.seconds:6.1f} s  {result.steps} steps",
                    flush=True,
                )
    for name, each in results.items():
        print(
            f"{name:8} {spread(each)} bits/byte of {len(each)} seeds, {asked.seconds} s on {asked.threads} threads"
        )
    ratio = mean(r.bpb for r in results["ours"]) / mean(r.bpb for r in results["nanoGPT"])
    print(f"ours / nanoGPT: {ratio:.3f}")


if __name__ == "__main__":
    main()
