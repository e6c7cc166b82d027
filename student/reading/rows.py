"""The one way into data files: which format a file has, and its rows as they stand in it."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.student.reading.columns import ColumnNames
from evokd.student.reading.conll_columns import TAG
from evokd.student.reading.conll_rows import read_conll_rows
from evokd.student.reading.csv_rows import looks_like_header, read_csv_rows
from evokd.student.reading.json_rows import read_json_rows
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.parquet_rows import read_parquet_rows
from evokd.student.reading.source import Source, read_text

CONLL_ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2")
TABLES = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    **dict.fromkeys(CONLL_ENDINGS, "conll"),
}
"""Ending of a file whose rows can be labelled -> its format."""
ENDINGS = {".txt": "lines", **TABLES}
"""Ending of a file of texts -> its format."""
FORMATS = tuple(dict.fromkeys(ENDINGS.values()))
_LOOKED_AT = 50
"""Lines of plain text by which another format is recognised."""
_JSON_START = re.compile(r'\s*(\[?\s*\{\s*"[^"]*"\s*:|(\[|\{|\[\s*\{)\s*$)')


def check_file(path: Path) -> None:
    """Refuse what is no regular file.

    Raises:
        InputError: names the file.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if not path.is_file():  # a pipe or a device: reading might never end
        raise InputError(f"{path}: is no regular file; save the rows in one")


def read_rows(
    source: Source,
    form: str,
    layout: Layout,
    labels: Collection[str] | None = None,
    wanted: str | None = None,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 - it cannot be changed
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read rows one by one, each with its line (of Parquet the number of the row), from 1.

    Args:
        source: where they come from.
        form: one of `FORMATS`.
        layout: what was recognised is written here.
        labels: the domain's labels, where CoNLL columns of tags are to be read.
        wanted: the only column of a table that is read; None for all.
        columns: which columns of a table, or keys of JSON rows, have other names than the known ones.

    Raises:
        InputError: `file:line: what; how to mend it` for the first fault found.
    """
    if form == "jsonl":
        return read_json_rows(source, layout, columns)
    if form == "conll":
        return read_conll_rows(source, layout, labels)
    if form == "parquet":
        return read_parquet_rows(source, layout, wanted, columns)
    if form == "lines":
        return _read_plain(source, layout)
    return read_csv_rows(source, layout, "\t" if form == "tsv" else ",", wanted, columns)


def looks_like_json(line: str) -> bool:
    """Say whether a line begins as JSON does: `{"key":`, `[{"key":`, or a bracket alone."""
    return _JSON_START.match(line) is not None


def _read_plain(source: Source, layout: Layout) -> Iterator[tuple[int, dict[str, Any]]]:
    layout.format = "plain lines"
    is_first = True
    lines = read_text(source)
    first = list(islice(lines, _LOOKED_AT))
    if _looks_like_conll(first):
        fault = "each line looks like a token and its tag (CoNLL)"
        raise refusal(source.name, 1, f"{fault}; name the file .conll, or pass --format conll to `predict`")
    for line, text in enumerate(chain(first, lines), start=1):
        if not text.strip():
            continue
        if "\r" in text.strip("\r\n"):
            raise refusal(source.name, line, "a lone carriage return inside a line; end all lines with LF or CRLF")
        looks = _looks_like(text) if is_first else None
        if looks is not None:
            layout.notes.append(f"line {line} looks like {looks}; it is read as a text, as every line is")
        is_first = False
        yield line, {"text": text.strip("\r\n")}


def _looks_like_conll(lines: Sequence[str]) -> bool:
    """Say whether lines of plain text are beyond doubt tokens with their tags: two columns or more, the last a tag."""
    rows = [line.split() for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    return len(rows) > 1 and all(len(row) > 1 and TAG.fullmatch(row[-1]) for row in rows)


def _looks_like(line: str) -> str | None:
    """Name the format that a line of plain text seems to be of, if it seems to be of another."""
    if looks_like_json(line):
        return "JSON"
    if looks_like_header(line) or line.strip().strip('"') == "text":
        return "the header of a table"
    return "a row of fastText, its label included" if line.startswith("__label__") else None
