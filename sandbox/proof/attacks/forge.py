"""Attacks on what the harness reads afterwards: odd files, false numbers, hostile text."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

Target = dict[str, Any]
SUMMARY = "---\nval_bpb: 0.000001\nnum_steps: 1\n"
GIANT = 1 << 46


def leave_result(target: Target) -> None:
    """Leave weights in the form that target["form"] names."""
    out = f"{target['scratch']}/out"
    os.makedirs(out, exist_ok=True)
    RESULTS[target["form"]](f"{out}/model.safetensors", target)


def _symlink(path: str, target: Target) -> None:
    os.symlink(target["secret"], path)


def _linked_folder(path: str, target: Target) -> None:
    os.rmdir(os.path.dirname(path))
    os.symlink(os.path.dirname(target["secret"]), os.path.dirname(path))


def _fifo(path: str, _: Target) -> None:
    os.mkfifo(path)


def _folder(path: str, _: Target) -> None:
    os.mkdir(path)


def _hard_link(path: str, target: Target) -> None:
    _raw(path, b"{}")
    os.link(path, f"{target['scratch']}/second-name")


def _sparse_giant(path: str, _: Target) -> None:
    with open(path, "wb") as file:
        try:
            os.truncate(file.fileno(), GIANT)
        except OSError:  # the limit of one file: as large as it may be
            file.seek(0)
        file.write(struct.pack("<Q", GIANT))


def _socket(path: str, _: Target) -> None:
    import socket

    os.chdir(os.path.dirname(path))
    socket.socket(socket.AF_UNIX).bind(os.path.basename(path))


def _raw(path: str, header: bytes, data: bytes = b"") -> None:
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)


def _brackets(path: str, _: Target) -> None:
    _raw(path, b"[" * 200_000)


def _digits(path: str, _: Target) -> None:
    shape = b"9" * 6000
    _raw(path, b'{"w":{"dtype":"F32","shape":[' + shape + b'],"data_offsets":[0,4]}}', bytes(4))


def _nan(path: str, _: Target) -> None:
    _raw(path, b'{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,Infinity]}}', bytes(4))


def _duplicates(path: str, _: Target) -> None:
    tensor = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    _raw(path, f'{{"w":{tensor},"w":{tensor}}}'.encode(), bytes(4))


class _Bomb:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, (f"touch {MARKER}",)


MARKER = "/tmp/autoresearch-unpickled"


def _pickle(path: str, _: Target) -> None:
    for name in (path, f"{os.path.dirname(path)}/model.pt"):
        with open(name, "wb") as file:
            pickle.dump(_Bomb(), file)


RESULTS: dict[str, Callable[[str, Target], None]] = {
    "symbolic link": _symlink,
    "linked folder": _linked_folder,
    "fifo": _fifo,
    "folder": _folder,
    "hard link": _hard_link,
    "sparse giant": _sparse_giant,
    "socket": _socket,
    "brackets": _brackets,
    "digits": _digits,
    "nan": _nan,
    "duplicates": _duplicates,
    "pickle": _pickle,
}


def print_score(target: Target) -> None:
    """Leave a perfect score in every place where one might look for it."""
    print(SUMMARY)
    for name in ("results.tsv", "result.json", "val_bpb"):
        with open(f"{target['scratch']}/{name}", "w") as file:
            file.write('{"val_bpb": 0.000001}')


def print_nonsense(_: Target) -> None:
    """Print scores that are no numbers."""
    numbers = ("nan", "inf", "-inf", "9" * 6000, "[" * 2000, "0x10", "1e999")
    lines = "".join(f"val_bpb: {number}\n" for number in numbers)
    lines += "".join(f'{{"val_bpb": {number}}}\n' for number in ("NaN", "9" * 6000, "[" * 200_000))
    print("---\n" + lines + "deep: " + "[" * 200_000)


def print_controls(_: Target) -> None:
    """Print escape codes, NUL, bidi marks and bad UTF-8."""
    escapes = "\x1b[2J\x1b]0;hostile\x07\x1b[31m\x9b1A\u202e\u2066\u200b\x00\x7f\r"
    os.write(1, (escapes + "hostile\n").encode() + b"\xff\xfe\xc0\x80\xed\xa0\x80\n")
