"""Keys from the environment and from a real keyring, each for its own address only."""

import json
import threading
from collections.abc import Iterator

import pytest

keyring = pytest.importorskip("keyring")

from keyring.backend import KeyringBackend  # noqa: E402
from keyring.backends import fail, null  # noqa: E402
from keyring.errors import KeyringLocked  # noqa: E402

from agent.errors import ModelFault  # noqa: E402
from agent.llm.keys import key_of  # noqa: E402
from agent.llm.resolve import default_model, open_model  # noqa: E402
from sandbox.ground.redaction import redacted  # noqa: E402
from tests.loopback.anthropic_server import AnthropicServer, model  # noqa: E402
from tests.loopback.openai_server import OpenAIServer  # noqa: E402

SECRET = "sk-out-of-the-keyring"


class Memory(KeyringBackend):  # type: ignore[misc]
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[tuple[str, str], str] = {}
        self.asked: list[tuple[str, str]] = []
        """What was looked up."""
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """Return what was set."""
        self.asked.append((service, username))
        if self.locked:
            raise KeyringLocked(f"locked, with {SECRET} inside")
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Remember it."""
        self.secrets[service, username] = password


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A keyring of the test's own, in the library's place for it."""
    before = keyring.get_keyring()
    mine = Memory()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_the_environment_comes_first_and_the_keyring_is_then_not_asked(memory: Memory) -> None:
    keyring.set_password("autoresearch", "ANTHROPIC_API_KEY", SECRET)
    assert key_of("ANTHROPIC_API_KEY", {"ANTHROPIC_API_KEY": " sk-here "}) == "sk-here"
    assert memory.asked == []
    assert key_of("ANTHROPIC_API_KEY", {}) == SECRET
    assert key_of("OPENAI_API_KEY", {}) is None


def test_a_key_is_sent_to_no_other_address_than_its_own(memory: Memory) -> None:
    keyring.set_password("autoresearch", "OPENAI_API_KEY", SECRET)
    elsewhere = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    assert key_of("OPENAI_API_KEY", elsewhere) is None
    keyring.set_password(elsewhere["OPENAI_BASE_URL"], "OPENAI_API_KEY", "sk-theirs")
    assert key_of("OPENAI_API_KEY", elsewhere) == "sk-theirs"


@pytest.mark.parametrize("backend", [fail.Keyring(), null.Keyring()])
def test_a_machine_without_a_keyring_has_no_key(memory: Memory, backend: KeyringBackend) -> None:
    keyring.set_keyring(backend)
    assert key_of("ANTHROPIC_API_KEY", {}) is None
    assert default_model({}) is None


def test_a_locked_keyring_is_a_fault_without_its_message(memory: Memory) -> None:
    memory.locked = True
    with pytest.raises(ModelFault, match="KeyringLocked") as fault:
        open_model("opus", {}, 1.0, threading.Event())
    assert SECRET not in fault.value.message + str(fault.value.next_command)


def test_a_key_of_the_keyring_is_in_no_text_that_leaves_the_process(memory: Memory) -> None:
    """It is in no variable, so nothing else would know it for a secret."""
    keyring.set_password("autoresearch", "OPENAI_API_KEY", SECRET)
    assert key_of("OPENAI_API_KEY", {}) == SECRET
    for text in (SECRET, f"Bearer {SECRET}", repr(SECRET), json.dumps({"key": SECRET})):
        assert SECRET not in redacted(text)


def test_models_are_found_and_asked_with_the_keyrings_key(memory: Memory) -> None:
    keyring.set_password("autoresearch", "ANTHROPIC_API_KEY", SECRET)
    assert default_model({}) == "opus"
    with (
        AnthropicServer([], [model("claude-opus-4-7", "2026-06-01T00:00:00Z")]) as claude,
        OpenAIServer([]) as gpt,
    ):
        keyring.set_password(claude.url, "ANTHROPIC_API_KEY", "sk-loopback")
        environment = {"ANTHROPIC_BASE_URL": claude.url, "OPENAI_BASE_URL": f"{gpt.url}/v1"}
        assert open_model("opus", environment, 5.0, threading.Event()).name == "claude-opus-4-7"
        open_model("openai:any", environment, 5.0, threading.Event())
        sent = [str(request.headers) for request in claude.requests]
    assert sent and all("sk-loopback" in headers and SECRET not in headers for headers in sent)


def test_what_needs_no_key_asks_for_none(
    memory: Memory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("script") / "replies.jsonl"
    script.write_text("{}\n")
    open_model(f"scripted:{script}", {}, 1.0, threading.Event())
    assert memory.asked == []
