"""What a run has spent, and what it is expected to have spent at its end."""

from collections.abc import Mapping
from typing import Any


class Spending:
    """Counts tokens and US dollars."""

    def __init__(self) -> None:
        self._tokens = 0
        self._usd: float | None = 0.0
        self._expected_tokens: int | None = None
        self._expected_usd: float | None = None

    def add(self, call: Mapping[str, Any]) -> None:
        """Take in the event of a call."""
        self._tokens += call["input_tokens"] + call["output_tokens"]
        cost = call.get("cost_usd")
        self._usd = None if cost is None or self._usd is None else self._usd + cost

    def revise(self, estimate: Mapping[str, Any]) -> None:
        """Take in an estimate of what is still to come."""
        self._expected_tokens = self._tokens + estimate["input_tokens"] + estimate["output_tokens"]
        cost = estimate.get("cost_usd")
        self._expected_usd = None if cost is None else (self._usd or 0.0) + cost

    def tell(self) -> str:
        """Write money where prices are known, else tokens; what is expected in all stands behind it."""
        if self._usd:
            expected = f" of about {self._expected_usd:.2f}" if self._expected_usd else ""
            return f"{self._usd:.2f}{expected} USD"
        expected = f" of about {self._expected_tokens:,}" if self._expected_tokens else ""
        return f"{self._tokens:,}{expected} tokens"
