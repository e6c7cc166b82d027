"""Ask a trained student in a process of its own, part by part, so that the first answers are there early."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evokd.student.process.client import Prediction, StudentClient
from evokd.student.process.log_elsewhere import log_elsewhere
from evokd.student.record import read_record
from evokd.student.student_settings import Device
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.registry import codec

FIRST = 64
"""Texts that are answered first."""
AT_ONCE = 2_048
"""Texts that are answered at once then; they are sorted by length, so many of them are computed faster."""


@dataclass(frozen=True)
class TrainedStudent:
    """A student folder, and where it computes."""

    folder: Path
    device: Device = "auto"
    threads: int | None = None
    int8: bool = False
    """Whether a student that was exported to ONNX answers with weights of 8 bits."""

    def codec(self) -> TaskCodec:
        """Give the student's task with its labels.

        Raises:
            StudentError: the folder is no student.
        """
        record = read_record(self.folder)
        return codec(record["task"], record["labels"])


def answer_texts(student: TrainedStudent, parts: Iterable[Sequence[str]]) -> Iterator[list[Prediction]]:
    """Answer parts of texts one after another; the process starts while the first part is still being read.

    Must not be called where an event loop runs.

    Args:
        student: the student.
        parts: texts; see `cut_parts`.

    Raises:
        StudentError: the folder is no student, or memory runs short.
    """
    with log_elsewhere() as log, asyncio.Runner() as runner:
        client = StudentClient(log, device=student.device, threads=student.threads)
        try:
            runner.run(client.warm_up())
            for texts in parts:
                yield runner.run(client.predict(student.folder, texts, fast=True, int8=student.int8))
        finally:
            runner.run(client.close())
