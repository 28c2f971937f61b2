"""What a request costs: prices from genai-prices, which is maintained; None for every model that it does not know.

The prices are those that the installed release carries: nothing is looked up on the network. They are list prices, without
a discount for a contract or a batch.
"""


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
    """Dollars for these token counts. fresh: input tokens that touched no cache; read and write: taken from and put into it.

    provider: as genai-prices calls it; url: of the server instead, where it is not the provider's own. A model of the same
    name elsewhere is never taken for it: None then, which says that the price is not known.
    """
    from genai_prices import (  # half a second, which `autoresearch log` need not pay
        Usage,
        calc_price,
    )

    usage = Usage(
        input_tokens=fresh + read + write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output,
    )
    try:
        price = (
            calc_price(usage, model, provider_api_url=url)
            if url
            else calc_price(usage, model, provider_id=provider)
        )
    except (LookupError, ValueError):
        return None
    return float(price.total_price)
