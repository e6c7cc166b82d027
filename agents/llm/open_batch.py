"""A batch that is waited for, how batches are recorded, and what is told of them."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from evokd.agents.llm.attempt import TeacherError
from evokd.agents.llm.batch_rows import RowOutcome
from evokd.messages import BatchRecord

Outcome = asyncio.Future[RowOutcome | None]
"""What becomes of a call in a batch; None: it has to be sent again."""


class BatchStore(Protocol):
    """Records batches before they are sent (the ledger)."""

    def open_batches(self, endpoint: str, model: str) -> list[BatchRecord]:
        """The batches with calls that have no stored outcome, each with the keys of these calls."""

    def add_batch(self, record: BatchRecord) -> None:
        """Store a batch that is about to be sent."""

    def name_batch(self, token: str, batch: str) -> None:
        """Store the id that the server gave a batch."""

    def drop_batch(self, token: str) -> None:
        """Forget a batch that was never made, or that will bring nothing more."""

    def settle_row(self, token: str, key: str) -> None:
        """Note that a call has got its outcome from a batch, where that is no reply."""


@dataclass(frozen=True)
class BatchProgress:
    """How a batch stands, for those who watch a run."""

    endpoint: str
    model: str
    batch: str
    status: str
    calls: int
    done: int
    failed: int
    next_look: float | None
    """Seconds until it is looked at again; None once it has ended."""
    missing: int = 0
    """Calls that its files lack although it has ended; told once the files are read. They are asked again."""
    is_found: bool = False
    """Whether an earlier process has sent it."""


class OpenBatch:
    """A batch that is waited for."""

    def __init__(self, token: str, batch: str, keys: tuple[str, ...], is_found: bool) -> None:
        self.token, self.batch, self.keys = token, batch, keys
        self.is_found = is_found
        """Whether an earlier process has sent it."""
        loop = asyncio.get_running_loop()
        self.outcomes: dict[str, Outcome] = {key: loop.create_future() for key in keys}
        self.is_cancelled = False
        """Whether the server was asked to end it."""

    def settle(self, outcomes: Mapping[str, RowOutcome | None]) -> None:
        """Hand out what came; a request without an outcome has failed."""
        nothing = RowOutcome(None, "the batch has ended without an outcome for this call")
        for key, future in self.outcomes.items():
            if not future.done():
                future.set_result(outcomes.get(key, nothing))

    def settle_known(self, outcomes: Mapping[str, RowOutcome]) -> None:
        """Hand out what came, and leave the others open."""
        for key, future in self.outcomes.items():
            if key in outcomes and not future.done():
                future.set_result(outcomes[key])

    def count_pending(self) -> int:
        """Count the calls that have no outcome yet."""
        return sum(not future.done() for future in self.outcomes.values())

    def fail(self, error: Exception) -> None:
        """Let all calls fail that wait for it."""
        fail_all(self.outcomes.values(), error)


def pass_on(source: Outcome, target: Outcome) -> None:
    """Let one future end as another one does."""

    def copy(done: Outcome) -> None:
        if target.done() or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            fail_all([target], error)
        else:
            target.set_result(done.result())

    source.add_done_callback(copy)


def fail_all(futures: Iterable[Outcome], error: BaseException) -> None:
    """Let futures that have not ended fail; an error of the teacher is copied, since each call raises its own."""
    for future in futures:
        if not future.done():
            future.set_exception(type(error)(*error.args) if isinstance(error, TeacherError) else error)
            future.exception()  # mark it as retrieved: the call may be gone
