"""The graph's checkpoints in the schema of its run, next to the ledger. Needs the extra `postgres`."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from evokd.tracing.postgres.address import StoreAddress, read_pointer
from evokd.tracing.postgres.connection import choose_patience, describe_connection, session_settings
from evokd.tracing.postgres.faults import explain_refusal, find_refusal, is_lost, tell_lost
from evokd.tracing.postgres.session import find_session
from evokd.tracing.store import LedgerError, StoreLostError

ResultT = TypeVar("ResultT")
AsyncConnection = psycopg.AsyncConnection[DictRow]
_CONNECTIONS = 2
"""At most; lessons that end at the same time wait for one another."""
_WAIT = 5.0
"""Seconds to wait for a connection before the server counts as lost."""
_PAUSE = 0.2

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what it has to say, errors say in one line


class PatientSaver(AsyncPostgresSaver):
    """A checkpointer that does its work again if the server was away: every write of it may be done twice."""

    def __init__(self, pool: "AsyncConnectionPool[AsyncConnection]", address: StoreAddress) -> None:
        # plain types alone are read back, no matter when langgraph was imported
        super().__init__(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._address = address
        # CONCURRENTLY would wait for all that goes on in the database, such as a backup; the run's tables are empty
        self.MIGRATIONS = [step.replace(" CONCURRENTLY", "") for step in self.MIGRATIONS]

    async def setup(self) -> None:
        """Make LangGraph's tables."""
        await self._patiently(super().setup)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Read a checkpoint."""
        read = super().aget_tuple
        return await self._patiently(lambda: read(config))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        put = super().aput
        return await self._patiently(lambda: put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a node has written; where that is the loss of the server, it was waited for already."""
        put = super().aput_writes
        is_known = any(isinstance(value, StoreLostError) for _, value in writes)
        await self._patiently(lambda: put(config, writes, task_id, task_path), is_known)

    async def _patiently(self, work: Callable[[], Awaitable[ResultT]], is_known: bool = False) -> ResultT:
        """Do work, again until the server is back.

        Args:
            work: what is done.
            is_known: whether the server was given up already.

        Raises:
            StoreLostError: it did not come back in time.
            LedgerError: the server refuses the work, such as with a full disk, or it fails for another reason.
        """
        since = time.monotonic()
        session = find_session(self._address)
        while True:
            try:
                return await work()
            except psycopg.Error as exc:
                refusal = find_refusal(self._address, exc)
                if refusal is not None:
                    raise refusal from exc
                if not is_lost(exc):
                    told = " ".join(str(exc).split())
                    raise LedgerError(f"{self._address}: the checkpoints cannot be read or written: {told}") from exc
                waited = time.monotonic() - since
                if waited > choose_patience(is_known or (session is not None and session.in_hurry())):
                    raise tell_lost(self._address, exc, waited) from exc
            await asyncio.sleep(_PAUSE)


@asynccontextmanager
async def open_postgres_checkpoints(pointer: Path) -> AsyncIterator[PatientSaver]:
    """Open the checkpoints of a run by the file in its folder that names its database.

    Every connection is checked before it is used: servers and proxies end idle ones (langgraph #3716).

    Raises:
        InputError: the server does not let us in.
    """
    address = read_pointer(pointer)

    async def configure(connection: AsyncConnection) -> None:
        await connection.execute(session_settings(address, connection.info.server_version), prepare=False)

    pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
        kwargs={**describe_connection(address), "autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        min_size=1,
        max_size=_CONNECTIONS,
        max_idle=60.0,
        timeout=_WAIT,
        open=False,
    )
    try:
        await pool.open(wait=True, timeout=choose_patience(in_hurry=False))
    except psycopg.Error as exc:
        await pool.close()
        raise explain_refusal(address, exc) from exc
    try:
        saver = PatientSaver(pool, address)
        await saver.setup()
        yield saver
    finally:
        await pool.close(timeout=_WAIT)
