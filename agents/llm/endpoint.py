"""One model at one address: the structured-output mode that it supports, and its calls with their failures."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from evokd.agents.llm.attempt import FATAL, Call, Failure, ModelConnection, Reply, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.batch_connection import send_by_batch
from evokd.agents.llm.batch_queue import BatchQueue
from evokd.agents.llm.budget import TryReservation
from evokd.agents.llm.compatibility import Quirks, learn_quirks, read_quirks
from evokd.agents.llm.in_flight import stop_if_abandoned, under_way
from evokd.agents.llm.limiter import CallLimiter
from evokd.agents.llm.output_modes import OUTPUT_MODES, response_format
from evokd.agents.llm.ping import find_address
from evokd.agents.llm.prompt_gauge import PromptGauge
from evokd.agents.llm.retry import RetryPolicy
from evokd.agents.llm.teacher_settings import RoleSettings, TeacherSettings

if TYPE_CHECKING:
    import httpx2

MAX_TIMEOUT_FACTOR = 4
"""Largest multiple of the time limit; each late try doubles the limit of the next one."""
MAX_ADAPTATIONS = 8
"""Times that one call is rewritten because the endpoint refuses a part of it."""
_SETTING = re.compile(
    r"max_\w*tokens|temperature|top_p|\b(model|parameter|argument)\b|too (large|small)", re.IGNORECASE
)
"""Words of a complaint about a setting, and so not about the prompt."""
ADAPTED = "adapted"
"""Flag of a refused try after which the request is rewritten; the new quirks follow it."""
NEXT_MODE = "next_mode"
"""Flag of a try whose output mode is refused, after which the next one is tried; `no_` and the mode follow."""

FailureSink = Callable[[Failure], Awaitable[None]]
"""Called with every try without a reply."""


class Endpoint:
    """One model at one address. The first call finds out what the server supports; later calls use that.

    Args:
        role: model, address and sampling of the role(s) that use it; `base_url` must be set.
        settings: time limit.
        api_key: the key, never stored anywhere else.
        client: HTTP client to send with.
        limiter: limits the calls to this address, for all its models.
        retry_policy: decides on repeats, for all models of this address.
        known: what `known` was in an earlier run; None to find out with the first call.
        batches: answers calls by batch; None: there are none.
    """

    def __init__(
        self,
        role: RoleSettings,
        settings: TeacherSettings,
        api_key: str,
        client: "httpx2.AsyncClient",
        limiter: CallLimiter,
        retry_policy: RetryPolicy,
        known: str | None = None,
        batches: BatchQueue | None = None,
    ) -> None:
        self.model = role.model or settings.model
        self.base_url = role.base_url or ""
        output_mode, _, rest = (known or "").partition(" ")
        self.output_mode = output_mode or None
        self.quirks = read_quirks(rest.split())
        self.limiter = limiter
        self.prompt_gauge = PromptGauge()
        self._retry_policy = retry_policy
        self._timeout = settings.timeout
        self._batches, self._batch_tries = batches, settings.batch_tries
        self._probing = asyncio.Lock()
        self._has_refused = False
        self._role, self._client, self._key = role, client, SecretStr(api_key)
        self._connection = ModelConnection(self.model, role, api_key, client)

    @property
    def known(self) -> str | None:
        """What the endpoint supports, as one string to be stored; None before the first reply."""
        return self.output_mode and " ".join([self.output_mode, *sorted(self.quirks)])

    async def call(self, call: Call, on_failure: FailureSink, reserve: TryReservation) -> Reply:
        """Send one request; the first one also finds out which structured-output mode the endpoint supports.

        A reply with `error` set means that the server refuses this request, or fails over it again and again while it
        serves others.

        Raises:
            TeacherUnreachable: no response for longer than the retry policy allows.
            TeacherRefused: the endpoint refuses the key, the model or every form of the request.
            BudgetSpent: nothing more may be spent.
        """
        reply = await self._probe_once(call, on_failure, reserve)
        if reply is None and self._goes_by_batch(call):
            reply = await self._call_by_batch(call, on_failure, reserve)
            reply = reply or await self._probe_once(call, on_failure, reserve)
        if reply is not None:
            return reply
        assert self.output_mode is not None
        outcome = await self._persist(call, self.output_mode, on_failure, reserve)
        return outcome if isinstance(outcome, Reply) else _skipped(outcome)

    def _goes_by_batch(self, call: Call) -> bool:
        """Whether a call is answered by batch: also one that is in an open batch, whatever the settings say now."""
        return self._batches is not None and (call.by_batch or self._batches.holds(call.key))

    async def _call_by_batch(self, call: Call, on_failure: FailureSink, reserve: TryReservation) -> Reply | None:
        """Answer one request by batch, after failures by the next one; None: it has to be made directly."""
        assert self._batches is not None
        await self._batches.recover()
        tries = adaptations = 0
        while tries < self._batch_tries and self._goes_by_batch(call):
            output_mode = self.output_mode
            if output_mode is None:
                return None
            outcome = await self._try_by_batch(self._batches, call, on_failure, reserve, output_mode, adaptations)
            if isinstance(outcome, Reply):
                return outcome
            stop_if_abandoned()
            if outcome is None:
                continue
            if outcome.kind == "fatal":
                raise await self._refuse(outcome)
            if ADAPTED in outcome.flags:
                adaptations += 1
                continue
            if _refuses_form(outcome):
                # the first of these calls is made directly and finds out what is accepted; the others wait for it
                self.output_mode = None if self.output_mode == output_mode else self.output_mode
                reply = await self._probe_once(call, on_failure, reserve)
                if reply is not None:
                    return reply
            elif outcome.kind == "refused":
                return _skipped(outcome)
            tries += 1
        return None

    async def _try_by_batch(
        self,
        batches: BatchQueue,
        call: Call,
        on_failure: FailureSink,
        reserve: TryReservation,
        output_mode: str,
        adaptations: int,
    ) -> Reply | Failure | None:
        """Send one request with the next batch; None if that was never processed."""
        form, quirks = response_format(output_mode, call.schema, call.name), self.quirks
        # what is in an open batch is paid for, whatever is left of the budget
        async with nullcontext() if batches.holds(call.key) else reserve(by_batch=True):
            outcome = await send_by_batch(self._connection, batches, call, form, output_mode, quirks)
            if isinstance(outcome, Reply):
                self._retry_policy.answered()
            elif outcome is not None:
                outcome = self._adapt(call, outcome, quirks) if adaptations < MAX_ADAPTATIONS else outcome
                outcome = _mark_mode(outcome) if _refuses_form(outcome) else outcome
                await on_failure(outcome)
                batches.settle(call.key)
            return outcome

    async def _probe_once(self, call: Call, on_failure: FailureSink, reserve: TryReservation) -> Reply | None:
        """Make the call that finds out which structured-output mode the endpoint supports; None where that is known."""
        if self.output_mode is None:
            async with self._probing:
                if self.output_mode is None:
                    return await self._probe(call, on_failure, reserve)
        return None

    async def _probe(self, call: Call, on_failure: FailureSink, reserve: TryReservation) -> Reply:
        refusal, failure = "", None
        for output_mode in OUTPUT_MODES:
            outcome = await self._persist(call, output_mode, on_failure, reserve, probing=True)
            if isinstance(outcome, Reply):
                self.output_mode = output_mode
                return outcome
            if outcome.refusal.about in ("prompt", "length"):
                # that says nothing about what the endpoint supports; the next call finds out
                return _skipped(outcome)
            if outcome.refusal.about == "limit":
                raise TeacherRefused(f"{self.base_url}: {outcome.message}")
            if outcome.kind == "passing" and not outcome.blames_request:
                # other models at this address work meanwhile: that says nothing about what this one supports
                return _skipped(outcome)
            if outcome.kind == "refused":
                refusal = outcome.message
            failure = outcome
        if refusal and call.optional:
            return Reply((), None, OUTPUT_MODES[0], error=refusal)
        if refusal and failure is not None and not self._has_refused and _may_be_the_prompt(failure):
            # a content filter may have rejected this prompt in unusual words; a second prompt will show
            self._has_refused = True
            return _skipped(failure)
        if refusal:
            raise TeacherRefused(f"{self.base_url}: the endpoint refuses every form of the request: {refusal}")
        # every mode failed with 500, so the form was not the cause
        assert failure is not None
        outcome = await self._persist(call, OUTPUT_MODES[0], on_failure, reserve)
        if isinstance(outcome, Failure):
            if outcome.refusal.about == "reply":
                return _skipped(outcome)
            raise self._give_up(outcome)
        self.output_mode = OUTPUT_MODES[0]
        return outcome

    async def _persist(
        self, call: Call, output_mode: str, on_failure: FailureSink, reserve: TryReservation, probing: bool = False
    ) -> Reply | Failure:
        """Try until there is a reply or a repeat cannot help; calls are repeated nowhere else."""
        form = response_format(output_mode, call.schema, call.name)
        since, tries, late, adaptations = self._retry_policy.now(), 0, 0, 0
        last = since
        while True:
            quirks = self.quirks
            limit = self._timeout * min(2**late, MAX_TIMEOUT_FACTOR)
            async with self.limiter.slot(call.tokens, reserve):
                with under_way(limit):
                    outcome = await self._connection.send(call, form, output_mode, quirks, limit)
                self._learn(call, outcome)
                if isinstance(outcome, Failure):
                    outcome = self._adapt(call, outcome, quirks) if adaptations < MAX_ADAPTATIONS else outcome
                    outcome = _mark_mode(outcome) if probing and outcome.refusal.about == "form" else outcome
                    await on_failure(outcome)
            if isinstance(outcome, Reply):
                return outcome
            stop_if_abandoned()
            if ADAPTED in outcome.flags:
                adaptations += 1
                continue
            if outcome.kind == "fatal":
                raise await self._refuse(outcome)
            if outcome.kind == "refused" or (probing and outcome.status == 500 and outcome.refusal.about == "form"):
                return outcome
            tries += 1
            late += outcome.late
            if probing and outcome.blames_request and tries > 1:
                return outcome  # twice: the form may be the cause after all
            decision = self._retry_policy.judge(
                tries, since, last, outcome.wait, outcome.blames_request, outcome.refusal.about == "reply"
            )
            last = self._retry_policy.now()
            if decision == "abort_run":
                raise self._give_up(outcome)
            if decision == "skip_call":
                return outcome
            await asyncio.sleep(decision)

    def _adapt(self, call: Call, failure: Failure, sent: Quirks) -> Failure:
        """Learn how to write a request of which a part was refused; flagged if the next try differs."""
        refused = {name for name in failure.refusal.parts if self._sends(call, name)}
        learned = learn_quirks(sent, refused, failure.refusal.other_name)
        if learned == sent:
            return failure
        new = learned - self.quirks
        # keep what other calls in flight have learned
        self.quirks = (self.quirks - (sent - learned)) | learned
        return replace(failure, flags=(*failure.flags, ADAPTED, *sorted(new)))

    def _sends(self, call: Call, name: str) -> bool:
        """Whether a refused part is sent at all."""
        match name:
            case "temperature":
                return self._role.temperature is not None
            case "max_tokens" | "max_completion_tokens":
                return self._role.max_tokens is not None
            case "system":
                return any(role == "system" for role, _ in call.turns)
            case _:
                return True

    def _learn(self, call: Call, outcome: Reply | Failure) -> None:
        if isinstance(outcome, Reply):
            self._retry_policy.answered()
            self.limiter.answered(call.role, outcome.seconds)
            self.limiter.settle(call.tokens, sum(outcome.tokens) if outcome.tokens else call.tokens)
        elif outcome.overloaded:
            self.limiter.overloaded(outcome.wait)

    async def _refuse(self, failure: Failure) -> TeacherRefused:
        what = FATAL.get(failure.status or 0, "the account has no credit left")
        hint = f" (see {self._role.api_key_env} in the environment)" if failure.status == 401 else ""
        if failure.status in (404, 405) and not self.base_url.rstrip("/").endswith("/v1"):
            better = await find_address(self._client, self.base_url, self._key.get_secret_value())
            hint = f" (it answers under {better}: use that address)" if better else " (most addresses end in /v1)"
        return TeacherRefused(f"{self.base_url}, model {self.model!r}: {what}{hint}: {failure.message}")

    def _give_up(self, failure: Failure) -> TeacherUnreachable:
        if failure.status is None and not failure.sent:
            return TeacherUnreachable(f"{self.base_url}: no connection to the teacher ({failure.message})")
        wait_note = f" (it asks to wait {failure.wait:,.0f} s)" if failure.wait and failure.wait >= 1 else ""
        return TeacherUnreachable(f"{self.base_url}: the teacher keeps failing: {failure.message}{wait_note}")


def _mark_mode(failure: Failure) -> Failure:
    """Flag a refused mode, unless it is the last one."""
    if failure.output_mode == OUTPUT_MODES[-1]:
        return failure
    return replace(failure, flags=(*failure.flags, NEXT_MODE, f"no_{failure.output_mode}"))


def _refuses_form(failure: Failure) -> bool:
    return failure.kind == "refused" and failure.refusal.about == "form"


def _may_be_the_prompt(failure: Failure) -> bool:
    return failure.refusal.about is None and not _SETTING.search(failure.message)


def _skipped(failure: Failure) -> Reply:
    """The reply that stands for a skipped request."""
    return Reply((), None, failure.output_mode, error=failure.message)
