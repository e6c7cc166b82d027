from collections.abc import Sequence

import pytest
import torch

from evokd.messages import InputError
from evokd.student.memory import halve, in_batches, is_shortage, release
from evokd.student.protocol import StudentError

SHORTAGES = {
    "python": MemoryError(),
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cuda_call": RuntimeError("CUDA error: out of memory"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "windows": RuntimeError(
        "[enforce fail] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"
    ),
    "system": OSError(12, "Cannot allocate memory"),
}
OTHERS = {
    "value": ValueError("a wrong shape"),
    "disk": OSError(28, "No space left on device"),
    "cuda": RuntimeError("CUDA error: device-side assert triggered"),
    "ours": InputError("my out of memory.jsonl:3: no label"),
}


def ask_too_much() -> None:
    """Ask torch's CPU allocator for more than any machine has."""
    torch.empty(2**60, dtype=torch.uint8)


@pytest.mark.parametrize("exc", SHORTAGES.values(), ids=SHORTAGES.keys())
def test_a_shortage_is_known_by_its_class_or_its_words(exc: Exception) -> None:
    assert is_shortage(exc)


def test_what_the_allocator_of_this_torch_says_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        ask_too_much()
    assert type(caught.value) is RuntimeError
    assert is_shortage(caught.value)


@pytest.mark.parametrize("exc", OTHERS.values(), ids=OTHERS.keys())
def test_other_errors_are_no_shortage(exc: Exception) -> None:
    assert not is_shortage(exc)


def test_a_batch_halves_down_to_one() -> None:
    assert [halve(16), halve(3), halve(1), halve(16, 0), halve(16, 3), halve(16, 9)] == [8, 1, 1, 16, 2, 1]


def test_batches_halve_where_memory_runs_short_and_no_answer_is_lost_or_doubled() -> None:
    seen: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        seen.append(len(items))
        if len(items) > (8 if items[0] < 16 else 3):
            ask_too_much()
        return [2 * item for item in items]

    assert in_batches(range(21), 8, work) == [2 * item for item in range(21)]
    assert seen == [8, 8, 5, 4, 2, 2, 1]


def test_a_shortage_with_one_item_is_an_error_that_says_how_to_mend_it() -> None:
    def work(items: Sequence[int]) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(StudentError, match=r"out of memory with one text at a time; set a smaller student\.max_length"):
        in_batches([1, 2, 3], 2, work)


def test_other_errors_pass_through() -> None:
    def work(items: Sequence[int]) -> list[int]:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        in_batches([1], 1, work)


def test_releasing_works_on_this_machine() -> None:
    release()
