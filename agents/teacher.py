"""The one door to a language model: every call is counted, limited, recorded, parsed and re-asked here.

No agent imports a vendor's SDK, reads an environment variable or catches a network error; they call `Teacher.ask`.
"""

import asyncio
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from agents.messages import (
    CallRecord,
    DraftBatch,
    FeedbackPacket,
    InputError,
    LessonPlan,
    fence,
    reply_schema,
)
from agents.parse import Parsed, parse_reply
from agents.pricing import price
from agents.settings import OPENAI_URL, REHEARSAL, RoleSettings, TeacherSettings
from agents.wire import Endpoint, Reply, Turn

if TYPE_CHECKING:
    import httpx2

ReplyT = TypeVar("ReplyT", bound=BaseModel)

IN_PROCESS_URL = "http://rehearsal/v1"
MAX_QUOTED = 6_000
"""Characters of an unusable reply that are quoted back when it is asked again."""


class CallStore(Protocol):
    """Where calls are recorded before they are used (the ledger)."""

    def find_call(self, key: str) -> CallRecord | None:
        """The stored attempt with this key whose reply may be used again."""

    def record_call(self, record: CallRecord) -> None:
        """Store one attempt durably."""

    def count_calls(self, role: str, span: str) -> int:
        """Attempts recorded so far for a role in a span."""

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """What an endpoint was found to understand."""

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Keep what an endpoint was found to understand."""


@dataclass(frozen=True)
class Ask(Generic[ReplyT]):
    """One question to the teacher."""

    role: str
    cycle: int
    span: str
    system: str
    prompts: str
    """Hash of the rendered prompt set."""
    message: FeedbackPacket | LessonPlan | DraftBatch
    reply: type[ReplyT]
    name: str
    """Name of the reply's schema on the wire."""
    check: Callable[[ReplyT], list[str]]
    """Faults of a reply that fits the schema: invented ids, unknown labels and the like."""
    count: Callable[[ReplyT], int]
    """Items of a reply that can be used; of several faulty replies the one with most counts."""
    seed: int
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer(Generic[ReplyT]):
    """The teacher's answer: `reply` is the most useful readable one, `faults` what is still wrong with it."""

    reply: ReplyT | None
    faults: tuple[str, ...]
    call_id: str
    """The call that `reply` came with; the last one where there is no reply."""


def resolve_key(settings: RoleSettings, environment: Mapping[str, str]) -> str:
    """Find the key of a role's endpoint.

    Raises:
        InputError: a hosted model without a key. A base URL without a key is fine (local servers).
    """
    name = settings.api_key_env or "OPENAI_API_KEY"
    key = environment.get(name, "").strip()
    if not key and settings.base_url is None:
        raise InputError(
            f"teacher {settings.model!r}: no key in the environment variable {name} and no address; "
            f"set {name}, or pass --base-url for a local server, or --teacher {REHEARSAL}"
        )
    return key or "no-key"


