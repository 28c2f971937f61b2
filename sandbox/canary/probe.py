"""Runs inside a sandbox and tries to get out; prints its results as a JSON object."""

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
"""Where the traps are; see canary.py, which sends it, and proof/traps.py."""
KERNEL = "run a kernel on the GPU"


def main() -> None:
    """Make every check; argv[1] is the target as a JSON object."""
    target: Target = json.loads(sys.argv[1])
    answers = {name: attempt(check, target) for name, check in CHECKS.items()}
    for name in target["imports"]:
        answers[f"import {name}"] = attempt(functools.partial(can_import, name), target)
    if target["gpus"] and "torch" in target["imports"]:
        answers[KERNEL] = attempt(compute, target)
    print("\n" + json.dumps(answers))


def attempt(check: Callable[[Target], bool], target: Target) -> str:
    """Return `yes` if a check succeeds, else `no`, with the error if there was one."""
    try:
        return "yes" if check(target) else "no"
    except (OSError, ImportError, AttributeError, RuntimeError, AssertionError) as error:
        return f"no ({type(error).__name__}: {error})"


def can_import(name: str, _: Target) -> bool:
    """Return whether the module can be imported."""
    return importlib.import_module(name).__name__ == name


def compute(target: Target) -> bool:
    """Return whether torch sees exactly the run's accelerators, and computes on each."""
    torch = importlib.import_module("torch")
    kind = "xpu" if target["vendor"] == "intel" else "cuda"
    count = getattr(torch, kind).device_count()
    if count != target["gpus"]:
        raise RuntimeError(f"torch {torch.__version__} sees {count} of {target['gpus']}")
    sums = [float(torch.ones(1024, device=f"{kind}:{index}").sum()) for index in range(count)]
    return all(total == 1024 for total in sums)


def connect(family: int, address: Any) -> bool:
    """Connect to an address of the harness's."""
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(2)
        stream.connect(address)
    return True


def connect_to_port(target: Target) -> bool:
    """Connect to the harness's port on loopback."""
    return connect(socket.AF_INET, ("127.0.0.1", target["port"]))


def connect_to_abstract_socket(target: Target) -> bool:
    """Connect to the harness's abstract socket."""
    return connect(socket.AF_UNIX, "\0" + target["abstract"])


def connect_to_file(target: Target) -> bool:
    """Connect to a socket file by its name in its folder, since an address cannot be long."""
    path = Path(target["pathname"])
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        return connect(socket.AF_UNIX, path.name)
    finally:
        os.chdir(before)


def open_vsock(_: Target) -> bool:
    """Open a socket to the host of a virtual machine."""
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM):
        return True


def send_datagram(target: Target) -> bool:
    """Send a datagram to the harness's port on loopback, which sends it back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(2)
        datagrams.connect(("127.0.0.1", target["port"]))
        datagrams.send(b"canary")
        return datagrams.recv(64) == b"canary"


def see_interfaces(_: Target) -> bool:
    """Look for an interface to anything but this machine itself."""
    return {name for _, name in socket.if_nameindex()} != {"lo"}


def read_secret(target: Target) -> bool:
    """Read the planted file."""
    return target["value"] in Path(target["secret"]).read_text()


def find_key(target: Target) -> bool:
    """Look for the planted key in this environment."""
    return target["key"] in os.environ or target["value"] in os.environ.values()


def find_key_elsewhere(target: Target) -> bool:
    """Look for the planted key in the environments of other processes."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if target["value"].encode() in (folder / "environ").read_bytes():
                return True
        except OSError:
            continue
    return False


def see_harness(target: Target) -> bool:
    """Read the command line of the harness."""
    command_line = Path(f"/proc/{target['harness']}/cmdline").read_bytes()
    return command_line == bytes.fromhex(target["cmdline"])


def write_to(path: str) -> bool:
    """Write a file."""
    return Path(path).write_text("canary") > 0


CHECKS: dict[str, Callable[[Target], bool]] = {
    "connect to loopback": connect_to_port,
    "send a datagram": send_datagram,
    "see a network interface": see_interfaces,
    "connect to an abstract socket": connect_to_abstract_socket,
    "connect to a socket file": connect_to_file,
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
