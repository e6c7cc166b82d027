"""Read unlabelled texts from files line by line, however many there are. Light: no torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evokd.messages import InputError
from evokd.student.reading.columns import TEXT_NAMES, ColumnNames, advise_columns, guess_name, list_names
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.rows import ENDINGS, check_file, read_rows
from evokd.student.reading.source import Source, file_source
from evokd.student.tasks.row_checks import has_half_pair, is_blank, kind


class Line(NamedTuple):
    """A text and where it stands."""

    number: int
    """Line of the file, from 1; of .parquet the row."""
    text: str


def read_lines(
    path: Path, layout: Layout | None = None, text_column: str | None = None, or_text: bool = False
) -> Iterator[Line]:
    """Read texts one by one from .txt (a text a line) or any file that could hold labelled rows.

    A row has a column "text", or a list "tokens"; other columns, labels too, are passed over. Blank texts are passed
    over.

    Args:
        path: the file; its ending says what it is.
        layout: what was recognised is written here.
        text_column: see `cut_texts`, as the other.
        or_text: whether "text" is read in a file without that column.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found.
    """
    form = ENDINGS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: unknown kind of file for unlabelled texts; use {', '.join(ENDINGS)}")
    check_file(path)
    yield from cut_texts(file_source(path), form, layout or Layout(), text_column, or_text)


def cut_texts(
    source: Source, form: str, layout: Layout, text_column: str | None = None, or_text: bool = False
) -> Iterator[Line]:
    """Read texts one by one from a source of a known format; see `read_lines`.

    Args:
        source: where they come from.
        form: one of `student.reading.rows.FORMATS`.
        layout: what was recognised is written here.
        text_column: the column or key of the texts, where it is not called "text".
        or_text: whether "text" is read in a file without that column.

    Raises:
        InputError: `name:line: what; how to mend it` for the first fault found.
    """
    blank, first = 0, 0
    columns = ColumnNames({} if text_column is None else {"text": text_column}, or_known=or_text)
    for number, row in read_rows(source, form, layout, wanted="text", columns=columns):
        is_null = row.get("text") is None and row.get("tokens") is None and (form == "parquet" or "text" in row)
        text = "" if is_null else text_of(source.name, number, row, called=layout.renamed.get("text"))
        if not is_blank(text):
            layout.show({"text": text})
            yield Line(number, text)
        elif form != "lines":
            blank, first = blank + 1, first or number
    if blank:
        rows = "1 row" if blank == 1 else f"{blank:,} rows"
        layout.notes.append(f"{rows} without a text passed over, the first at line {first}")


def text_of(name: str, number: int, row: dict[str, Any], column: str = "text", called: str | None = None) -> str:
    """Give the text of a row: its column, or its tokens with a space between them.

    Args:
        name: the file, for faults.
        number: where the row stands.
        row: the row.
        column: of the text.
        called: the file's name for it, for faults, where that is another one.

    Raises:
        InputError: it has none, or the text is none.
    """
    text, called = row.get(column), called or column
    if text is None and isinstance(row.get("tokens"), list):
        text = " ".join(map(str, row["tokens"]))
    if isinstance(text, bool | int | float):
        raise refusal(name, number, f'"{called}" is {kind(text)}, not a text; write it in quotes')
    if text is not None and not isinstance(text, str):
        raise refusal(name, number, f'"{called}" is {kind(text)}, not a text; write one text a row')
    if text is None:
        raise refusal(name, number, _explain_absence(row, column, called))
    if has_half_pair(text):
        raise refusal(name, number, f'"{called}" holds half a surrogate pair; write the character itself')
    return text


def _explain_absence(row: dict[str, Any], column: str, called: str) -> str:
    """Say that a row has no text, and which other key seems to hold it."""
    other = guess_name([key for key in row if isinstance(row[key], str)], TEXT_NAMES) if column not in row else None
    told = f'no text; write {{"{called}": "..."}}'
    return told if other is None else f"{told}; its keys are {list_names(list(row))}; {advise_columns([other])}"
