"""A run has a network only where its RunSpec gives it one; all other walls stay."""

import socket
import threading
from pathlib import Path

import pytest

from sandbox.ground import bpf
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


TALK = """
    import errno, json, socket
    def heard():
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as stream:
                stream.sendall(b"hello")
                return server.accept()[0].recv(5).decode()
    def beyond():
        return socket.socket(socket.AF_INET).connect(("192.0.2.1", 80))
    def what(call):
        try:
            return call()
        except socket.gaierror as error:
            return "gaierror"
        except OSError as error:
            return errno.errorcode[error.errno]
    print(json.dumps({
        "heard": what(heard),
        "beyond": what(beyond),
        "interfaces": what(lambda: [name for _, name in socket.if_nameindex()]),
        "by name": what(lambda: socket.gethostbyname(socket.gethostname())),
    }))
    """
OWN_NETWORK = "AB"
"""The tiers whose runs have a network namespace, with a loopback interface."""


def talk_to_itself(tier):
    """Return what a run without a network can do on its own loopback."""
    with folders() as home:
        return place_of(tier, home).run(TALK).value


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
    for name in ("fetch", "abstract"):
        assert "Error" in str(answers[name])
    if tier not in OWN_NETWORK:
        assert "Error" in answers["datagram"] and "Error" in answers["netlink"]


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("tier", ISOLATING)
def test_a_loopback_of_its_own_works_and_leads_nowhere(tier, who):
    if reason := why_not(tier):
        pytest.skip(reason)
    answers = whoever(who, talk_to_itself, tier)
    if tier in OWN_NETWORK:
        assert answers["heard"] == "hello"
        assert answers["interfaces"] == ["lo"]
        assert (answers["beyond"], answers["by name"]) == ("ENETUNREACH", "127.0.0.1")
    else:
        assert set(answers.values()) <= {"EAFNOSUPPORT", "gaierror"}


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
def test_the_filter_lets_the_internet_s_two_families_through_and_no_other(machine):
    column = ("x86_64", "aarch64").index(machine)
    program = seccomp.assemble(machine, sockets="network")
    arch = bpf.AUDIT_ARCH[machine]
    answers = {
        family: decide(program, arch, seccomp.SOCKET[column], family, 1) for family in range(50)
    }
    assert {family for family, answer in answers.items() if answer == bpf.ALLOW} == {1, 2, 10}
    assert decide(program, arch, seccomp.SOCKETPAIR[column], 2) == bpf.ERRNO | 97


@pytest.mark.parametrize("machine", bpf.AUDIT_ARCH)
@pytest.mark.parametrize("sockets", ["loopback", "network"])
def test_of_the_internet_s_families_only_tcp_and_udp_are_let_through(machine, sockets):
    column = ("x86_64", "aarch64").index(machine)
    program = seccomp.assemble(machine, sockets=sockets)
    arch = bpf.AUDIT_ARCH[machine]

    def allowed(*arguments):
        return decide(program, arch, seccomp.SOCKET[column], *arguments) == bpf.ALLOW

    flags = 0o2004000
    for family in (2, 10):
        assert {kind for kind in range(16) if allowed(family, kind | flags, 0)} == {1, 2}
        assert {number for number in range(300) if allowed(family, 1, number)} == {0, 6, 17}
    assert allowed(1, 5, 0)
    netlinks = {number for number in range(30) if allowed(16, 3, number)}
    assert netlinks == ({0} if sockets == "loopback" else set())


ALONE = """
    import errno, json, os, socket
    def left():
        os.close(os.open("/dev/shm/NAME", os.O_CREAT | os.O_WRONLY))
    def what(call):
        try:
            return call()
        except OSError as error:
            return errno.errorcode[error.errno]
    print(json.dumps({
        "unix": what(lambda: socket.socket(socket.AF_UNIX).close()),
        "internet": what(lambda: socket.socket(socket.AF_INET).close()),
        "pair": what(lambda: [end.close() for end in socket.socketpair()]),
        "file": what(left),
    }))
    """


def talk_alone(tier, name):
    """Return what a run reaches that is to reach nobody."""
    with folders() as home:
        return place_of(tier, home).run(ALONE.replace("NAME", name), alone=True).value


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("tier", ISOLATING)
def test_a_run_that_is_alone_makes_no_socket_and_leaves_nothing_in_shared_memory(tier, who):
    if reason := why_not(tier):
        pytest.skip(reason)
    name = f"alone-{threading.get_native_id()}"
    answers = whoever(who, talk_alone, tier, name)
    no_family = "EAFNOSUPPORT"
    assert (answers["unix"], answers["internet"]) == (no_family, no_family)
    assert answers["pair"] == [None, None]  # both ends are its own
    assert answers["file"] == (None if tier in OWN_NETWORK else "EACCES")
    assert not Path(f"/dev/shm/{name}").exists()
