"""Where the graph keeps its checkpoints: one SQLite file per run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@asynccontextmanager
async def open_checkpoints(path: Path) -> "AsyncIterator[AsyncSqliteSaver]":
    """Open the checkpoints of a run. Only plain types are read back, no matter when langgraph was imported.

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
