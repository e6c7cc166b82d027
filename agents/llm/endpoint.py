"""One model at one address: what it understands (the ability ladder), and its calls with all that may go wrong."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from evokd.agents.llm.attempt import FATAL, Call, Failure, ModelConnection, Reply, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.compatibility import Quirks, learn_quirks, read_quirks
from evokd.agents.llm.in_flight import go_on, under_way
from evokd.agents.llm.limiter import Gate, Limiter
from evokd.agents.llm.ping import find_address
from evokd.agents.llm.retry import RetryPolicy
from evokd.agents.llm.teacher_settings import RoleSettings, TeacherSettings

if TYPE_CHECKING:
    import httpx2

LADDER = ("json_schema", "json_object_schema", "json_object", "plain")
LONGER = 4
"""Times the time limit that a call gets in the end, each try twice the one before."""
MOST_CHANGES = 8
"""Times that one call is written otherwise for what the endpoint refuses."""
_SETTING = re.compile(
    r"max_\w*tokens|temperature|top_p|\b(model|parameter|argument)\b|too (large|small)", re.IGNORECASE
)
"""Words about a setting of the request, and so not about its texts."""
ADAPTED = "adapted"
"""Flag of a refused try after which the request is written otherwise; the quirks that were new stand beside it."""

FailureSink = Callable[[Failure], Awaitable[None]]
"""Called with every try that brought no reply."""


def response_format(ability: str, schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The `response_format` of a request at a rung of the ladder, None for plain text."""
    match ability:
        case "json_schema":
            return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
        case "json_object_schema":
            return {"type": "json_object", "schema": schema}
        case "json_object":
            return {"type": "json_object"}
        case _:
            return None


