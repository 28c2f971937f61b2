"""Opens the model that the user named with --model."""

import ipaddress
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

from agent.errors import ModelFault, UnknownModel, near_names, unknown
from agent.llm.address import address_in, host_in
from agent.llm.command import COMMANDS, Command
from agent.llm.effort import Effort
from agent.llm.keys import SERVICE, key_of, key_place
from agent.llm.model import Model
from agent.llm.patience import Patience
from agent.llm.plugged_in import PluggedIn
from agent.llm.scripted import Scripted
from agent.plugins import Plugin, blaming, installed

FAMILIES = ("opus", "sonnet", "haiku", "fable")
ACCEPTED = (
    "opus, sonnet, haiku, fable, gpt, local, a full name such as claude-… or gpt-…, anthropic:NAME,"
    " openai:NAME, claude-code, codex, scripted:FILE or none"
)
NAMES = (*FAMILIES, "gpt", "local", *COMMANDS, "none")
"""The names that need nothing after them."""
LISTING_SECONDS = 120.0
"""Seconds that listing models may take. A user waits for it, and giving up loses nothing."""
# The SDK wants a text, even for a local server that needs no key.
NO_KEY = "unused"
OWN_PROVIDERS = frozenset({*NAMES, "anthropic", "openai", "scripted", "replay"})
"""Names that are taken; a plug-in with one of them is ignored."""

Provider = Callable[[str, Mapping[str, str], Patience], Model]
"""The entry point of a provider: `open(name, environment, patience) -> Model`.

name: the text after `PROVIDER:`, or empty. environment: where keys are.
patience: the deadline and the cancel event of every question. It raises ModelFault for a missing
key or an unknown name.
"""


def default_model(environment: Mapping[str, str]) -> str | None:
    """Return the model to use if the user named none, or None if there is no key and no server.

    The newest opus or gpt that there is a key for, else the first model of OPENAI_BASE_URL.
    """
    if key_of("ANTHROPIC_API_KEY", environment):
        return "opus"
    if key_of("OPENAI_API_KEY", environment):
        return "gpt"
    return "local" if environment.get("OPENAI_BASE_URL") else None


def sends_no_bill(name: str, environment: Mapping[str, str]) -> bool:
    """Return whether questions to the model cost nothing: a private server, or no price is named.

    Such a server has an address of this machine or of a private network.
    """
    provider = name.partition(":")[0]
    if provider in ("codex", "scripted", "replay"):
        return True
    if provider == "claude-code" or provider in plugin_providers():
        return False
    host = host_in(_variables(name)[1], environment)
    return host is not None and _is_private(host)


def key_used(name: str, environment: Mapping[str, str]) -> str | None:
    """Return where the key for this model is, in words; None if it needs none."""
    provider = name.partition(":")[0]
    if provider in COMMANDS or provider in ("scripted", "replay", *plugin_providers()):
        return None
    return key_place(_variables(name)[0], environment)


def _variables(name: str) -> tuple[str, str]:
    """Return where the key and the address of a model's provider are looked for."""
    is_claude = name in FAMILIES or name.startswith(("claude-", "anthropic:"))
    service = "ANTHROPIC" if is_claude else "OPENAI"
    return f"{service}_API_KEY", f"{service}_BASE_URL"


