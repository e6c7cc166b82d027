"""How a batch of calls stands at a server, and what can go wrong with it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.batch_rows import RowOutcome

if TYPE_CHECKING:
    from openai.types import Batch

ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
_NO_ROOM = "token_limit_exceeded"
"""Code of a batch that failed since too many tokens of this account are waiting already."""


class NoSuchBatch(TeacherRefused):
    """The server knows no such batch."""


class UnreadableFile(TeacherRefused):
    """Outcomes of a batch cannot be had, however often its files are fetched."""

    outcomes: Mapping[str, RowOutcome] = MappingProxyType({})
    """Those that could be read."""


@dataclass(frozen=True)
class BatchState:
    """How a batch stands."""

    batch: str
    status: str
    done: int
    """Requests with a response."""
    failed: int
    """Requests without one."""
    files: tuple[str, ...] = ()
    """Ids of the files with outcomes, as far as there are any."""
    errors: tuple[tuple[str, str], ...] = ()
    """Code and message of what is wrong with the batch as a whole."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED

    @property
    def lacks_room(self) -> bool:
        """Whether it failed since the account may have no more tokens waiting."""
        return self.status == "failed" and any(code == _NO_ROOM for code, _ in self.errors)

    def lacks_replies(
        self, outcomes: Mapping[str, RowOutcome], keys: Collection[str], are_all: bool, is_unread: bool
    ) -> bool:
        """Whether outcomes are fewer than there must be, so that calls may be paid for of which nothing has come.

        Args:
            outcomes: what its files hold.
            keys: of requests that are in it.
            are_all: whether these are all of its requests: outcomes of others are a mistake then.
            is_unread: whether one of its files could not be read.
        """
        if self.done or self.failed:
            wanted = set(keys) if are_all else outcomes.keys()
            found = [row.status for key, row in outcomes.items() if key in wanted]
            replies, refused = found.count(200), sum(status not in (None, 200) for status in found)
            # some servers count refused requests as failed, some as done
            return replies + max(0, refused - self.failed) < self.done
        return (self.status == "completed" or is_unread) and any(key not in outcomes for key in keys)


def read_state(batch: "Batch", clean: Callable[[str], str]) -> BatchState:
    """Read what a server says of a batch; some servers spell its cancellation with one l.

    Args:
        batch: the answer.
        clean: takes the key out of texts.
    """
    counts: Any = batch.request_counts
    found = (batch.errors.data or ()) if batch.errors else ()
    return BatchState(
        batch=batch.id,
        status=clean(str(batch.status)).replace("canceled", "cancelled"),
        done=int(getattr(counts, "completed", 0) or 0),
        failed=int(getattr(counts, "failed", 0) or 0),
        files=tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
        errors=tuple((clean(error.code or ""), clean(error.message or "")) for error in found),
    )
