"""What can be asked from here: the models that each key, server and command reaches, with their list prices."""

import shutil
from collections.abc import Callable, Iterator, Mapping

from agent.errors import ModelFault
from agent.llm.command import COMMANDS
from agent.llm.keys import key_of
from agent.llm.patience import Patience
from agent.llm.pricing import cost_of
from agent.llm.resolve import FAMILIES, NO_KEY
from sandbox.ground.record import Record

THOUSAND, MILLION = 1_000, 1_000_000


class Offer(Record):
    """One line of the catalogue. model: what to type behind --model. dollars: a million tokens in and out; None: not known.

    note: the short name that stands for it today, or why nothing can be listed.
    """

    provider: str
    model: str
    dollars: tuple[float, float] | None = None
    note: str = ""


def offers(environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    """In the order in which `start` without --model looks: Anthropic, OpenAI or a server that speaks its API, commands."""
    if claude := key_of("ANTHROPIC_API_KEY", environment):
        yield from _listed("Anthropic", lambda: _anthropic(claude, environment, patience))
    gpt = key_of("OPENAI_API_KEY", environment)
    if gpt or environment.get("OPENAI_BASE_URL"):
        yield from _listed("OpenAI", lambda: _openai(gpt or NO_KEY, environment, patience))
    for name, command in COMMANDS.items():
        if path := shutil.which(command.executable, path=environment.get("PATH")):
            yield Offer(provider=command.executable, model=name, note=f"{path}, with its own login")


def _listed(provider: str, offered: Callable[[], Iterator[Offer]]) -> Iterator[Offer]:
    try:
        yield from list(offered())
    except ModelFault as fault:
        yield Offer(provider=provider, model="", note=fault.message)


def _anthropic(key: str, environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    from agent.llm.anthropic import (  # the SDK takes most of a second to import
        PRICED_AS,
        AnthropicApi,
    )

    api = AnthropicApi(key, patience, environment.get("ANTHROPIC_BASE_URL") or None)
    models = api.models()
    aliases = {api.newest(family, models): family for family in FAMILIES}
    for model in models:
        yield Offer(
            provider="Anthropic",
            model=model.id,
            dollars=_dollars(model.id, PRICED_AS),
            note=aliases.get(model.id, ""),
        )


def _openai(key: str, environment: Mapping[str, str], patience: Patience) -> Iterator[Offer]:
    from agent.llm.openai import (  # the SDK takes most of a second to import
        PRICED_AS,
        OpenAIApi,
        newest,
    )

    url = environment.get("OPENAI_BASE_URL") or None
    models = OpenAIApi(key, patience, url).models()
    alias = newest(models)
    for model in models:
        note = "gpt" if model.id == alias else ""
        name = model.id if url or model.id.startswith("gpt-") else f"openai:{model.id}"
        yield Offer(
            provider=url or "OpenAI",
            model=name,
            dollars=_dollars(model.id, PRICED_AS, url),
            note=note,
        )


def _dollars(model: str, provider: str, url: str | None = None) -> tuple[float, float] | None:
    """For a million tokens in and out, at the rate of a short question: some prices rise with its length."""
    fresh = cost_of(model, provider, fresh=THOUSAND, output=0, url=url)
    output = cost_of(model, provider, fresh=0, output=THOUSAND, url=url)
    return (
        None
        if fresh is None or output is None
        else (fresh * MILLION / THOUSAND, output * MILLION / THOUSAND)
    )
