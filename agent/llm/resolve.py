"""From what the user typed behind --model to a model that can be asked."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.errors import ModelFault
from agent.llm.command import COMMANDS, Command
from agent.llm.keys import SERVICE, key_of
from agent.llm.model import Model
from agent.llm.patience import Patience
from agent.llm.scripted import Scripted

FAMILIES = ("opus", "sonnet", "haiku")
ACCEPTED = (
    "opus, sonnet, haiku, gpt, local, a full name such as claude-… or gpt-…, anthropic:NAME, openai:NAME, claude-code, codex, "
    "scripted:FILE or none"
)
# A server of one's own needs no key, but the SDK wants a text.
NO_KEY = "unused"


def default_model(environment: Mapping[str, str]) -> str | None:
    """What to use where the user named no model: the newest opus or gpt where there is a key for it, the first model of a
    server of one's own where OPENAI_BASE_URL names one, else None."""
    if key_of("ANTHROPIC_API_KEY", environment):
        return "opus"
    if key_of("OPENAI_API_KEY", environment):
        return "gpt"
    return "local" if environment.get("OPENAI_BASE_URL") else None


def open_model(
    name: str,
    environment: Mapping[str, str],
    deadline_seconds: float,
    cancel: threading.Event,
    hidden: Sequence[Path] = (),
) -> Model:
    """The model that `name` means; `opus`, `sonnet`, `haiku` and `gpt` are the newest of their kind that the provider lists,
    `local` is the first that OPENAI_BASE_URL's server lists.

    deadline_seconds: how long one question may take in all, retries included. cancel: set from any thread, it calls a question
    off within a second. hidden: what a command of the user's must not see; validation data is always among it. Raises
    ModelFault (no key, no such model) or ModelUnavailable (the provider's list cannot be had).
    """
    patience = Patience(deadline_seconds, cancel)
    provider, _, rest = name.partition(":")
    if provider == "scripted" and rest:
        return Scripted.read(Path(rest), cancel)
    if provider in COMMANDS:
        return Command(name, environment, patience, hidden)
    if name in FAMILIES or name.startswith("claude-"):
        return _anthropic(name, environment, patience)
    if provider == "anthropic" and rest:
        return _anthropic(rest, environment, patience)
    if provider == "openai" and rest:
        return _openai(rest, environment, patience)
    if name == "gpt" or name.startswith("gpt-") or (name and environment.get("OPENAI_BASE_URL")):
        return _openai(name, environment, patience)
    raise ModelFault(
        f"no model is called {name!r}; there are {ACCEPTED}", "autoresearch start --model none"
    )


def _anthropic(name: str, environment: Mapping[str, str], patience: Patience) -> Model:
    from agent.llm.anthropic import (  # the SDK takes most of a second to import
        Anthropic,
        AnthropicApi,
    )

    key, base_url = (
        _key("ANTHROPIC_API_KEY", name, environment),
        environment.get("ANTHROPIC_BASE_URL") or None,
    )
    if name in FAMILIES:
        name = AnthropicApi(key, patience, base_url).newest(name) or _none_listed(name, "Anthropic")
    return Anthropic(name, key, patience, base_url)


def _openai(name: str, environment: Mapping[str, str], patience: Patience) -> Model:
    from agent.llm.openai import (  # the SDK takes most of a second to import
        OpenAI,
        OpenAIApi,
        newest,
    )

    base_url = environment.get("OPENAI_BASE_URL") or None
    key = key_of("OPENAI_API_KEY", environment) or (
        NO_KEY if base_url else _key("OPENAI_API_KEY", name, environment)
    )
    if name == "gpt":
        name = newest(OpenAIApi(key, patience, base_url).models()) or _none_listed(name, "OpenAI")
    elif name == "local":
        name = next(
            (model.id for model in OpenAIApi(key, patience, base_url).models()), None
        ) or _none_listed("model", "OpenAI")
    return OpenAI(name, key, patience, base_url)


def _key(variable: str, name: str, environment: Mapping[str, str]) -> str:
    key = key_of(variable, environment)
    if not key:
        message = f"{name} needs a key in {variable}, and there is none; `--model none` works without (search over the constants)"
        raise ModelFault(message, f"export {variable}=…   # or: keyring set {SERVICE} {variable}")
    return key


def _none_listed(name: str, provider: str) -> str:
    raise ModelFault(
        f"{provider} lists no {name} for this key",
        f"autoresearch start --model {provider.lower()}:NAME",
    )
