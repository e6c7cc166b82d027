"""What a call costs: the user's own price, else the price table, else unknown (never zero)."""

from functools import lru_cache

from evokd.agents.llm.teacher_settings import OPENAI_URL, Prices
from evokd.messages import name_batch_price

BATCH_SHARE = 0.5
"""Price of a reply by batch as a share of the usual one, where neither user nor table say another."""


def price(prices: Prices | None, model: str, base_url: str, tokens: tuple[int, int]) -> tuple[float | None, str | None]:
    """Price a call.

    Args:
        prices: the user's own price of the model.
        model: model name.
        base_url: address of the endpoint; the price table is only believed for an endpoint it knows.
        tokens: (input, output).

    Returns:
        US dollars and the source of the price; (None, None) if the price is unknown.
    """
    if prices is not None:
        return (tokens[0] * prices.input + tokens[1] * prices.output) / 1_000_000, "user"
    rate = _table_price(model, base_url)
    if rate is None:
        return None, None
    return tokens[0] * rate[0] + tokens[1] * rate[1], "genai-prices"


def price_by_batch(
    prices: Prices | None, model: str, base_url: str, tokens: tuple[int, int], discount: float | None
) -> tuple[float | None, str | None]:
    """Price a call that is answered by batch.

    Args:
        prices: the user's own price of the model, for a direct call.
        model: model name.
        base_url: address of the endpoint.
        tokens: (input, output).
        discount: the share of the usual price that is charged; None: what the table says, else half.

    Returns:
        As `price`; the source also tells the share.
    """
    usual, source = price(prices, model, base_url, tokens)
    if usual is None or source is None:
        return None, None
    share = discount
    if share is None:
        share = (_table_share(model, base_url) if prices is None else None) or BATCH_SHARE
    return usual * share, name_batch_price(source, share)


def _table_share(model: str, base_url: str) -> float | None:
    """The share of the usual price that the table has for batches; None where it has none."""
    usual, batch = _table_price(model, base_url), _table_price(model, base_url, "batch")
    if not usual or not batch or not sum(usual) or batch == usual:  # the table falls back on the usual price
        return None
    return round(sum(batch) / sum(usual), 4)


@lru_cache(maxsize=64)
def _table_price(model: str, base_url: str, processing: str | None = None) -> tuple[float, float] | None:
    from genai_prices import Usage, calc_price

    context = {"processing": processing} if processing else None

    def dollars(usage: "Usage") -> float:
        if base_url == OPENAI_URL:
            return float(calc_price(usage, model, provider_id="openai", price_context=context).total_price)
        return float(calc_price(usage, model, provider_api_url=base_url, price_context=context).total_price)

    try:
        return dollars(Usage(input_tokens=1_000)) / 1_000, dollars(Usage(output_tokens=1_000)) / 1_000
    except LookupError:
        return None
