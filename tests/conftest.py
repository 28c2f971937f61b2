"""No test can reach the network or this machine's keys."""

import os
import socket
from itertools import chain
from pathlib import Path

import pytest

from sandbox.ground import redaction

# A git hook or `git bisect run` sets these: git commands of tests would change the real repository.
for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
    os.environ.pop(name, None)
TESTS = Path(__file__).parent
LONG = tuple(TESTS / room for room in ("e2e", "workspace", "autoresearch"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each worker its long tests first, so that none waits for another at the end.

    A worker begins with its share of the list in order; files stay whole, for what they share.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    long_files: dict[Path, list[pytest.Item]] = {}
    short: list[pytest.Item] = []
    for item in items:
        is_long = any(map(item.path.is_relative_to, LONG))
        (long_files.setdefault(item.path, []) if is_long else short).append(item)
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, file in enumerate(long_files.values()):
        shares[number % workers] += file
    for share in shares:
        missing = max(0, -(-len(items) // workers) - len(share))
        share += short[:missing]
        del short[:missing]
    items[:] = chain(*shares, short)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' own process reach 127.0.0.1 only, and name no model by a variable.

    Keys of a test are no secrets of the next one.
    """
    monkeypatch.setattr(redaction, "_concealed", {})
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: object) -> None:
        assert self.family != socket.AF_INET or address[0] == "127.0.0.1", (
            f"a test tried to reach {address}"
        )  # type: ignore[index]
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", only_loopback)
    for variable in (
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
