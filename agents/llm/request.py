"""A request to the teacher, its response, and the store that records every attempt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from evokd.messages import PAIR, CallRecord, Sendable

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class CallStore(Protocol):
    """Records calls before their replies are used (the ledger)."""

    def find_call(self, key: str) -> CallRecord | None:
        """The stored attempt with this key whose reply may be used again."""

    def check_room(self) -> None:
        """Raise if there would be no room to store another reply."""

    async def keep_call(self, record: CallRecord) -> None:
        """Store one attempt durably."""

    def count_calls(self, role: str, span: str) -> int:
        """Attempts recorded so far for a role in a span."""

    def spent(self, cycle: int | None) -> tuple[int, float]:
        """Tokens and US dollars used so far, in a cycle or in all; calls of unknown price count as 0 dollars."""

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """What an endpoint supports, as stored in an earlier call or run."""

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Store what an endpoint supports."""


@dataclass(frozen=True)
class LLMRequest(Generic[ReplyT]):
    """One request to the teacher."""

    role: str
    cycle: int
    span: str
    system: str
    prompts: str
    """Hash of the rendered prompt set."""
    message: Sendable
    reply: type[ReplyT]
    name: str
    """Name of the reply's schema on the wire."""
    check: Callable[[ReplyT], list[str]]
    """Faults of a reply that fits the schema: invented ids, unknown labels and the like."""
    count: Callable[[ReplyT], int]
    """Number of usable items of a reply; of several faulty replies, the one with most is used."""
    seed: int
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset({PAIR})
    """Keys of the reply that this request does not use."""
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Key of the reply -> allowed words, if its schema does not list them."""
    size: int = 0
    """Number of items of a complete reply; 0: any number."""
    remainder: "Remainder[ReplyT] | None" = None
    """Makes the request for the items that a cut-off reply lacks; None if there is no such request."""
    optional: bool = False
    """The run can do without a reply: a refusal stops nothing, and an unusable reply is not asked for again."""


class Remainder(Protocol[ReplyT]):
    """Makes the request for the items that a reply lacks."""

    def __call__(self, reply: ReplyT | None, most: int) -> "LLMRequest[ReplyT] | None":
        """The request for the items that `reply` lacks, at most `most` of them; None if it has enough."""


@dataclass(frozen=True)
class LLMResponse(Generic[ReplyT]):
    """The teacher's response: `reply` is the most useful one that could be parsed, `faults` its remaining faults."""

    reply: ReplyT | None
    faults: tuple[str, ...]
    call_id: str
    """The call that brought `reply`; the last one if there is no reply."""
    parts: tuple[tuple[str, ReplyT], ...] = ()
    """If `reply` took several calls: each call and its part."""

    def pieces(self) -> tuple[tuple[str, ReplyT], ...]:
        """Each call and its part of the reply, in order; empty without a reply."""
        return self.parts or (((self.call_id, self.reply),) if self.reply is not None else ())
