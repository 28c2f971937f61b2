"""Runs inside a sandbox and tries to get out; says on stdout, as one JSON object, what it reached. See canary.py."""

import functools
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Target = dict[str, Any]
KERNEL = "run a kernel on the GPU"


def main() -> None:
    """argv[1] is the JSON object that canary.py describes."""
    target: Target = json.loads(sys.argv[1])
    answers = {name: attempt(check, target) for name, check in CHECKS.items()}
    for name in target["imports"]:
        answers[f"import {name}"] = attempt(functools.partial(can_import, name), target)
    if target["gpus"] and "torch" in target["imports"]:
        answers[KERNEL] = attempt(compute, target)
    print("\n" + json.dumps(answers))


def attempt(check: Callable[[Target], bool], target: Target) -> str:
    """`yes`, `no`, or `no` with the error that stood in the way."""
    try:
        return "yes" if check(target) else "no"
    except (OSError, ImportError, AttributeError, RuntimeError, AssertionError) as error:
        return f"no ({type(error).__name__}: {error})"


def can_import(name: str, _: Target) -> bool:
    return importlib.import_module(name).__name__ == name


def compute(target: Target) -> bool:
    """Return whether torch sees exactly the run's accelerators, and each of them adds up numbers."""
    torch = importlib.import_module("torch")
    kind = "xpu" if target["vendor"] == "intel" else "cuda"
    seen = getattr(torch, kind).device_count()
    if seen != target["gpus"]:
        raise RuntimeError(f"torch {torch.__version__} sees {seen} of {target['gpus']}")
    return all(
        float(torch.ones(1024, device=f"{kind}:{index}").sum()) == 1024 for index in range(seen)
    )


def connect(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        stream.connect(address)
    return True


def connect_file(path: str) -> bool:
    """By its name in its folder: an address has no room for a long path."""
    before = Path.cwd()
    os.chdir(Path(path).parent)
    try:
        return connect(socket.AF_UNIX, Path(path).name)
    finally:
        os.chdir(before)


def open_vsock(_: Target) -> bool:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM):
        return True


def send_datagram(target: Target) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        return datagrams.sendto(b"canary", ("127.0.0.1", target["port"])) > 0


def read_secret(target: Target) -> bool:
    return target["value"] in Path(target["secret"]).read_text()


def find_key(target: Target) -> bool:
    return target["key"] in os.environ or target["value"] in os.environ.values()


def find_key_elsewhere(target: Target) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if target["value"].encode() in (folder / "environ").read_bytes():
                return True
        except OSError:
            continue
    return False


def see_harness(target: Target) -> bool:
    return Path(f"/proc/{target['harness']}/cmdline").read_bytes() == bytes.fromhex(
        target["cmdline"]
    )


def write_to(path: str) -> bool:
    return Path(path).write_text("canary") > 0


CHECKS: dict[str, Callable[[Target], bool]] = {
    "connect to loopback": lambda target: connect(socket.AF_INET, ("127.0.0.1", target["port"])),
    "send a datagram": send_datagram,
    "connect to an abstract socket": lambda target: connect(
        socket.AF_UNIX, "\0" + target["abstract"]
    ),
    "connect to a socket file": lambda target: connect_file(target["pathname"]),
    "open a VSOCK": open_vsock,
    "read a secret file": read_secret,
    "read a key in its environment": find_key,
    "read a key in another's environment": find_key_elsewhere,
    "see the harness's process": see_harness,
    "write outside": lambda target: write_to(target["outside"]),
    "write into its folder": lambda target: write_to(target["folder"] + "/canary"),
    "write to scratch": lambda target: write_to(target["scratch"] + "/canary"),
}


if __name__ == "__main__":
    main()
