"""What a request cost: list prices by model family, and None for every model that is not in the table."""

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens; read and write are input tokens taken from and put into the provider's cache."""

    input: float
    output: float
    read: float
    write: float


def _anthropic(input: float, output: float) -> Price:
    """Anthropic's cache costs 1.25 times the input to write (five minutes) and a tenth to read."""
    return Price(input, output, input * 0.1, input * 1.25)


# Published list prices, as last documented in March 2026. By name, with or without a date behind it: a newer version may cost
# something else, so an unknown one has no price and its cost is None, never a guess.
PRICES = {
    "claude-opus-4-6": _anthropic(5, 25),
    "claude-opus-4-5": _anthropic(5, 25),
    "claude-opus-4-1": _anthropic(15, 75),
    "claude-opus-4": _anthropic(15, 75),
    "claude-sonnet-4-6": _anthropic(3, 15),
    "claude-sonnet-4-5": _anthropic(3, 15),
    "claude-sonnet-4": _anthropic(3, 15),
    "claude-haiku-4-5": _anthropic(1, 5),
    "claude-3-5-haiku": _anthropic(0.8, 4),
    "gpt-5.2": Price(1.75, 14, 0.175, 1.75),
    "gpt-5.1": Price(1.25, 10, 0.125, 1.25),
    "gpt-5": Price(1.25, 10, 0.125, 1.25),
    "gpt-5-mini": Price(0.25, 2, 0.025, 0.25),
    "gpt-5-nano": Price(0.05, 0.4, 0.005, 0.05),
    "gpt-4.1": Price(2, 8, 0.5, 2),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1, 0.4),
    "gpt-4o": Price(2.5, 10, 1.25, 2.5),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075, 0.15),
}


def cost_of(model: str, *, fresh: int, output: int, read: int = 0, write: int = 0) -> float | None:
    """Dollars for these token counts; `fresh` are the input tokens that touched no cache. None for a model without a price."""
    price = _price_of(model)
    if price is None:
        return None
    total = fresh * price.input + output * price.output + read * price.read + write * price.write
    return total / MILLION


def _price_of(model: str) -> Price | None:
    undated = model.rstrip("0123456789").rstrip("-") if model[-8:].isdigit() else model
    pieces = undated.split("-")
    if len(pieces) > 3 and [len(p) for p in pieces[-3:]] == [4, 2, 2] and "".join(pieces[-3:]).isdigit():
        undated = "-".join(pieces[:-3])
    return PRICES.get(undated)
