"""Group commit: rows that come at the same time share one flush of the disk, outside the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evokd.tracing.store import Statement, Store


class GroupCommit:
    """Commits statements in groups: those that arrive during a commit form the next group.

    A commit that survives a power cut takes milliseconds. With many calls in flight, one commit per reply would delay
    all of them.

    Args:
        connect: opens a connection of its own to the database, before the first statement.
    """

    def __init__(self, connect: Callable[[], Store]) -> None:
        self._connect = connect
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._store: Store | None = None
        self._waiting: list[tuple[Statement, asyncio.Future[None]]] = []
        self._busy: asyncio.Task[None] | None = None

    async def write(self, statement: str, values: Sequence[Any]) -> None:
        """Run a statement; return when it is on the disk.

        Raises:
            Exception: of the database: a statement of the group cannot be written; then none of the group is.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(((statement, values), done))
        if self._busy is None:
            self._busy = asyncio.create_task(self._work_off())
        await done

    async def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                try:
                    await loop.run_in_executor(self._thread, self._commit, [statement for statement, _ in group])
                except asyncio.CancelledError:
                    for _, done in group:
                        done.cancel()
                    raise
                except Exception as exc:
                    for _, done in group:
                        if not done.done():
                            done.set_exception(exc)
                else:
                    for _, done in group:
                        if not done.done():
                            done.set_result(None)
        finally:
            # statements that came while this task was being cancelled still have to be written
            self._busy = asyncio.create_task(self._work_off()) if self._waiting else None

    def _commit(self, statements: Sequence[Statement]) -> None:
        if self._store is None:
            self._store = self._connect()
        self._store.commit(statements)

    def close(self) -> None:
        """Wait for the commit that is under way and close the connection."""
        self._thread.shutdown(wait=True)
        if self._store is not None:
            self._store.close()