class Endpoint:
    """One model at one address. Calls through it find out once what the server understands and remember it.

    Args:
        role: model, address and sampling of the role(s) that use it; `base_url` must be set.
        settings: time limit.
        api_key: the key, never stored anywhere else.
        client: HTTP client to send with (the in-process transport of the rehearsal comes in here).
        limiter: lets calls to this address go, those of other models there too.
        patience: what is known of the address's failures.
        known: what `known` was in an earlier run, None to find out with the first call.
    """

    def __init__(
        self,
        role: RoleSettings,
        settings: TeacherSettings,
        api_key: str,
        client: "httpx2.AsyncClient",
        limiter: Limiter,
        patience: RetryPolicy,
        known: str | None = None,
    ) -> None:
        self.model = role.model or settings.model
        self.base_url = role.base_url or ""
        ability, _, rest = (known or "").partition(" ")
        self.ability = ability or None
        self.quirks = read_quirks(rest.split())
        self.limiter = limiter
        self._patience = patience
        self._timeout = settings.timeout
        self._probing = asyncio.Lock()
        self._has_refused = False
        self._role, self._client, self._key = role, client, SecretStr(api_key)
        self._wire = ModelConnection(self.model, role, api_key, client)

    @property
    def known(self) -> str | None:
        """What was found out, as one string to be remembered; None while nothing was."""
        return self.ability and " ".join([self.ability, *sorted(self.quirks)])

    async def call(self, call: Call, on_failure: FailureSink, gate: Gate) -> Reply:
        """Send one request; the first one on an endpoint also finds out which rung of the ladder it stands on.

        A reply with `error` set means that the server refuses this request, or fails over it time and again while it
        serves others.

        Raises:
            TeacherUnreachable: no answer for longer than the patience lasts.
            TeacherRefused: the endpoint refuses the key, the model or every form of the request.
            BudgetSpent: the gate lets nothing more out.
        """
        if self.ability is None:
            async with self._probing:
                if self.ability is None:
                    return await self._probe(call, on_failure, gate)
        found = await self._persist(call, self.ability, on_failure, gate)
        return found if isinstance(found, Reply) else _left_out(found)

    async def _probe(self, call: Call, on_failure: FailureSink, gate: Gate) -> Reply:
        refusal, failure = "", None
        for ability in LADDER:
            found = await self._persist(call, ability, on_failure, gate, probing=True)
            if isinstance(found, Reply):
                self.ability = ability
                return found
            if found.refusal.about in ("prompt", "length"):
                # that says nothing about what the endpoint understands; the next call finds out
                return _left_out(found)
            if found.kind == "passing" and not found.own:
                # other models at this address work meanwhile: that says nothing about what this one understands
                return _left_out(found)
            if found.kind == "refused":
                refusal = found.told
            failure = found
        if refusal and call.optional:
            return Reply((), None, LADDER[0], error=refusal)
        if refusal and failure is not None and not self._has_refused and _may_be_the_prompt(failure):
            # perhaps a filter dislikes this prompt and says so in words of its own; a second one will tell
            self._has_refused = True
            return _left_out(failure)
        if refusal:
            raise TeacherRefused(f"{self.base_url}: the endpoint refuses every form of the request: {refusal}")
        # every rung failed with 500, so it was not the form
        assert failure is not None
        found = await self._persist(call, LADDER[0], on_failure, gate)
        if isinstance(found, Failure):
            if found.refusal.about == "reply":
                return _left_out(found)
            raise self._give_up(found)
        self.ability = LADDER[0]
        return found

    async def _persist(
        self, call: Call, ability: str, on_failure: FailureSink, gate: Gate, probing: bool = False
    ) -> Reply | Failure:
        """Try until there is a reply, or until it is no use: the one place where calls are repeated."""
        form = response_format(ability, call.schema, call.name)
        since, tries, late, changes = self._patience.now(), 0, 0, 0
        last = since
        while True:
            quirks = self.quirks
            limit = self._timeout * min(2**late, LONGER)
            async with self.limiter.slot(call.tokens, gate):
                with under_way(limit):
                    found = await self._wire.send(call, form, ability, quirks, limit)
                self._learn(call, found)
                if isinstance(found, Failure):
                    found = self._adapt(call, found, quirks) if changes < MOST_CHANGES else found
                    await on_failure(found)
            if isinstance(found, Reply):
                return found
            go_on()
            if ADAPTED in found.flags:
                changes += 1
                continue
            if found.kind == "fatal":
                raise await self._refuse(found)
            if found.kind == "refused" or (probing and found.status == 500 and found.refusal.about == "form"):
                return found
            tries += 1
            late += found.late
            if probing and found.own and tries > 1:
                return found  # twice: perhaps it is the form after all
            verdict = self._patience.judge(tries, since, last, found.wait, found.own, found.refusal.about == "reply")
            last = self._patience.now()
            if verdict == "park":
                raise self._give_up(found)
            if verdict == "leave":
                return found
            await asyncio.sleep(verdict)

    def _adapt(self, call: Call, found: Failure, sent: Quirks) -> Failure:
        """Learn from a refusal of a part of the request how to write it; flagged where the next try is another one."""
        refused = {name for name in found.refusal.parts if self._sends(call, name)}
        learned = learn_quirks(sent, refused, found.refusal.other_name)
        if learned == sent:
            return found
        new = learned - self.quirks
        # what a call in flight beside this one has learned stays
        self.quirks = (self.quirks - (sent - learned)) | learned
        return replace(found, flags=(ADAPTED, *sorted(new)))

    def _sends(self, call: Call, name: str) -> bool:
        """Whether a part that is refused is sent at all."""
        match name:
            case "temperature":
                return self._role.temperature is not None
            case "max_tokens" | "max_completion_tokens":
                return self._role.max_tokens is not None
            case "system":
                return any(role == "system" for role, _ in call.turns)
            case _:
                return True

    def _learn(self, call: Call, found: Reply | Failure) -> None:
        if isinstance(found, Reply):
            self._patience.answered()
            self.limiter.answered(call.role, found.seconds)
            self.limiter.settle(call.tokens, sum(found.tokens) if found.tokens else call.tokens)
        elif found.overloaded:
            self.limiter.overloaded(found.wait)

    async def _refuse(self, found: Failure) -> TeacherRefused:
        what = FATAL.get(found.status or 0, "the account has no credit left")
        hint = f" (see {self._role.api_key_env} in the environment)" if found.status == 401 else ""
        if found.status in (404, 405) and not self.base_url.rstrip("/").endswith("/v1"):
            better = await find_address(self._client, self.base_url, self._key.get_secret_value())
            hint = f" (it answers under {better}: use that address)" if better else " (most addresses end in /v1)"
        return TeacherRefused(f"{self.base_url}, model {self.model!r}: {what}{hint}: {found.told}")

    def _give_up(self, found: Failure) -> TeacherUnreachable:
        if found.status is None and not found.sent:
            return TeacherUnreachable(f"{self.base_url}: no connection to the teacher ({found.told})")
        asked = f" (it asks to wait {found.wait:,.0f} s)" if found.wait and found.wait >= 1 else ""
        return TeacherUnreachable(f"{self.base_url}: the teacher keeps failing: {found.told}{asked}")


def _may_be_the_prompt(found: Failure) -> bool:
    return found.refusal.about is None and not _SETTING.search(found.told)


def _left_out(found: Failure) -> Reply:
    """What stands for the reply to a request that is left alone."""
    return Reply((), None, found.ability, error=found.told)
