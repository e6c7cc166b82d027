"""Answer the rows of an input, part by part, in their order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.inference.answers import AnswerColumns
from evokd.inference.asking import TrainedStudent, answer_texts
from evokd.inference.input_rows import InputRow, cut_parts
from evokd.messages import InputError


@dataclass(frozen=True)
class AnsweredRow:
    """A row with its answer."""

    row: InputRow
    columns: dict[str, Any]
    """What was answered, by the names of `AnswerColumns`; empty where the row has no text."""


def answer_rows(
    student: TrainedStudent, rows: Iterable[InputRow], columns: AnswerColumns
) -> Iterator[list[AnsweredRow]]:
    """Answer rows; a part follows the other as soon as it is answered, the first one is small.

    Args:
        student: who answers.
        rows: the rows; they are read part by part as well.
        columns: how answers are written.

    Raises:
        InputError: a row has a column already that an answer is to be written into.
        StudentError: the folder is no student, or memory runs short.
    """
    parts: list[list[InputRow]] = []

    def read() -> Iterator[list[str]]:
        for part in cut_parts(rows):
            check_names(part, columns)
            parts.append(part)
            yield [row.text for row in part if row.text is not None]

    for predictions in answer_texts(student, read()):
        found = iter(predictions)
        yield [
            AnsweredRow(row, {} if row.text is None else columns.write(row.text, next(found))) for row in parts.pop(0)
        ]


def check_names(part: Sequence[InputRow], columns: AnswerColumns) -> None:
    """Refuse rows that have a column already that an answer is to be written into.

    Raises:
        InputError: names the column.
    """
    for row in part:
        check_columns(row.fields, columns)


def check_columns(names: Iterable[str], columns: AnswerColumns) -> None:
    """Refuse columns of the input that an answer is to be written into.

    Raises:
        InputError: names the column.
    """
    written = {*columns.names(True), *columns.names(False)} if columns.prefix else set()
    taken = next((name for name in names if name in written), None)
    if taken is not None:
        raise InputError(f"the input has a column {taken!r} already; choose another --prefix for the answers")
