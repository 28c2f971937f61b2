"""The model's side of scoring, run inside a sandbox: loads train.py and its weights, turns tokens into logits on request.

Run as `python -I scorer.py TRAIN_PY WEIGHTS VOCAB_SIZE`; a frame in is two little-endian uint32 (rows, columns) and as many
int32 tokens; a frame out is rows * columns * vocabulary float16 logits. A frame of 0 rows ends it. It holds no targets.
"""

import importlib.util
import io
import os
import struct
import sys
from types import ModuleType
from typing import Any, BinaryIO


def main() -> None:
    """Answer frames until told to end."""
    train_py, weights, vocabulary = sys.argv[1], sys.argv[2], int(sys.argv[3])
    source, answers = sys.stdin.buffer, io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever train.py prints goes to the log, not into the answers

    import torch
    from safetensors.torch import load_model

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _import(train_py).build_model(vocabulary)
    load_model(model, weights)
    model = model.to(device).eval()
    half = torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else torch.autocast("cpu", enabled=False)
    with torch.inference_mode(), half:
        while True:
            rows, columns = struct.unpack("<II", _exactly(source, 8))
            if rows == 0:
                return
            data = bytearray(_exactly(source, 4 * rows * columns))
            tokens = torch.frombuffer(data, dtype=torch.int32).view(rows, columns).long().to(device)
            logits = model(tokens).float()
            if logits.shape != (rows, columns, vocabulary):
                raise SystemExit(f"model(tokens) has the shape {tuple(logits.shape)}, not {(rows, columns, vocabulary)}")
            # Only differences count: with the largest at 0, float16 has its precision where the probability is.
            logits = (logits - logits.amax(-1, keepdim=True)).clamp_min(-60000).half().cpu().contiguous()
            _write(answers, logits.numpy())


def _import(path: str) -> ModuleType:
    """The file as a module under its own name, as the files beside it may import it."""
    folder, name = os.path.split(path)
    sys.path.append(folder)  # behind the libraries: a file beside train.py shadows none
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), path)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise SystemExit("the harness hung up")
    return data


def _write(file: io.FileIO, array: Any) -> None:
    view = memoryview(array).cast("B")
    while view:
        view = view[file.write(view) :]


if __name__ == "__main__":
    main()
