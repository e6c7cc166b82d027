"""Calls that are answered by batch: collected, sent, waited for, and given their outcomes.

A batch is in the ledger, with the keys of its calls, before it is uploaded. So a run that was killed at any moment
finds it again: a call whose key is in an open batch waits for that batch and is not sent once more.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any
from uuid import uuid4

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.batch_api import BatchApi
from evokd.agents.llm.batch_rows import MOST_BYTES, MOST_ROWS, RowOutcome, write_row
from evokd.agents.llm.batch_state import BatchState, NoSuchBatch, UnreadableFile
from evokd.agents.llm.open_batch import BatchProgress, BatchStore, OpenBatch, Outcome, fail_all, pass_on
from evokd.messages import BatchRecord

QUIET = 3.0
"""Seconds without a new call after which the collected calls are sent: those of a step come at the same time."""
LONGEST_POLL = 300.0
"""Seconds between two looks at a batch, at most."""
_FRESH = 60.0
"""Seconds within which a server may not yet know a batch that it has made."""
_GROWTH = 1.5
"""Each wait between two looks is so many times as long as the last."""

Tell = Callable[[BatchProgress], None]


class BatchQueue:
    """Answers the calls of one model at one address by batch.

    Args:
        api: the server's, at the address under which calls are recorded.
        store: where batches are recorded.
        model: the model; a batch holds requests to one.
        poll: seconds until a batch is looked at for the second time.
        tell: called after each look.
        off: the options that turn batches off, for error messages; empty: they are off, and only those of an earlier
            process are waited for.
    """

    def __init__(self, api: BatchApi, store: BatchStore, model: str, poll: float, tell: Tell, off: str) -> None:
        self._api, self._store, self._tell = api, store, tell
        self._endpoint, self._model, self._poll = api.base_url, model, poll
        self._off = off
        self._quiet = min(QUIET, poll)
        self._is_closed = False
        self._unread: dict[str, BatchRecord] | None = None
        """Key of a call -> the stored batch that it is in, as long as that is not waited for."""
        self._recovering = asyncio.Lock()
        self._waiting: dict[str, tuple[bytes, Outcome]] = {}
        self._open: dict[str, OpenBatch] = {}
        """Key of a call -> the batch that it is in."""
        self._handed: dict[str, str] = {}
        """Key of a call -> token of the batch that brought its last outcome."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        self._watchers: set[asyncio.Task[None]] = set()
        self._came = 0.0
        self._most_rows, self._is_crowded = MOST_ROWS, False

    def holds(self, key: str) -> bool:
        """Whether a call is in a batch that was sent, and has no outcome yet: it is paid for already."""
        return key in self._open or key in self._read_stored()

    async def answer(self, key: str, body: Mapping[str, Any], may_wait: bool = True) -> RowOutcome | None:
        """Send a request with the next batch, unless it is in an open one, and wait for its outcome.

        Args:
            key: key of the call in the ledger.
            body: the request.
            may_wait: False: the server is asked to end an open batch early, and the call enters no other one.

        Returns:
            The outcome; None if its batch was never processed, so that the call has to be sent again, in whatever way.

        Raises:
            TeacherError: the address, or a batch, cannot be used.
        """
        batch = self._open.get(key)
        if batch is None and not may_wait:
            return None
        future = self._enqueue(key, body) if batch is None else batch.outcomes[key]
        if batch is not None and not may_wait:
            await self._end_early(batch)
        outcome = await asyncio.shield(future)
        batch = self._open.pop(key, batch)
        if outcome is not None and batch is not None:
            self._handed[key] = batch.token
        return outcome

    def settle(self, key: str) -> None:
        """Note that the last outcome of a call, which was no reply, is recorded."""
        token = self._handed.pop(key, None)
        if token is not None:
            self._store.settle_row(token, key)

    def stop(self) -> None:
        """Begin no further batch; one that `close` cuts off while it is being sent is found by the next process."""
        self._is_closed = True

    async def close(self) -> None:
        """Wait for nothing more; batches that were sent go on at the server."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._api.close()

    # ------------------------------------------------------------------------------- batches of an earlier process

    def _read_stored(self) -> dict[str, BatchRecord]:
        if self._unread is None:
            records = self._store.open_batches(self._endpoint, self._model)
            self._unread = {key: record for record in records for key in record.keys}
        return self._unread

    async def recover(self) -> None:
        """Find the batches of an earlier process again, and wait for them; comes before `answer`.

        Raises:
            TeacherError: the address cannot be used.
        """
        async with self._recovering:
            while unread := self._read_stored():
                record = next(iter(unread.values()))
                batch = record.batch or await self._api.find(record.token, record.created)
                if batch is None:
                    self._store.drop_batch(record.token)
                else:
                    if record.batch is None:
                        self._store.name_batch(record.token, batch)
                    self._watch(record.token, batch, record.keys, is_found=True)
                for key in record.keys:
                    unread.pop(key, None)

    # -------------------------------------------------------------------------------------------------- new batches

    def _enqueue(self, key: str, body: Mapping[str, Any]) -> Outcome:
        self._came = time.monotonic()
        if key not in self._waiting:
            self._waiting[key] = (write_row(key, body), asyncio.get_running_loop().create_future())
        if self._sender is None or self._sender.done():
            self._sender = self._start(self._send_all())
        return self._waiting[key][1]

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send_all(self) -> None:
        """Send what was collected, until nothing is left."""
        while self._waiting:
            while (left := self._came + self._quiet - time.monotonic()) > 0 and len(self._waiting) < self._most_rows:
                await asyncio.sleep(left)
            if self._is_crowded and self._watchers:
                await asyncio.wait(list(self._watchers))
            if self._is_closed:
                return
            rows = dict(self._choose())
            try:
                await self._send(rows)
            except Exception as exc:
                self._fail_waiting(exc)
            for key in rows:
                self._waiting.pop(key, None)

    def _fail_waiting(self, error: Exception) -> None:
        """Send nothing more of what was collected."""
        fail_all([future for _, future in self._waiting.values()], error)
        self._waiting.clear()

    def _choose(self) -> Iterator[tuple[str, tuple[bytes, Outcome]]]:
        """The calls of the next batch, as many as fit into it."""
        size = 0
        for number, (key, (line, future)) in enumerate(self._waiting.items()):
            size += len(line)
            if number and (number >= self._most_rows or size > MOST_BYTES):
                return
            yield key, (line, future)

    async def _send(self, rows: Mapping[str, tuple[bytes, Outcome]]) -> None:
        record = BatchRecord(uuid4().hex, self._endpoint, self._model, tuple(rows), time.time())
        self._store.add_batch(record)
        try:
            batch = await self._api.create(b"".join(line for line, _ in rows.values()), record.token)
        except TeacherRefused:
            self._store.drop_batch(record.token)
            raise
        self._store.name_batch(record.token, batch)
        opened = self._watch(record.token, batch, record.keys)
        for key, (_, future) in rows.items():
            pass_on(opened.outcomes[key], future)

    # -------------------------------------------------------------------------------------------------- open batches

    def _watch(self, token: str, batch: str, keys: tuple[str, ...], is_found: bool = False) -> OpenBatch:
        opened = OpenBatch(token, batch, keys, is_found)
        self._open.update(dict.fromkeys(keys, opened))
        task = self._start(self._wait_for(opened))
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)
        return opened

    async def _wait_for(self, opened: OpenBatch) -> None:
        try:
            state = await self._poll_until_end(opened)
            opened.settle(await self._read_end(opened, state))
        except NoSuchBatch as exc:
            self._lose(opened, exc, "is it the key of the same account and project?")
        except UnreadableFile as exc:
            opened.settle_known(exc.outcomes)
            self._lose(opened, exc, "perhaps a proxy stands between; a resume fetches it again")
        except Exception as exc:
            opened.fail(exc)
            self._fail_waiting(exc)

    async def _poll_until_end(self, opened: OpenBatch) -> BatchState:
        wait, began = self._poll, time.monotonic()
        while True:
            try:
                state = await self._api.look(opened.batch)
            except NoSuchBatch:
                if opened.is_found or time.monotonic() - began > _FRESH:
                    raise
                await asyncio.sleep(min(wait, 1.0))  # it was made a moment ago, and not every server knows it at once
                continue
            self._tell_state(opened, state, None if state.has_ended else wait)
            if state.has_ended:
                return state
            await asyncio.sleep(wait)
            wait = min(_GROWTH * wait, max(LONGEST_POLL, self._poll))

    def _tell_state(self, opened: OpenBatch, state: BatchState, next_look: float | None, missing: int = 0) -> None:
        counts = (len(opened.keys), state.done, state.failed)
        about = (self._endpoint, self._model, opened.batch, state.status)
        self._tell(BatchProgress(*about, *counts, next_look, missing, opened.is_found))

    async def _read_end(self, opened: OpenBatch, state: BatchState) -> Mapping[str, RowOutcome | None]:
        """The outcomes of a batch that has ended.

        Raises:
            TeacherRefused: the server refuses the batch as a whole, so that no other one would fare better.
        """
        if state.status != "failed" or state.files:
            outcomes = await self._api.read(state, opened.keys, are_all=not opened.is_found)
            missing = _count_missing(opened, state, outcomes)
            if missing:
                self._tell_state(opened, state, None, missing)
            return outcomes
        self._store.drop_batch(opened.token)
        if opened.is_found:
            return dict.fromkeys(opened.keys)
        if state.lacks_room and len(opened.keys) > 1:
            self._most_rows, self._is_crowded = max(1, len(opened.keys) // 2), True
            return dict.fromkeys(opened.keys)
        said = "; ".join(": ".join(part for part in error if part) for error in state.errors[:3]) or "no reason given"
        raise TeacherRefused(
            f"{self._endpoint}: batch {opened.batch} was refused: {said} ({self._off} makes calls directly)"
        )

    def _lose(self, opened: OpenBatch, error: TeacherRefused, hint: str) -> None:
        """Deal with a batch that cannot be had: send its calls again only if that is what the user wants."""
        if opened.is_cancelled or not self._off:
            self._store.drop_batch(opened.token)
            opened.settle(dict.fromkeys(opened.keys))
            return
        refusal = TeacherRefused(
            f"{error}; {opened.count_pending()} calls are in that batch: {hint}"
            f" ({self._off} gives the batch up and makes the calls anew)"
        )
        opened.fail(refusal)
        self._fail_waiting(refusal)

    async def _end_early(self, batch: OpenBatch) -> None:
        if not batch.is_cancelled:
            batch.is_cancelled = True
            await self._api.cancel(batch.batch)


def _count_missing(opened: OpenBatch, state: BatchState, outcomes: Mapping[str, RowOutcome]) -> int:
    """How many calls the files lack: of a batch that is complete any, of one that ended early those that are done."""
    if state.status == "completed":
        return sum(key not in outcomes for key in opened.keys)
    return max(0, state.done - sum(outcome.status is not None for outcome in outcomes.values()))
