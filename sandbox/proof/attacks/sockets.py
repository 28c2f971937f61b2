"""Attacks by sockets: the network, socket files, abstract and unusual ones."""

import ctypes
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from .tries import Answers, Target, attempts, call, kernel, leave, libc

FAMILIES = {
    "VSOCK": 40,
    "PACKET": 17,
    "ALG": 38,
    "BLUETOOTH": 31,
    "CAN": 29,
    "TIPC": 30,
    "XDP": 44,
    "QIPCRTR": 42,
}
KINDS = (1, 2, 3, 5)
PROTOCOLS = {"SCTP": 132, "DCCP": 33, "MPTCP": 262, "UDPLITE": 136, "L2TP": 115}
"""Of the internet's families, for which the kernel would load a module."""
NETLINKS = (2, 3, 4, 5, 9, 10, 12, 15, 16, 21)
"""The kinds of NETLINK besides the one that lists interfaces."""
BEYOND = "192.0.2.1"
"""An address that nobody has."""
QUESTION = b"\0\1\1\0\0\1\0\0\0\0\0\0\0\0\1\0\1"
"""Asks a resolver for the root's address."""
LISTEN_SECONDS = 2.0


def reach_network(target: Target) -> Answers:
    """Ask the harness on loopback addresses, and what lies beyond: nobody may answer."""
    port = target["port"]
    return attempts(
        loopback=lambda: _tcp(socket.AF_INET, "127.0.0.1", port),
        any_address=lambda: _tcp(socket.AF_INET, "0.0.0.0", port),
        datagram=lambda: _udp("127.0.0.1", port, b"x"),
        resolver=lambda: _udp("127.0.0.53", 53, QUESTION),
        mapped=lambda: _tcp(socket.AF_INET6, "::ffff:127.0.0.1", port),
        v6=lambda: _tcp(socket.AF_INET6, "::1", port),
        metadata=lambda: _tcp(socket.AF_INET, "169.254.169.254", 80),
        beyond=lambda: _send(BEYOND, 53),
        group=lambda: _send("224.0.0.251", 5353),
        broadcast=lambda: _send("255.255.255.255", 9),
        raw=lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
        interfaces=lambda: {name for _, name in socket.if_nameindex()} != {"lo"},
    )


def listen(target: Target) -> Answers:
    """Listen on a port that the harness tries to reach meanwhile; this alone is no harm."""
    try:
        server = socket.create_server(("", int(target["form"])))
    except OSError:
        return {"listen": "denied"}
    with server:
        server.settimeout(LISTEN_SECONDS)
        leave(f"{target['scratch']}/listens")
        return attempts(outside=lambda: server.accept()[0].close())


def _tcp(family: int, host: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(1)
        stream.connect((host, port))


def _udp(host: str, port: int, question: bytes) -> bytes:
    """Return the answer to a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(1)
        datagrams.connect((host, port))
        datagrams.send(question)
        return datagrams.recv(512)


def _send(host: str, port: int) -> int:
    """Send a datagram on its way, to whoever is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
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
    """Open a socket of every family and protocol that no training needs, and an io_uring."""
    tries: dict[str, Callable[[], Any]] = {}
    for name, family in FAMILIES.items():
        for kind in KINDS:
            tries[f"{name} {kind}"] = partial(kernel, libc.socket, family, kind, 0)
    for number in NETLINKS:
        tries[f"NETLINK of kind {number}"] = partial(kernel, libc.socket, 16, 3, number)
    for name, number in PROTOCOLS.items():
        for kind in KINDS:
            tries[f"{name} {kind}"] = partial(kernel, libc.socket, 2, kind, number)
    ring = (ctypes.c_char * 256)()
    return attempts(**tries, ring=lambda: call(425, 425, 8, ring))
