"""Signals that end a run or an experiment: the first ends it in an orderly way, a second one ends it sooner."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a process at once if they are not handled."""


class Stopped(KeyboardInterrupt):
    """A signal, such as Ctrl-C, has ended the work."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number
        """Number of the signal."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line: 128 plus the signal's number, as in shells."""
        return 128 + self.number


def exit_code(exc: BaseException) -> int:
    """Exit code of the command line after an interruption."""
    return exc.exit_code if isinstance(exc, Stopped) else 128 + signal.SIGINT


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def signals_stop() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Stopped`, as Ctrl-C raises KeyboardInterrupt; ignored ones stay ignored (nohup)."""
    taken = [number for number in _ENDING if _is_main() and signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


class Stop:
    """What signals do to a task that drives a run: the first cancels it, the next one makes it end sooner.

    Use it as a context manager inside the task. A third signal has its usual effect.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that has ended the run; None while none has."""
        self.hurry = asyncio.Event()
        """Set once calls in flight are no longer waited for."""
        self.ending = False
        """The run is already ending for another reason: a signal has nothing left to cancel."""
        self.is_asked = False
        """A signal has come; it may not have been acted on yet, where the process waits for something."""
        self._before: dict[int, Any] = {}
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> "Stop":
        """Handle the signals that would raise an exception."""
        self._task, loop = asyncio.current_task(), asyncio.get_running_loop()
        for number in (signal.SIGINT, *_ENDING):
            before = signal.getsignal(number) if _is_main() else None
            if callable(before):
                self._before[number] = before
                signal.signal(number, self._taker(loop.call_soon_threadsafe))
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the previous handlers."""
        self._give_back()

    def _taker(self, call_soon: Callable[..., Any]) -> Callable[[int, FrameType | None], None]:
        def take(number: int, _frame: FrameType | None) -> None:
            self.is_asked = True
            call_soon(self._take, number)

        return take

    def _take(self, number: int) -> None:
        if self.number is None and not self.ending:
            self.number = number
            if self._task is not None:
                self._task.cancel()
        elif not self.hurry.is_set():
            self.hurry.set()
        else:
            self._give_back()
            signal.raise_signal(number)

    def _give_back(self) -> None:
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, before)
