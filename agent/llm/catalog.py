"""The models that can be used here, by key, server, command and plug-in, with prices."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from agent.errors import ModelFault, ModelLimited
from agent.llm.address import address_in, shown
from agent.llm.command import COMMANDS
from agent.llm.keys import key_of
from agent.llm.lifting import clock_text
from agent.llm.patience import Patience
from agent.llm.pricing import ANTHROPIC, OPENAI, cost_of
from agent.llm.resolve import FAMILIES, NO_KEY, plugin_providers
from sandbox.ground.record import Record

THOUSAND = 1_000
MILLION = 1_000_000


class Offer(Record):
    """A line of the catalogue."""

    provider: str
    """Who answers: a company, the address of a server, a command, or a package with a plug-in."""
    model: str
    """The value for --model."""
    dollars: tuple[float, float] | None = None
    """List prices of a million tokens in and out; None if they are not known."""
    note: str = ""
    """The short name that means it today, or why nothing can be listed."""


def offers(environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    """Yield the models, in the order in which `start` without --model looks for one."""
    if claude := key_of("ANTHROPIC_API_KEY", environment):
        yield from _listed("Anthropic", lambda: _anthropic(claude, environment, patience))
    gpt = key_of("OPENAI_API_KEY", environment)
    if gpt or environment.get("OPENAI_BASE_URL"):
        yield from _listed("OpenAI", lambda: _openai(gpt or NO_KEY, environment, patience))
    for name, command in COMMANDS.items():
        if path := shutil.which(command.executable, path=environment.get("PATH")):
            yield Offer(provider=command.executable, model=name, note=f"{path}, with its own login")
    for name, plugin in plugin_providers().items():
        yield Offer(provider=plugin.origin, model=f"{name}:NAME", note="a plug-in")


def _listed(provider: str, offered: Callable[[], Iterator[Offer]]) -> Iterator[Offer]:
    try:
        yield from list(offered())
    except ModelLimited as limit:
        again = clock_text(limit.until, datetime.now(UTC))
        yield Offer(provider=provider, model="", note=f"not before {again}: {limit.message}")
    except ModelFault as fault:
        yield Offer(provider=provider, model="", note=fault.message)


def _anthropic(key: str, environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    # The SDK takes most of a second to import.
    from agent.llm.anthropic import AnthropicApi

    api = AnthropicApi(key, patience, address_in("ANTHROPIC_BASE_URL", environment))
    models = api.models()
    aliases = {api.newest(family, models): family for family in FAMILIES}
    for model in models:
        yield Offer(
            provider="Anthropic",
            model=model.id,
            dollars=_dollars(model.id, ANTHROPIC),
            note=aliases.get(model.id, ""),
        )


def _openai(key: str, environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    # The SDK takes most of a second to import.
    from agent.llm.listing import strongest
    from agent.llm.openai import OpenAIApi

    url = address_in("OPENAI_BASE_URL", environment)
    models = OpenAIApi(key, patience, url).models()
    alias = strongest(models)
    for model in models:
        note = "gpt" if model.id == alias else ""
        name = model.id if url or model.id.startswith("gpt-") else f"openai:{model.id}"
        yield Offer(
            provider=shown(url) if url else "OpenAI",
            model=name,
            dollars=_dollars(model.id, OPENAI, url),
            note=note,
        )


def _dollars(model: str, provider: str, url: str | None = None) -> tuple[float, float] | None:
    """Return the prices of a million tokens in and out, for a short question.

    Some prices rise with the question's length.
    """
    fresh = cost_of(model, provider, fresh=THOUSAND, output=0, url=url)
    output = cost_of(model, provider, fresh=0, output=THOUSAND, url=url)
    if fresh is None or output is None:
        return None
    return fresh * MILLION / THOUSAND, output * MILLION / THOUSAND
