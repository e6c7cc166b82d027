"""Ask a trained student in a process of its own, part by part, so that the first answers are there early."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from evokd.inference.answers import AnswerColumns
from evokd.student.process.client import Prediction, StudentClient
from evokd.student.process.log_elsewhere import log_elsewhere
from evokd.student.protocol import Compute
from evokd.student.record import read_record
from evokd.student.student_settings import Device
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.registry import codec

FIRST = 64
"""Texts that are answered first."""
AT_ONCE = 2_048
"""Texts that are answered at once then; they are sorted by length, so many of them are computed faster."""


class AnsweringProcess:
    """A student process that starts, and loads torch, before it is known whom to ask; it ends with the `with` block.

    Must not be used where an event loop runs.
    """

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> Self:
        log = self._open.enter_context(log_elsewhere())
        self._runner = self._open.enter_context(asyncio.Runner())
        self._client = StudentClient(log)
        self._open.callback(lambda: self._runner.run(self._client.close()))
        self._runner.run(self._client.warm_up())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def answer(self, student: "TrainedStudent", texts: Sequence[str]) -> list[Prediction]:
        """Answer texts, in their order.

        Raises:
            StudentError: the folder is no student, or memory runs short.
        """
        self._client.compute = Compute(device=student.device, threads=student.threads)
        return self._runner.run(self._client.predict(student.folder, texts, fast=True, int8=student.int8))


@dataclass(frozen=True)
class TrainedStudent:
    """A student folder, and where it computes."""

    folder: Path
    device: Device = "auto"
    threads: int | None = None
    int8: bool = False
    """Whether a student that was exported to ONNX answers with weights of 8 bits."""
    process: AnsweringProcess | None = None
    """Where it answers, if that runs already; None: in one of its own each time."""

    def codec(self) -> TaskCodec:
        """Give the student's task with its labels.

        Raises:
            StudentError: the folder is no student.
        """
        record = read_record(self.folder)
        return codec(record["task"], record["labels"])

    @property
    def has_labels(self) -> bool:
        """Whether an answer is a label or a set of them, not entities."""
        return self.codec().answer_key != "entities"

    def make_columns(
        self, prefix: str = "", reject: float | None = None, scores: bool = True, in_cells: bool = False
    ) -> AnswerColumns:
        """Say how its answers are written; see `AnswerColumns`.

        Raises:
            InputError: `reject` is no confidence.
            StudentError: the folder is no student.
        """
        task = self.codec()
        return AnswerColumns(task.labels, prefix, reject, scores, task.answer_key == "labels", in_cells)


def answer_texts(student: TrainedStudent, parts: Iterable[Sequence[str]]) -> Iterator[list[Prediction]]:
    """Answer parts of texts one after another; the process starts while the first part is still being read.

    Must not be called where an event loop runs.

    Args:
        student: the student.
        parts: texts; see `cut_parts`.

    Raises:
        StudentError: the folder is no student, or memory runs short.
    """
    with nullcontext(student.process) if student.process else AnsweringProcess() as process:
        for texts in parts:
            yield process.answer(student, texts)
