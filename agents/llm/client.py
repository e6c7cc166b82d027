"""The client of the language model: it counts, limits, records, parses and repeats every call.

Agents import no vendor's SDK, read no environment variable and catch no network error; they call `Teacher.ask`.
"""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.attempt import Call, Failure, TeacherError, Turn
from evokd.agents.llm.batch_queues import BatchQueues
from evokd.agents.llm.budget import NO_CAP, BudgetGuard, BudgetLimit, BudgetSpent
from evokd.agents.llm.call_recorder import Attempt, CallRecorder, call_key
from evokd.agents.llm.continuation import complete
from evokd.agents.llm.endpoint import Endpoint
from evokd.agents.llm.in_flight import PendingCalls
from evokd.agents.llm.limiter import CallLimiter, Limiter
from evokd.agents.llm.limiter_client import LimiterClient, OnChange
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.agents.llm.normalize import Normaliser
from evokd.agents.llm.open_batch import BatchProgress, BatchStore
from evokd.agents.llm.parse import Parsed
from evokd.agents.llm.reply_text import CUT_OFF, THOUGHTS, UNREAD, Reading, read_reply, read_stored
from evokd.agents.llm.request import CallStore, LLMRequest, LLMResponse, ReplyT
from evokd.agents.llm.retry import RetryPolicy
from evokd.agents.llm.teacher_settings import OPENAI_URL, REHEARSAL, RoleSettings, TeacherSettings
from evokd.messages import CallRecord, InputError, fence, reply_schema

if TYPE_CHECKING:
    import httpx2

__all__ = ["LLMResponse", "LLMRequest", "CallStore", "Teacher", "call_key", "resolve_key"]

MAX_SCHEMAS = 32
"""Reply schemas that are cached; each cycle's case ids make a new one."""
IN_PROCESS_URL = "http://rehearsal/v1"
MAX_QUOTED = 6_000
"""Characters of an unusable reply that are quoted when the request is repeated."""


def resolve_key(settings: RoleSettings, environment: Mapping[str, str]) -> str:
    """Find the key of a role's endpoint.

    Raises:
        InputError: a hosted model without a key (a base URL without one is fine), or a key that cannot be sent.
    """
    name = settings.api_key_env or "OPENAI_API_KEY"
    key = environment.get(name, "").strip()
    if not key and settings.base_url is None:
        raise InputError(
            f"teacher {settings.model!r}: no key in the environment variable {name} and no address; "
            f"set {name}, or pass --base-url for a local server, or --teacher {REHEARSAL}"
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"the key in the environment variable {name} holds characters that no key has; copy it again")
    return key or "no-key"


