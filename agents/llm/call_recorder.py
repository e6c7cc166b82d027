"""One attempt at a call, from its key to its record: expected tokens, tokens used, cost."""

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from evokd.agents.llm.attempt import Failure, Reply, Turn
from evokd.agents.llm.budget import BudgetGuard
from evokd.agents.llm.endpoint import Endpoint
from evokd.agents.llm.in_flight import under_way
from evokd.agents.llm.pricing import price, price_by_batch
from evokd.agents.llm.reply_text import Reading
from evokd.agents.llm.request import CallStore, LLMRequest
from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.messages import BY_BATCH, CallRecord

PROMPT_CUT = "prompt_cut"
"""Flag of a reply to a prompt of which the server has probably read a part alone."""
USUAL_REPLY = 600
"""Expected tokens of a role's first reply."""


def call_key(
    base_url: str, model: str, turns: Sequence[Turn], schema: dict[str, Any], parameters: dict[str, Any]
) -> str:
    """Canonical hash of a request: SHA-256 over sorted JSON of endpoint, model, messages, schema and parameters."""
    request = [base_url, model, [list(turn) for turn in turns], schema, parameters]
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text if the server does not count them: a quarter of its characters, rounded up."""
    return math.ceil(len(text) / 4)


class Attempt:
    """One attempt at a call: its key, and its records.

    Args:
        ask: the request.
        turns: what is sent.
        schema: JSON Schema of the reply.
        number: from 1, re-asks included.
        endpoint: where it goes.
        settings: the teacher's.
        usual: role -> moving average of the tokens of its replies; updated here.
    """

    def __init__(
        self,
        ask: LLMRequest[Any],
        turns: Sequence[Turn],
        schema: dict[str, Any],
        number: int,
        endpoint: Endpoint,
        settings: TeacherSettings,
        usual: dict[str, float],
    ) -> None:
        self._ask, self._turns, self._number = ask, turns, number
        self._endpoint, self._settings, self._usual = endpoint, settings, usual
        role_settings = settings.role(ask.role)
        self.seed = ask.seed + number - 1
        self._prices = role_settings.prices
        self.by_batch = bool(role_settings.batch)
        self._parameters = {
            "seed": self.seed,
            "temperature": role_settings.temperature,
            "max_tokens": role_settings.max_tokens,
        }
        self.key = call_key(endpoint.base_url, endpoint.model, turns, schema, self._parameters)
        self._read = estimate_tokens("".join(text for _, text in turns))

    def expected_tokens(self) -> int:
        """Expected tokens, read and written."""
        return sum(self._expect())

    def expected_usd(self, by_batch: bool) -> float:
        """Expected US dollars of a try, 0 where the price is unknown; the table of prices is slow to load."""
        return self._price(self._expect(), by_batch)[0] or 0.0

    def _expect(self) -> tuple[int, int]:
        return self._read, math.ceil(self._usual.get(self._ask.role, USUAL_REPLY))

    def fail(self, failure: Failure) -> CallRecord:
        """Make the record of a try without a reply.

        The server may have processed, and may charge for, a request without a complete response. So it counts with the
        tokens of a usual reply, or with those that arrived if they are more.
        """
        tokens, counted = failure.tokens or (0, 0), failure.tokens is not None
        if failure.sent and not counted:
            received = estimate_tokens(failure.raw)
            tokens = (self._read, max(received, math.ceil(self._usual.get(self._ask.role, 0))))
        return self._record(
            ability=failure.output_mode,
            status="lost" if failure.sent or counted else "error",
            raw=failure.raw,
            flags=(*failure.flags, *(("optional",) if self._ask.optional else ())),
            faults=[failure.message],
            tokens=tokens,
            estimated=failure.sent and not counted,
            seconds=round(failure.seconds, 3),
        )

    def succeed(self, reply: Reply, reading: Reading[Any], faults: list[str]) -> CallRecord:
        """Make the record of a reply and of what was parsed from it."""
        written = reading.raw if len(reply.pieces) < 2 else "".join(piece.text for piece in reply.pieces)
        tokens = reply.tokens or (self._read, estimate_tokens(written))
        usual = self._usual.get(self._ask.role)
        self._usual[self._ask.role] = tokens[1] if usual is None else 0.8 * usual + 0.2 * tokens[1]
        is_cut = reply.tokens is not None and self._endpoint.prompt_gauge.is_cut(self._read, reply.tokens[0])
        marks = ((PROMPT_CUT, is_cut), ("optional", bool(faults) and self._ask.optional))
        return self._record(
            ability=reply.output_mode,
            status="fault" if faults else "ok",
            raw=reading.raw,
            flags=[*reading.flags, *(flag for flag, holds in marks if holds)],
            faults=faults,
            tokens=tokens,
            estimated=reply.tokens is None,
            seconds=round(reply.seconds, 3),
        )

    def _record(self, *, tokens: tuple[int, int], flags: Sequence[str] = (), **fields: Any) -> CallRecord:
        cost, source = (None, None) if fields["status"] == "error" else self._price(tokens, BY_BATCH in flags)
        return CallRecord(
            id="",  # set when it is stored
            key=self.key,
            cycle=self._ask.cycle,
            role=self._ask.role,
            span=self._ask.span,
            attempt=self._number,
            endpoint=self._endpoint.base_url,
            model=self._endpoint.model,
            request={"turns": [list(turn) for turn in self._turns], "parameters": self._parameters},
            prompts=self._ask.prompts,
            flags=list(flags),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost_usd=cost,
            price_source=source,
            **fields,
        )

    def _price(self, tokens: tuple[int, int], by_batch: bool) -> tuple[float | None, str | None]:
        if self._settings.is_embedded():
            return None, None
        model, address = self._endpoint.model, self._endpoint.base_url
        if by_batch:
            return price_by_batch(self._prices, model, address, tokens, self._settings.batch_discount)
        return price(self._prices, model, address, tokens)


class CallRecorder:
    """Charges attempts to the budget and stores them, each under a new id."""

    def __init__(self, store: CallStore, budget: BudgetGuard) -> None:
        self._store, self._budget = store, budget

    async def keep(self, record: CallRecord) -> CallRecord:
        """Charge an attempt at once and store it; only then may its reply be used."""
        self._budget.charge(record.cycle, record.input_tokens + record.output_tokens, record.cost_usd or 0.0)
        # a role makes its calls in a span one after the other, so the number is free
        number = self._store.count_calls(record.role, record.span) + 1
        stored = record.model_copy(update={"id": f"{record.span}-{record.role}-{number}"})
        with under_way():
            await self._store.keep_call(stored)
        return stored