def _is_private(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return host == "localhost" or host.endswith((".local", ".localhost", ".internal"))


def open_model(
    name: str,
    environment: Mapping[str, str],
    deadline_seconds: float,
    cancel: threading.Event,
    hidden: Sequence[Path] = (),
    tell: Callable[[str], None] | None = None,
    effort: Effort | None = None,
    listing_seconds: float = LISTING_SECONDS,
) -> Model:
    """Return the model that `name` means.

    `opus`, `sonnet`, `haiku` and `fable` are the newest of their kind that the provider lists, and
    `gpt` is the strongest;
    `local` is the first that the server of OPENAI_BASE_URL lists; `PROVIDER:NAME` may be one of
    an installed package.

    deadline_seconds: how long one question may take in all, retries included. cancel: set from
    any thread, it ends a question within a second. hidden: what a command of the user's must not
    see; validation data is always among it. tell: called with each failed attempt, in the thread
    that asks. effort: how hard it is asked to think; None to leave that to it, as scripted models
    and those of packages always do. listing_seconds: how long the list may take in which a short
    name is looked up. Raise ModelFault (no key, no such model), ModelUnavailable (nobody answers)
    or ModelAway (the provider lists nothing for now), and UsageFault for a broken plug-in.
    """
    listing_seconds = min(deadline_seconds, listing_seconds)
    patience = Patience(deadline_seconds, cancel, listing_seconds=listing_seconds)
    if tell:
        patience = replace(patience, tell=tell)
    provider, _, rest = name.partition(":")
    if provider == "scripted" and rest:
        return Scripted.read(Path(rest), cancel)
    if provider in COMMANDS:
        return Command(name, environment, patience, hidden, effort)
    if name in FAMILIES or name.startswith("claude-"):
        return _anthropic(name, environment, patience, effort)
    if provider == "anthropic" and rest:
        return _anthropic(rest, environment, patience, effort)
    if provider == "openai" and rest:
        return _openai(rest, environment, patience, effort)
    if name == "gpt" or name.startswith("gpt-"):
        return _openai(name, environment, patience, effort)
    plugins = plugin_providers()
    if provider in plugins:
        plugin = plugins[provider]
        blame = f"the provider {provider!r} ({plugin.origin})"
        with blaming(blame, "autoresearch models"):
            model = cast(Provider, plugin.load())(rest, environment, patience)
            return PluggedIn(model, blame)
    if name and environment.get("OPENAI_BASE_URL"):
        return _openai(name, environment, patience, effort)
    raise _unknown_model(name, plugins)


def _unknown_model(name: str, plugins: Collection[str]) -> UnknownModel:
    """Return the fault for a name that means no model, with the nearest one that may."""
    provider, _, rest = name.partition(":")
    near = near_names(provider, {*OWN_PROVIDERS, *plugins}) if rest else ()
    known = [f"{near[0]}:{rest}"] if near else [*NAMES, *plugins]
    choices = ", ".join([ACCEPTED, *(f"{added}:NAME" for added in plugins)])
    message = unknown("model", name, known, f"Choose one of {choices}.")
    return UnknownModel(message, "autoresearch models")


def plugin_providers() -> dict[str, Plugin]:
    """Return the providers of installed packages, by the name in front of the colon."""
    return installed("providers", OWN_PROVIDERS)


def _anthropic(
    name: str, environment: Mapping[str, str], patience: Patience, effort: Effort | None
) -> Model:
    # The SDK takes most of a second to import.
    from agent.llm.anthropic import Anthropic, AnthropicApi

    key = _key("ANTHROPIC_API_KEY", name, environment)
    base_url = address_in("ANTHROPIC_BASE_URL", environment)
    if name in FAMILIES:
        api = AnthropicApi(key, _for_a_list(patience), base_url)
        name = api.newest(name) or _none_listed(name, "Anthropic")
    return Anthropic(name, key, patience, base_url, effort)


def _openai(
    name: str, environment: Mapping[str, str], patience: Patience, effort: Effort | None
) -> Model:
    # The SDK takes most of a second to import.
    from agent.llm.listing import first_that_answers, strongest
    from agent.llm.openai import OpenAI, OpenAIApi

    base_url = address_in("OPENAI_BASE_URL", environment)
    key = key_of("OPENAI_API_KEY", environment)
    if not key:
        key = NO_KEY if base_url else _key("OPENAI_API_KEY", name, environment)
    if name == "gpt":
        listed = OpenAIApi(key, _for_a_list(patience), base_url).models()
        name = strongest(listed) or _none_listed(name, "OpenAI")
    elif name == "local":
        listed = OpenAIApi(key, _for_a_list(patience), base_url).models()
        name = first_that_answers(listed) or _none_listed("model", "OpenAI")
    return OpenAI(name, key, patience, base_url, effort)


def _for_a_list(patience: Patience) -> Patience:
    return replace(patience, seconds=patience.listing_seconds)


def _key(variable: str, name: str, environment: Mapping[str, str]) -> str:
    key = key_of(variable, environment)
    if not key:
        raise ModelFault(
            f"the model {name!r} needs a key in {variable}, and there is none; `--model none`"
            " needs no key (a search over the constants)",
            f"export {variable}=…   # or: keyring set {SERVICE} {variable}",
        )
    return key


def _none_listed(name: str, provider: str) -> str:
    raise ModelFault(
        f"{provider} lists no {name} for this key",
        f"autoresearch start --model {provider.lower()}:NAME",
    )