class Teacher:
    """Client of the teacher's endpoints, shared by all agents of a run.

    Args:
        settings: the `teacher` section.
        store: where calls are recorded and looked up.
        transport: None for the network; otherwise the rehearsal teacher's in-process transport.
        run: what the run may spend.
        cycle: what each of its cycles may spend.
        batches: where batches are recorded; None: every call is made directly.
        limiters: where the calls of several runs are limited together; None: those of this one are limited here.
    """

    on_batch: Callable[[BatchProgress], None] | None = None
    """Called after each look at a batch."""
    on_limiter: OnChange | None = None
    """Called if the shared limiters cannot be reached, and when they are again; see `limiter_client.OnChange`."""

    def __init__(
        self,
        settings: TeacherSettings,
        store: CallStore,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        run: BudgetLimit = NO_CAP,
        cycle: BudgetLimit = NO_CAP,
        batches: BatchStore | None = None,
        limiters: LimiterAddress | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._transport = transport
        self._budget = BudgetGuard(run, cycle, store.spent)
        self._recorder = CallRecorder(store, self._budget)
        self._pending = PendingCalls()
        self._queues = BatchQueues(settings, batches, transport, self._tell_batch)
        self._client: httpx2.AsyncClient | None = None
        self._endpoints: dict[RoleSettings, Endpoint] = {}
        self._by_role: dict[str, Endpoint] = {}
        self._addresses: dict[str, tuple[CallLimiter, RetryPolicy]] = {}
        self._shared = LimiterClient(limiters, self._tell_limiter) if limiters is not None else None
        self._stored_modes: dict[Endpoint, str | None] = {}
        self._schemas: dict[str, dict[str, Any]] = {}
        self._usual: dict[str, float] = {}

    def _tell_batch(self, progress: BatchProgress) -> None:
        if self.on_batch is not None:
            self.on_batch(progress)

    def _tell_limiter(self, event: str, message: str) -> None:
        if self.on_limiter is not None:
            self.on_limiter(event, message)

    def is_spent(self, cycle: int) -> bool:
        """Whether the run, or this cycle, may make no more calls."""
        return self._budget.is_spent(cycle)

    def asks_again(self, record: CallRecord) -> bool:
        """Whether a faulty reply is asked for again: not after the last attempt, nor once the budget is spent."""
        may_ask = (
            record.status == "fault"
            and record.attempt <= self._settings.max_reprompts
            and "optional" not in record.flags
        )
        return may_ask and not self._pending.closed and not self.is_spent(record.cycle)

    async def land(self, hurry: asyncio.Event, tell: Callable[[int, float], None]) -> None:
        """Send nothing more, and wait until every reply in flight is stored, or recorded as lost.

        Args:
            hurry: once set, stop waiting.
            tell: called, if requests are in flight, with their number and the seconds that they may take.
        """
        self._pending.close()
        self._queues.stop()
        if self._pending.under_way and not hurry.is_set():
            tell(self._pending.under_way, self._pending.seconds_left)
        await self._pending.drain(hurry)

    async def close(self) -> None:
        """Close all connections; requests still in flight are recorded as lost."""
        hurry = asyncio.Event()
        hurry.set()
        await self._pending.drain(hurry)
        await self._queues.close()
        if self._shared is not None:
            await self._shared.close()
        if self._client is not None:
            await self._client.aclose()

    async def ask(self, ask: LLMRequest[ReplyT]) -> LLMResponse[ReplyT]:
        """Ask, parse, check; re-ask with the faults a fixed number of times; return the most useful reply.

        A stored reply to the same request replaces a new call, so a resumed run pays for nothing twice.

        Raises:
            TeacherError: the endpoint cannot be reached or refuses every request.
            BudgetSpent: nothing more may be spent, and there is no usable reply.
        """
        block = fence(ask.message)
        base = _first_turns(ask, block)
        turns = base
        best: ReplyT | None = None
        faults: list[str] = []
        call_id = ""
        for number in range(1, 2 if ask.optional else self._settings.max_reprompts + 2):
            try:
                record, parsed = await self._attempt(ask, turns, number)
            except BudgetSpent as exc:
                if best is None:
                    raise
                faults = [*faults, str(exc)]
                break
            if parsed is None:
                faults = list(record.faults)
                break
            if number == 1 and record.faults and ask.remainder is not None and _is_cut(record):
                return await self._complete(ask, record, parsed, number)
            usable = parsed.reply or parsed.rest
            if usable is not None and (best is None or ask.count(usable) >= ask.count(best)):
                best, call_id, faults = usable, record.id, record.faults
            elif best is None:
                faults = record.faults
            if not record.faults or _is_no_use(record, best, ask, number):
                break
            quoted = "" if UNREAD in record.flags else record.raw[:MAX_QUOTED]
            turns = [*base, ("assistant", quoted), ("user", _ask_again(record.faults, block))]
        return LLMResponse(best, tuple(faults), call_id or record.id)

    async def _complete(
        self, ask: LLMRequest[ReplyT], record: CallRecord, parsed: Parsed[ReplyT], number: int
    ) -> LLMResponse[ReplyT]:
        """Ask for the items that a cut-off reply lacks."""

        async def attempt(part: LLMRequest[ReplyT], number: int) -> tuple[CallRecord, Parsed[ReplyT] | None]:
            return await self._attempt(part, _first_turns(part, fence(part.message)), number)

        extra_requests = 0 if ask.optional else self._settings.max_reprompts
        return await complete(ask, (record, parsed), number, extra_requests, attempt)

    async def _attempt(
        self, ask: LLMRequest[ReplyT], turns: Sequence[Turn], number: int
    ) -> tuple[CallRecord, Parsed[ReplyT] | None]:
        """Make one call or take its stored reply; the parsed reply is None if the server refused the request."""
        endpoint, schema = self._endpoint(ask.role), self._schema(ask)
        attempt = Attempt(ask, turns, schema, number, endpoint, self._settings, self._usual)
        tidy = Normaliser(schema, ask.names)
        stored = self._store.find_call(attempt.key)
        if stored is not None:
            return stored, read_stored(stored.raw, stored.flags, ask.reply, tidy)

        return await self._pending.make(lambda: self._make_call(ask, attempt, turns, schema, tidy))

    async def _make_call(
        self, ask: LLMRequest[ReplyT], attempt: Attempt, turns: Sequence[Turn], schema: dict[str, Any], tidy: Normaliser
    ) -> tuple[CallRecord, Parsed[ReplyT] | None]:
        """Make one call and store its outcome, even if nobody waits for it any more."""
        endpoint = self._endpoint(ask.role)
        failed: list[CallRecord] = []

        async def note(failure: Failure) -> None:
            failed.append(await self._recorder.keep(attempt.fail(failure)))

        tokens = attempt.expected_tokens()
        names = (ask.name, attempt.seed, ask.role)
        call = Call(turns, schema, *names, tokens, ask.optional, attempt.key, attempt.by_batch)

        def reserve(*, by_batch: bool = False) -> AbstractAsyncContextManager[None]:
            self._store.check_room()
            usd = attempt.expected_usd(by_batch) if self._budget.counts_money else 0.0
            return self._budget.reserve(ask.cycle, tokens, usd)

        try:
            reply = await endpoint.call(call, note, reserve)
        except TeacherError as exc:
            self._pending.abort(exc)
            raise
        self._remember(endpoint)
        if reply.error is not None:
            return failed[-1], None
        reading = read_reply(reply, ask.reply, tidy)
        faults = _find_faults(reading, ask)
        return await self._recorder.keep(attempt.succeed(reply, reading, faults)), reading.parsed

    def _schema(self, ask: LLMRequest[ReplyT]) -> dict[str, Any]:
        """The schema of a reply; cached per class and vocabulary."""
        words = {name: list(values) for name, values in ask.vocabularies.items()}
        name = f"{ask.reply.__qualname__} {json.dumps(words, sort_keys=True)} {sorted(ask.without)}"
        if name not in self._schemas:
            if len(self._schemas) >= MAX_SCHEMAS:
                self._schemas.clear()
            self._schemas[name] = reply_schema(ask.reply, ask.vocabularies, ask.without)
        return self._schemas[name]

    def _remember(self, endpoint: Endpoint) -> None:
        if endpoint.known and self._stored_modes.get(endpoint) != endpoint.known:
            self._store.remember_ability(endpoint.base_url, endpoint.model, endpoint.known)
            self._stored_modes[endpoint] = endpoint.known

    def _endpoint(self, role: str) -> Endpoint:
        if role not in self._by_role:
            self._by_role[role] = self._open(role)
        return self._by_role[role]

    def _open(self, role: str) -> Endpoint:
        embedded = self._settings.is_embedded()
        role_settings = self._settings.role(role)
        key = "no-key" if embedded else resolve_key(role_settings, os.environ)
        url = IN_PROCESS_URL if embedded else (role_settings.base_url or OPENAI_URL)
        target = role_settings.model_copy(update={"base_url": url, "prices": None, "batch": None})
        if target not in self._endpoints:
            known = self._store.find_ability(url, target.model or "")
            if url not in self._addresses:
                retry_policy = RetryPolicy(self._settings.retries, self._settings.limits.patience)
                self._addresses[url] = (self._limit(url), retry_policy)
            queue = self._queues.open(url, target.model or "", key)
            endpoint = Endpoint(target, self._settings, key, self._http(), *self._addresses[url], known, queue)
            self._endpoints[target] = endpoint
            self._stored_modes[endpoint] = known
        return self._endpoints[target]

    def _limit(self, url: str) -> CallLimiter:
        most, limits = self._settings.concurrency, self._settings.limits
        return Limiter(most, limits) if self._shared is None else self._shared.limit(url, most, limits)

    def _http(self) -> "httpx2.AsyncClient":
        import httpx2

        from evokd.agents.llm.transport import RecordingTransport

        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=RecordingTransport(self._transport),
                follow_redirects=True,
                headers={"accept-encoding": "identity"},  # a partial reply can be read only if it is not compressed
            )
        return self._client


