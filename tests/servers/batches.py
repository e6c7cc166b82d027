"""A server with batches, as OpenAI publishes them, that also answers calls directly and counts what it is paid for."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd.simulator.batches import BatchDesk, BatchScript
from evokd.simulator.bodies import refuse
from evokd.simulator.requests import RequestError
from tests.scripted import Say, completion, message_of

USAGE = (1_000, 100)
"""Tokens, read and written, of every reply."""
PRICES = {"input": 1.0, "output": 2.0}
"""US dollars per million tokens."""
DIRECT = (USAGE[0] * PRICES["input"] + USAGE[1] * PRICES["output"]) / 1_000_000
"""US dollars of a direct call at these prices."""


@dataclass
class BatchServer:
    """Such a server; `app` serves it."""

    answer: Callable[[Mapping[str, Any]], Any]
    """Gets the message of a request, gives the content of the reply."""
    script: BatchScript = field(default_factory=BatchScript)
    refuse_schema: bool = False
    """Whether `json_schema` is refused, in batches and directly."""
    refuse_seed: bool = False
    """The same of `seed`."""
    direct: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of calls that were made directly."""

    def __post_init__(self) -> None:
        self.desk = BatchDesk(self._complete, self.script)

    @property
    def app(self) -> Starlette:
        routes = [Route("/v1/chat/completions", self._answer, methods=["POST"]), *self.desk.routes]
        return Starlette(routes=routes, exception_handlers={RequestError: refuse})

    @property
    def paid(self) -> Counter[str]:
        """How often a reply was given to each call by batch."""
        return Counter(self.desk.answered)

    @property
    def sizes(self) -> list[int]:
        """Requests of every batch."""
        return [batch["request_counts"]["total"] for batch in self.desk.batches]

    async def _answer(self, request: Request) -> Response:
        body = await request.json()
        self.direct.append(body)
        return JSONResponse(self._complete(body))

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.refuse_schema and body.get("response_format", {}).get("type") == "json_schema":
            raise RequestError("response_format: json_schema is not supported by this model", "response_format")
        if self.refuse_seed and "seed" in body:
            raise RequestError("Unsupported parameter: 'seed'", "seed")
        return completion(Say(self.answer(message_of(body)[1]), usage=USAGE))
