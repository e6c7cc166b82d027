"""Memory that runs short: telling it from other faults, giving it back, working in smaller batches."""

import ctypes
import gc
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

import torch

from evokd.messages import EvokdError
from evokd.student.protocol import MEMORY_ADVICE, StudentError

_SIGNS = ("out of memory", "not enough memory", "allocate memory", "alloc_failed")
"""What torch's CPU allocator, CUDA and its libraries, and the system say when memory runs short, in lower case."""

Item = TypeVar("Item")
AnswerT = TypeVar("AnswerT")
Result = TypeVar("Result")


def is_shortage(exc: BaseException) -> bool:
    """Say whether an error means that memory ran short; torch's CPU allocator raises no special class."""
    if isinstance(exc, (MemoryError, torch.OutOfMemoryError)):
        return True
    return not isinstance(exc, EvokdError) and any(sign in str(exc).lower() for sign in _SIGNS)


def release() -> None:
    """Give memory that nobody uses back to the device and to the system."""
    gc.collect()
    torch.cuda.empty_cache()
    # glibc keeps what was freed; other C libraries have no such call.
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def halve(size: int, times: int = 1) -> int:
    """Halve a batch, down to 1."""
    return max(1, size >> times)


def in_batches(items: Sequence[Item], size: int, work: Callable[[Sequence[Item]], Iterable[AnswerT]]) -> list[AnswerT]:
    """Work on items batch by batch; where memory runs short, batches halve from there on.

    Args:
        items: what to work on, in order.
        size: items per batch.
        work: gives an answer per item of a batch.

    Raises:
        StudentError: memory ran short with one item.
    """
    answers: list[AnswerT] = []

    def go_on(fit: int) -> list[AnswerT]:
        return [*work(items[len(answers) : len(answers) + fit])]

    while len(answers) < len(items):
        done, size = with_less(size, go_on)
        answers += done
    return answers


def with_less(size: int, work: Callable[[int], Result]) -> tuple[Result, int]:
    """Do some work; where memory runs short, again with half as many items at once, until it fits.

    Args:
        size: items at once, 1 or more.
        work: does it with so many items at once.

    Returns:
        What the work gave, and the items at once with which it went well.

    Raises:
        StudentError: memory ran short with one item.
    """
    while True:
        try:
            return work(size), size
        except Exception as exc:
            if not is_shortage(exc):
                raise
            if size == 1:
                raise StudentError(f"out of memory with one text at a time; {MEMORY_ADVICE}") from exc
        # Only here, where the error and with it the tensors of its frames are gone.
        size = halve(size)
        release()