def _first_turns(ask: LLMRequest[ReplyT], block: str) -> list[Turn]:
    return [("system", ask.system), ("user", f"Reply to this message.\n\n{block}")]


def _is_cut(record: CallRecord) -> bool:
    """Whether a reply was cut off; a smaller request does not help if reasoning took all tokens."""
    return CUT_OFF in record.flags and THOUGHTS not in record.flags


def _is_no_use(record: CallRecord, best: ReplyT | None, ask: LLMRequest[ReplyT], number: int) -> bool:
    """Whether the same limit would cut off the next reply too: after some items, or twice within the reasoning."""
    if CUT_OFF not in record.flags:
        return False
    return (best is not None and ask.count(best) > 0) or (THOUGHTS in record.flags and number > 1)


def _find_faults(reading: Reading[ReplyT], ask: LLMRequest[ReplyT]) -> list[str]:
    parsed = reading.parsed
    if "no_completion" in reading.flags:
        return ["the server's answer is no chat completion"]
    if "refusal" in reading.flags:
        return ["the model refused to answer"]
    if CUT_OFF in reading.flags and parsed.reply is None and parsed.rest is not None:
        return [f"the reply was cut off by the token limit after {ask.count(parsed.rest)} items that can be used"]
    if parsed.reply is None:
        cut = (
            " (the reply was cut off by the token limit)"
            if CUT_OFF in reading.flags and UNREAD not in reading.flags
            else ""
        )
        return [f"{parsed.fault}{cut}"]
    return ask.check(parsed.reply)


def _ask_again(faults: Sequence[str], block: str) -> str:
    listed = "\n".join(f"- {fault[:500]}" for fault in faults[:12]).replace("<", "(").replace(">", ")")
    return (
        f"Your reply could not be used:\n{listed}\n\n"
        f"Answer the message again, with one complete JSON object that mends this.\n\n{block}"
    )
