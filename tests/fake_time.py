"""An event loop whose clock jumps: whoever sleeps or waits for a time limit is woken at once, hours pass in a blink.

    run_fast(work())          runs a coroutine; its clock is `now`

Where nobody has anything left to wait for, the loop would stand still for ever: that is an error here.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")


class _Jumping(selectors.DefaultSelector):
    """Waits for no time to pass, and notes how much was meant to."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits for somebody else")
        if not ready and timeout:
            self.now += timeout
        return ready


class FastLoop(asyncio.SelectorEventLoop):
    """A loop on a jumping clock that begins at 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Here and now: the clock must not jump while a thread is at work."""
        done = self.create_future()
        done.set_result(func(*args))
        return done


def now() -> float:
    """Seconds by the clock of the running loop."""
    return asyncio.get_running_loop().time()


def run_fast(work: Coroutine[Any, Any, ValueT]) -> ValueT:
    """Run a coroutine on a jumping clock."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(work)


async def settle() -> None:
    """Let everybody go on who can."""
    for _ in range(8):
        await asyncio.sleep(0)