class Teacher:
    """Door to the teacher's endpoint(s), shared by all agents of a run.

    Args:
        settings: the `teacher` section.
        store: where calls are recorded and looked up.
        transport: None for the network; the rehearsal teacher's in-process transport otherwise.
    """

    def __init__(
        self, settings: TeacherSettings, store: CallStore, transport: "httpx2.AsyncBaseTransport | None" = None
    ) -> None:
        self._settings = settings
        self._store = store
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None
        self._endpoints: dict[RoleSettings, Endpoint] = {}

    async def close(self) -> None:
        """Close the HTTP connections."""
        if self._client is not None:
            await self._client.aclose()

    async def ask(self, ask: Ask[ReplyT]) -> Answer[ReplyT]:
        """Ask, parse, check; re-ask with the faults a fixed number of times. The most useful reply counts.

        A stored reply to the very same request is used instead of a new call, so a resumed run pays nothing twice.

        Raises:
            TeacherError: the endpoint cannot be reached or refuses to work at all.
        """
        schema = reply_schema(ask.reply, dict(ask.vocabularies))
        block = fence(ask.message)
        base: list[Turn] = [("system", ask.system), ("user", f"Reply to this message.\n\n{block}")]
        turns = base
        best: ReplyT | None = None
        faults: list[str] = []
        call_id = ""
        for attempt in range(1, self._settings.reasks + 2):
            record, parsed = await self._attempt(ask, turns, schema, attempt)
            if parsed is None:
                faults = [record.raw]
                break
            found = parsed.reply or parsed.rest
            if found is not None and (best is None or ask.count(found) >= ask.count(best)):
                best, call_id, faults = found, record.id, record.faults
            elif best is None:
                faults = record.faults
            if not record.faults:
                break
            turns = [*base, ("assistant", record.raw[:MAX_QUOTED]), ("user", _ask_again(record.faults, block))]
        return Answer(best, tuple(faults), call_id or record.id)

    async def _attempt(
        self, ask: Ask[ReplyT], turns: Sequence[Turn], schema: dict[str, Any], attempt: int
    ) -> tuple[CallRecord, Parsed[ReplyT] | None]:
        """Make one call or take its stored reply; no parsed reply where the server refused the request."""
        endpoint = self._endpoint(ask.role)
        key = call_key(endpoint.base_url, endpoint.model, turns, schema, self._parameters(ask, attempt))
        stored = self._store.find_call(key)
        if stored is not None:
            return stored, parse_reply(stored.raw, ask.reply)

        errors: list[CallRecord] = []

        def note(ability: str, text: str) -> None:
            failed = Reply("", (0, 0), ability, error=text)
            errors.append(self._record(ask, endpoint, key, turns, attempt, failed, [text], 0.0))
            self._store.record_call(errors[-1])

        async with self._slots:
            start = time.monotonic()
            reply = await endpoint.call(turns, schema, ask.name, ask.seed + attempt - 1, note)
            seconds = time.monotonic() - start
        if endpoint.ability:
            self._store.remember_ability(endpoint.base_url, endpoint.model, endpoint.ability)
        if reply.error is not None:
            return errors[-1], None
        parsed = parse_reply(reply.text, ask.reply)
        reply = replace(reply, flags=tuple(dict.fromkeys((*reply.flags, *parsed.flags))))
        faults = _find_faults(reply, parsed, ask)
        record = self._record(ask, endpoint, key, turns, attempt, reply, faults, seconds)
        self._store.record_call(record)
        return record, parsed

    def _record(
        self,
        ask: Ask[ReplyT],
        endpoint: Endpoint,
        key: str,
        turns: Sequence[Turn],
        attempt: int,
        reply: Reply,
        faults: list[str],
        seconds: float,
    ) -> CallRecord:
        estimate = (_estimate("".join(text for _, text in turns)), _estimate(reply.text))
        tokens = reply.tokens or estimate
        role = self._settings.role(ask.role)
        cost, source = (None, None)
        if not reply.error and not self._settings.is_rehearsal():
            cost, source = price(role.prices, endpoint.model, endpoint.base_url, tokens)
        number = self._store.count_calls(ask.role, ask.span) + 1
        return CallRecord(
            id=f"{ask.span}-{ask.role}-{number}",
            key=key,
            cycle=ask.cycle,
            role=ask.role,
            span=ask.span,
            attempt=attempt,
            endpoint=endpoint.base_url,
            model=endpoint.model,
            ability=reply.ability,
            request={"turns": [list(turn) for turn in turns], "parameters": self._parameters(ask, attempt)},
            prompts=ask.prompts,
            status="error" if reply.error else ("fault" if faults else "ok"),
            raw=reply.error or reply.text,
            flags=list(reply.flags),
            faults=faults,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            estimated=reply.tokens is None,
            cost_usd=cost,
            price_source=source,
            seconds=round(seconds, 3),
        )

    def _parameters(self, ask: Ask[ReplyT], attempt: int) -> dict[str, Any]:
        role = self._settings.role(ask.role)
        return {"seed": ask.seed + attempt - 1, "temperature": role.temperature, "max_tokens": role.max_tokens}

    def _endpoint(self, role: str) -> Endpoint:
        rehearsal = self._settings.is_rehearsal()
        own = self._settings.role(role)
        key = "rehearsal" if rehearsal else resolve_key(own, os.environ)
        url = IN_PROCESS_URL if rehearsal else (own.base_url or OPENAI_URL)
        target = own.model_copy(update={"base_url": url, "prices": None})
        if target not in self._endpoints:
            known = self._store.find_ability(url, target.model or "")
            self._endpoints[target] = Endpoint(target, self._settings, key, self._http(), known)
        return self._endpoints[target]

    def _http(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._client is None:
            limits = httpx2.Limits(max_connections=self._settings.concurrency + 4)
            self._client = httpx2.AsyncClient(transport=self._transport, limits=limits, follow_redirects=True)
        return self._client


def call_key(
    base_url: str, model: str, turns: Sequence[Turn], schema: dict[str, Any], parameters: dict[str, Any]
) -> str:
    """Canonical hash of a request: SHA-256 over sorted JSON of endpoint, model, messages, schema and parameters."""
    request = [base_url, model, [list(turn) for turn in turns], schema, parameters]
    return hashlib.sha256(json.dumps(request, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _find_faults(reply: Reply, parsed: Parsed[ReplyT], ask: Ask[ReplyT]) -> list[str]:
    if "no_completion" in reply.flags:
        return ["the server's answer is no chat completion"]
    if "refusal" in reply.flags:
        return ["the model refused to answer"]
    if parsed.reply is None:
        cut = " (the reply was cut off by the token limit)" if "cut_off" in reply.flags else ""
        return [f"{parsed.fault}{cut}"]
    return ask.check(parsed.reply)


def _ask_again(faults: Sequence[str], block: str) -> str:
    listed = "\n".join(f"- {fault[:500]}" for fault in faults[:12]).replace("<", "(").replace(">", ")")
    return (
        f"Your reply could not be used:\n{listed}\n\n"
        f"Answer the message again, with one complete JSON object that mends this.\n\n{block}"
    )


def _estimate(text: str) -> int:
    """Tokens of a text where the server does not count: a quarter of its characters, rounded up."""
    return math.ceil(len(text) / 4)
