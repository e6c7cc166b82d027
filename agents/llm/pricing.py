"""What a call costs: the user's own price, else the price table, else unknown (never zero)."""

from functools import lru_cache

from evokd.agents.llm.teacher_settings import OPENAI_URL, Prices


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


@lru_cache(maxsize=64)
def _table_price(model: str, base_url: str) -> tuple[float, float] | None:
    from genai_prices import Usage, calc_price

    def dollars(usage: "Usage") -> float:
        if base_url == OPENAI_URL:
            return float(calc_price(usage, model, provider_id="openai").total_price)
        return float(calc_price(usage, model, provider_api_url=base_url).total_price)

    try:
        return dollars(Usage(input_tokens=1_000)) / 1_000, dollars(Usage(output_tokens=1_000)) / 1_000
    except LookupError:
        return None
