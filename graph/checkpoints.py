"""Where the graph keeps its checkpoints: one SQLite file per run, or the database in which the run is kept."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.tracing.store import is_in_database

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


def open_checkpoints(path: Path) -> "AbstractAsyncContextManager[BaseCheckpointSaver[Any]]":
    """Open the checkpoints of a run; `path`: the SQLite file, or the pointer to a database."""
    if not is_in_database(path):
        return _open_file(path)
    from evokd.graph.postgres_checkpoints import open_postgres_checkpoints

    return open_postgres_checkpoints(path)


@asynccontextmanager
async def _open_file(path: Path) -> "AsyncIterator[AsyncSqliteSaver]":
    """Open a file with checkpoints. Only plain types are read back, no matter when langgraph was imported.

    When a graph fails, its other lessons may still be writing. This waits for those writes: a write cut off
    mid-transaction would leave the file locked for a resume in the same process.
    """
    import aiosqlite
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with aiosqlite.connect(path) as store:
        saver = AsyncSqliteSaver(store, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        try:
            yield saver
        finally:
            async with saver.lock:  # waiting writes come first; a write waits twice, to set up and to write
                pass
            async with saver.lock:
                await store.rollback()
                await store.close()
