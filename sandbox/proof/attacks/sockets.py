"""Attacks by sockets: the network, socket files, abstract and unusual ones."""

import ctypes
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from .tries import Answers, Target, attempts, call, kernel, libc

FAMILIES = {
    "VSOCK": 40,
    "NETLINK": 16,
    "PACKET": 17,
    "ALG": 38,
    "BLUETOOTH": 31,
    "CAN": 29,
    "TIPC": 30,
    "XDP": 44,
    "QIPCRTR": 42,
}
KINDS = (1, 2, 3, 5)


def reach_network(target: Target) -> Answers:
    """Use loopback addresses: where they are out of reach, so is everything."""
    port = target["port"]
    return attempts(
        loopback=lambda: _tcp(socket.AF_INET, "127.0.0.1", port),
        datagram=lambda: _udp("127.0.0.1", port),
        resolver=lambda: _udp("127.0.0.53", 53),
        v6=lambda: _tcp(socket.AF_INET6, "::1", port),
        raw=lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        listen=lambda: socket.create_server(("127.0.0.1", 0)).close(),
    )


def _tcp(family: int, host: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(1)
        stream.connect((host, port))


def _udp(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        return datagrams.sendto(b"x", (host, port))


def reach_abstract_socket(target: Target) -> Answers:
    """Connect to an abstract socket of the harness."""
    return attempts(abstract=lambda: _connect("\0" + target["abstract"]))


def reach_socket_files(target: Target) -> Answers:
    """Connect to a socket file of the harness, to docker's and to an agent's."""
    agent = target.get("agent") or "/run/ssh-agent"
    return attempts(
        planted=lambda: _connect(target["pathname"]),
        docker=lambda: _connect("/var/run/docker.sock"),
        agent=lambda: _connect(agent),
    )


def _connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(address)


def open_other_sockets(_: Target) -> Answers:
    """Open a socket of every family that no training needs, and an io_uring."""
    tries: dict[str, Callable[[], Any]] = {}
    for name, family in FAMILIES.items():
        for kind in KINDS:
            tries[f"{name} {kind}"] = partial(kernel, libc.socket, family, kind, 0)
    ring = (ctypes.c_char * 256)()
    return attempts(**tries, ring=lambda: call(425, 425, 8, ring))
