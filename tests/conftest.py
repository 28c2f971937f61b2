"""No test can reach the network or this machine's keys."""

import socket

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' own process reach 127.0.0.1 only, and name no model by a variable."""
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
