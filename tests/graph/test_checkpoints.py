"""The file of checkpoints: whoever opens it next finds it whole and free."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from evokd.graph.checkpoints import open_checkpoints

LESSONS = 5


def config(lesson: int) -> Any:
    return {"configurable": {"thread_id": "run", "checkpoint_ns": "", "checkpoint_id": f"c{lesson}"}}


async def test_writes_under_way_when_the_graph_is_left_are_in_the_file_and_hold_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    async with open_checkpoints(path) as saver:
        writes = [
            asyncio.create_task(saver.aput_writes(config(lesson), [("drafts", [lesson])], f"lesson-{lesson}"))
            for lesson in range(LESSONS)
        ]
        await asyncio.sleep(0)
    held = [task for task in writes if not task.done()]
    store = sqlite3.connect(path, timeout=0)
    store.execute("BEGIN IMMEDIATE")
    rows = store.execute("SELECT count(*) FROM writes").fetchone()
    store.close()
    await asyncio.gather(*writes)
    assert rows == (LESSONS,)
    assert held == []


async def test_a_write_that_is_cancelled_half_way_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.sqlite"
    async with open_checkpoints(path) as saver:
        await saver.aput_writes(config(0), [("drafts", [0])], "whole")
        await saver.conn.execute("DELETE FROM writes")
    async with open_checkpoints(path) as saver:
        found = await (await saver.conn.execute("SELECT task_id FROM writes")).fetchall()
    assert [tuple(row) for row in found] == [("whole",)]
