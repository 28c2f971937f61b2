"""What a request costs, by the prices of the package genai-prices.

They are the list prices in the installed release, without discounts for a contract or a batch;
nothing is looked up on the network.
"""

from agent.records.bounded import MAX_QUANTITY, is_number

ANTHROPIC = "anthropic"
OPENAI = "openai"
"""As genai-prices calls them."""


def cost_of(
    model: str,
    provider: str | None,
    *,
    fresh: int,
    output: int,
    read: int = 0,
    write: int = 0,
    url: str | None = None,
) -> float | None:
    """Return the price of these token counts in US dollars, or None if it is unknown.

    fresh: input tokens that touched no cache. read, write: tokens read from the cache and put into
    it. provider: as genai-prices calls it. url: of a server that is not the provider's own; a model
    of the same name elsewhere is never taken for it.
    """
    # The import takes half a second, which `autoresearch log` need not wait for.
    from genai_prices import Usage, calc_price

    usage = Usage(
        input_tokens=fresh + read + write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output,
    )
    try:
        if url:
            price = calc_price(usage, model, provider_api_url=url)
        else:
            price = calc_price(usage, model, provider_id=provider)
    except (LookupError, ValueError):
        return None
    return float(price.total_price)


def dollars_in(value: object) -> float | None:
    """Return the dollars that a command or a router reports for an answer; None if invalid."""
    if not is_number(value) or not 0 <= value <= MAX_QUANTITY:
        return None
    return float(value)
