"""A run has a network only where its RunSpec gives it one; all other walls stay."""

import socket
import threading

import pytest

from sandbox.walls import landlock, seccomp
from tests.sandbox.as_user import place_of, whoever
from tests.sandbox.every_tier import ISOLATING, folders, why_not
from tests.sandbox.walls.test_walls import decide

FETCH = """
    import json, socket, ssl, urllib.request
    def fetch():
        return urllib.request.urlopen("http://localhost:PORT/", timeout=5).read().decode()
    def resolve():
        answers = socket.getaddrinfo("localhost", PORT, type=socket.SOCK_STREAM)
        return sorted({answer[4][0] for answer in answers})
    def datagram():
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", PORT))
    def abstract():
        return socket.socket(socket.AF_UNIX).connect("\\0ABSTRACT")
    def netlink():
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    def certificates():
        return len(ssl.create_default_context().get_ca_certs()) > 0
    def what(call):
        try:
            return call()
        except OSError as error:
            return type(error).__name__
    calls = (fetch, resolve, datagram, abstract, netlink, certificates)
    print(json.dumps({call.__name__: what(call) for call in calls}, default=str))
    """


def serve(listener):
    """Answer every connection with the same page until the listener is closed."""
    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        with stream:
            stream.recv(4096)
            stream.sendall(b"HTTP/1.0 200 OK\r\n\r\nfetched")


def fetch(tier, network):
    """Return what a run with or without a network reaches of this process's own servers."""
    name = f"autoresearch-test-{threading.get_native_id()}"
    with (
        folders() as home,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0{name}")
        abstract.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        code = FETCH.replace("PORT", str(listener.getsockname()[1])).replace("ABSTRACT", name)
        ran = place_of(tier, home).run(code, network=network)
        listener.shutdown(socket.SHUT_RDWR)
        return ran.value


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("tier", ISOLATING)
def test_a_run_has_the_network_only_where_it_was_given(tier, who):
    if reason := why_not(tier):
        pytest.skip(reason)
    answers = whoever(who, fetch, tier, True)
    assert answers["fetch"] == "fetched"
    assert "127.0.0.1" in answers["resolve"]
    assert answers["datagram"] == 1
    assert "Error" in answers["netlink"]
    if landlock.abi() >= 6:
        assert answers["abstract"] == "PermissionError"
    answers = whoever(who, fetch, tier, False)
    for name in ("fetch", "datagram", "abstract", "netlink"):
        assert "Error" in str(answers[name])


@pytest.mark.parametrize("machine", seccomp.AUDIT_ARCH)
def test_the_filter_lets_the_internet_s_two_families_through_and_no_other(machine):
    column = ("x86_64", "aarch64").index(machine)
    program = seccomp.assemble(machine, sockets="network")
    arch = seccomp.AUDIT_ARCH[machine]
    answers = {
        family: decide(program, arch, seccomp.SOCKET[column], family) for family in range(50)
    }
    assert {family for family, answer in answers.items() if answer == seccomp.ALLOW} == {1, 2, 10}
    assert decide(program, arch, seccomp.SOCKETPAIR[column], 2) == seccomp.ERRNO | 97
