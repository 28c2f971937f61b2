"""What the retry layer says of real failures: silence, refusal, no route, no name."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from agent.errors import ModelUnavailable
from agent.llm.anthropic import AnthropicApi
from agent.llm.openai import OpenAIApi
from agent.llm.patience import Patience

APIS = {"Anthropic": AnthropicApi, "OpenAI": OpenAIApi}


@contextmanager
def listener(backlog: int) -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(backlog)
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def closed_port() -> Iterator[str]:
    """An address at which nothing listens, and that nobody else is given meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{holder.getsockname()[1]}"


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that drops packets, as a firewall does: its queue is full."""
    with listener(0) as address, ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", int(address.rpartition(":")[2])))
        yield address


def told(provider: str, url: str, seconds: float = 1.8) -> tuple[list[str], str]:
    """What is told while models are listed in vain, and the error at the end."""
    lines: list[str] = []
    patience = Patience(seconds, threading.Event(), first_wait=0.05, tell=lines.append)
    with pytest.raises(ModelUnavailable) as fault:
        APIS[provider]("key", patience, url).models()
    return lines, fault.value.message


@pytest.mark.parametrize("provider", APIS)
def test_a_refused_connection_is_told_with_the_next_attempt(provider: str) -> None:
    with closed_port() as address:
        lines, message = told(provider, f"http://{address}")
    reason = f"{provider}: {address} refuses the connection; nothing listens there"
    for number, line in enumerate(lines, 2):
        schedule = rf"; trying again in \d s \(attempt {number}; gives up in \d s\)"
        assert re.fullmatch(re.escape(reason) + schedule, line)
    assert len(lines) > 1 and reason in message


@pytest.mark.parametrize("provider", APIS)
def test_a_silent_server_and_a_black_hole_are_told_apart(provider: str) -> None:
    with listener(5) as address:
        lines, _ = told(provider, f"http://{address}")
        assert lines[0].startswith(f"{provider}: {address} was silent for 1 s; trying again")
    with black_hole() as address:
        lines, _ = told(provider, f"http://{address}")
        assert lines[0].startswith(f"{provider}: no route to {address}: no connection within 1 s")


def test_an_unknown_name_is_told() -> None:
    lines, _ = told("OpenAI", "http://nowhere.invalid", seconds=1.0)
    assert lines[0].startswith("OpenAI: no address of nowhere.invalid is known")


LOOKS_UP = """
import signal, socket, threading, time

# Where the tests run in the background, Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
def slow(*_, **__):
    print("looking up", flush=True)
    time.sleep(60)
socket.getaddrinfo = slow
from agent.llm.openai import OpenAIApi
from agent.llm.patience import Patience
OpenAIApi("key", Patience(600.0, threading.Event()), "http://nowhere.invalid").models()
"""


def test_ctrl_c_does_not_wait_for_the_look_up_of_a_name() -> None:
    """A name server that is away keeps a look-up for half a minute, and nobody can call it off."""
    command = [sys.executable, "-c", LOOKS_UP]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "looking up\n"
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=40)
    assert "KeyboardInterrupt" in errors
