"""Rows to answer, each with all its columns; a row without a text stays, without an answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from evokd.inference.asking import AT_ONCE, FIRST
from evokd.messages import InputError
from evokd.student.lines import text_of
from evokd.student.reading.columns import AllColumns
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import read_rows
from evokd.student.reading.source import Source
from evokd.student.tasks.row_checks import is_blank

T = TypeVar("T")


@dataclass(frozen=True)
class InputRow:
    """A row of the input."""

    number: int
    """Line where it starts, from 1; of Parquet the row."""
    text: str | None
    """What is answered; None where the row has none."""
    fields: dict[str, Any]
    """All columns by their own names, in their order."""


def read_input(source: Source, form: str, layout: Layout, text_column: str | None) -> Iterator[InputRow]:
    """Read rows one by one.

    Args:
        source: where they come from.
        form: one of `student.reading.rows.FORMATS`.
        layout: what was recognised is written here.
        text_column: the column or key of the texts; None: "text".

    Raises:
        InputError: `name:line: what; how to mend it` for the first fault found.
    """
    column = text_column or "text"
    if text_column is not None and form in ("lines", "conll"):
        found = "plain lines have" if form == "lines" else "CoNLL rows have"
        raise InputError(f"{source.name}: {found} no column {text_column!r}; leave --text-column out, or give --format")
    for number, fields in read_rows(source, form, layout, columns=AllColumns(text_column=column)):
        is_empty = fields.get(column) is None and "tokens" not in fields and column in fields
        text = "" if is_empty else text_of(source.name, number, fields, column)
        text = text.strip() if form == "lines" else text
        yield InputRow(number, None if is_blank(text) else text, fields)


def cut_parts(rows: Iterable[T], first: int = FIRST, rest: int = AT_ONCE) -> Iterator[list[T]]:
    """Cut rows into parts: a small one, so that its answers are there at once, then large ones."""
    remaining = iter(rows)
    size = first
    while part := list(islice(remaining, size)):
        yield part
        size = rest
