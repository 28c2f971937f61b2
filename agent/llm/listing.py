"""Reads the models that an OpenAI-compatible server lists, and resolves short names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.llm.events import value_of
from agent.llm.pricing import OPENAI, cost_of
from sandbox.ground.text import is_plain

_ANSWERS_NOTHING = re.compile(
    r"embed|rerank|whisper|\btts\b|transcri|moderation|guard", re.IGNORECASE
)
"""Names of models that answer no questions; some servers list them first."""
# Parts of names on the list that are no general models, or small or very expensive ones.
_OTHER_KINDS = frozenset(
    {
        "audio",
        "chat",
        "codex",
        "cyber",
        "image",
        "instruct",
        "live",
        "mini",
        "nano",
        "oss",
        "preview",
        "pro",
        "realtime",
        "rosalind",
        "safeguard",
        "search",
    }
)


@dataclass(frozen=True)
class Listed:
    """One model of a list."""

    id: str
    created: float = 0.0
    """Seconds since 1970; 0 where a server does not say."""


def listed_in(body: str) -> list[Listed]:
    """Return the models in the answer of a server, in its order.

    OpenAI's form, the bare list of Together, or a list under `models`. Raise ValueError for what is
    none of them.
    """
    answer = value_of(body)
    if isinstance(answer, dict):
        answer = answer["data"] if "data" in answer else answer.get("models", answer)
    if answer is None:  # Ollama's, without a model
        return []
    if not isinstance(answer, list):
        raise ValueError("no list of models")
    return list(_models(answer))


def _models(entries: Sequence[Any]) -> Iterator[Listed]:
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        name = entry.get("id") or entry.get("name")
        created = entry.get("created")
        if isinstance(name, str) and is_plain(name):
            yield Listed(name, float(created) if isinstance(created, int | float) else 0.0)


def first_that_answers(models: Sequence[Listed]) -> str | None:
    """Return the name of the first model that answers questions, if any."""
    names = [model.id for model in models]
    return next((name for name in names if not _ANSWERS_NOTHING.search(name)), None)


def strongest(models: Sequence[Listed]) -> str | None:
    """Return the name of the strongest general gpt, if any.

    It is of the newest generation, by the first number of its name, and there the dearest by list
    price: a generation has several tiers, and its small ones often come last.
    """
    general = [model for model in models if _is_general(model.id)]
    prices: dict[tuple[int, str], float] = {}
    for model in general:
        tier = _tier(model.id)
        price = cost_of(model.id, OPENAI, fresh=0, output=1_000) or 0.0
        prices[tier] = max(price, prices.get(tier, 0.0))

    def strength(model: Listed) -> tuple[int, float, tuple[int, ...], float, int]:
        tier = _tier(model.id)
        return tier[0], prices[tier], _version(model.id), model.created, -len(model.id)

    return max(general, key=strength).id if general else None


def _is_general(name: str) -> bool:
    family, *parts = name.split("-")
    is_kind = not _ANSWERS_NOTHING.search(name) and _OTHER_KINDS.isdisjoint(parts)
    return family == "gpt" and bool(parts) and is_kind


def _tier(name: str) -> tuple[int, str]:
    """Return the generation and the tier: (5, "sol") for gpt-5.6-sol, whose price may be new."""
    words = [part for part in name.split("-")[2:] if not part[:1].isdigit()]
    return _version(name)[0], "-".join(words)


def _version(name: str) -> tuple[int, ...]:
    """Return the numbers behind `gpt-`: (5, 6) for gpt-5.6-sol."""
    match = re.match(r"gpt-(\d{1,4})(?:\.(\d{1,4}))?", name)
    if not match:
        return (0,)
    return tuple(int(part) for part in match.groups() if part)
