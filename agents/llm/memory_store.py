"""Calls kept in memory, for questions that belong to no run."""

from evokd.messages import CallRecord


class MemoryStore:
    """A `CallStore` that ends with the process."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        """Every attempt, in order."""
        self._abilities: dict[tuple[str, str], str] = {}

    def find_call(self, key: str) -> CallRecord | None:
        """Find no call: each question is asked once."""
        return None

    def check_room(self) -> None:
        """Do nothing: there is always room."""

    async def keep_call(self, record: CallRecord) -> None:
        """Keep one attempt."""
        self.calls.append(record)

    def count_calls(self, role: str, span: str) -> int:
        """Count attempts of a role in a span."""
        return sum(call.role == role and call.span == span for call in self.calls)

    def spent(self, cycle: int | None) -> tuple[int, float]:
        """Add up tokens and US dollars; calls of unknown price count as 0 dollars."""
        calls = [call for call in self.calls if cycle is None or call.cycle == cycle]
        tokens = sum(call.input_tokens + call.output_tokens for call in calls)
        return tokens, sum(call.cost_usd or 0.0 for call in calls)

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """Find what an endpoint supports, where an earlier call has shown it."""
        return self._abilities.get((endpoint, model))

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Keep what an endpoint supports."""
        self._abilities[(endpoint, model)] = ability
