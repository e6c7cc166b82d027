"""A question to the teacher, its answer, and the store where every attempt is recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from evokd.messages import PAIR, CallRecord, Sendable

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class CallStore(Protocol):
    """Where calls are recorded before they are used (the ledger)."""

    def find_call(self, key: str) -> CallRecord | None:
        """The stored attempt with this key whose reply may be used again."""

    def check_room(self) -> None:
        """Refuse to let a call out whose reply there would be no room for."""

    async def keep_call(self, record: CallRecord) -> None:
        """Store one attempt durably."""

    def count_calls(self, role: str, span: str) -> int:
        """Attempts recorded so far for a role in a span."""

    def spent(self, cycle: int | None) -> tuple[int, float]:
        """Tokens and US dollars used so far, in a cycle or in all; calls of unknown price count as 0 dollars."""

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """What an endpoint was found to understand."""

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Keep what an endpoint was found to understand."""


@dataclass(frozen=True)
class LLMRequest(Generic[ReplyT]):
    """One question to the teacher."""

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
    """Items of a reply that can be used; of several faulty replies the one with most counts."""
    seed: int
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset({PAIR})
    """Keys of the reply that this question has no use for."""
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Key of the reply -> the words that may stand there, where its schema does not say."""
    size: int = 0
    """Items that a whole reply has; 0: any number."""
    remainder: "Remainder[ReplyT] | None" = None
    """Makes the question for what a reply lacks that was cut off; None: there is no such question."""
    optional: bool = False
    """The run can do without an answer: a refusal stops nothing, and a reply that cannot be used is not asked again."""


class Remainder(Protocol[ReplyT]):
    """Makes the question for what a reply lacks."""

    def __call__(self, reply: ReplyT | None, most: int) -> "LLMRequest[ReplyT] | None":
        """The question for what `reply` lacks, for at most so many items; None where it has enough."""


@dataclass(frozen=True)
class LLMResponse(Generic[ReplyT]):
    """The teacher's answer: `reply` is the most useful readable one, `faults` what is still wrong with it."""

    reply: ReplyT | None
    faults: tuple[str, ...]
    call_id: str
    """The call that `reply` came with; the last one where there is no reply."""
    parts: tuple[tuple[str, ReplyT], ...] = ()
    """The calls that `reply` came with, and what each of them brought, where it took several."""

    def pieces(self) -> tuple[tuple[str, ReplyT], ...]:
        """Call -> what it brought, in order; nothing where there is no reply."""
        return self.parts or (((self.call_id, self.reply),) if self.reply is not None else ())
