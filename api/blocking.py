"""Blocking calls that also work where an event loop runs, as in a notebook."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def call_blocking(work: Callable[[], T]) -> T:
    """Do work that starts an event loop: in this thread, or in another one if a loop runs in this one already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, "evokd") as pool:
        return pool.submit(work).result()
