"""Tables are cut at what the header shows beyond doubt; everything else is refused by its line."""

import csv
from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.student.reading.csv_rows import looks_like_header
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import read_rows
from evokd.student.reading.source import file_source

Rows = list[tuple[int, dict[str, object]]]


def read(folder: Path, content: str | bytes, form: str = "csv") -> tuple[Rows, Layout]:
    path, layout = folder / f"a.{form}", Layout()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(file_source(path), form, layout)), layout


ROW = {"text": "late, again", "label": "bug"}
READ = {
    "commas": ('text,label\n"late, again",bug\n', ",", None),
    "semicolons": ("text;label\nlate, again;bug\n", ";", "cells are parted by semicolons, as the header shows"),
    "tabs": ("text\tlabel\nlate, again\tbug\n", "\t", "cells are parted by tabs"),
    "bars": ("text|label\nlate, again|bug\n", "|", "cells are parted by '|'"),
    "quoted names": ('"text";"label"\n"late, again";"bug"\n', ";", "semicolons"),
    "told delimiter": ("sep=;\ntext;label\nlate, again;bug\n", ";", "semicolons"),
    "index without a name": (',text,label\n0,"late, again",bug\n', ",", "the column '' numbers the rows"),
    "index of pandas": ('Unnamed: 0,text,label\n17,"late, again",bug\n', ",", "the column 'Unnamed: 0' numbers"),
    "index with a name": ('index;text;label\n1;"late, again";bug\n', ";", "the column 'index' numbers the rows"),
    "empty columns behind": ('text,label,,\n"late, again",bug,,\n', ",", None),
    "blanks around names": ('text , label\n"late, again",bug\n', ",", None),
    "mark and CRLF": ('\ufefftext,label\r\n"late, again",bug\r\n', ",", None),
    "CR alone": ('text,label\r"late, again",bug\r', ",", None),
}


@pytest.mark.parametrize("name", READ)
def test_the_same_row_is_read_from_every_shape(tmp_path: Path, name: str) -> None:
    content, mark, note = READ[name]
    rows, layout = read(tmp_path, content)
    assert [row for _, row in rows] == [ROW]
    assert (layout.delimiter, layout.columns) == (mark, ["text", "label"])
    assert (note in " ".join(layout.notes)) if note else not layout.notes


def test_a_cell_that_takes_in_what_could_be_rows_is_told(tmp_path: Path) -> None:
    rows, layout = read(tmp_path, 'text,label\n"no end,bug\nand more,bug\nan end",bug\nfine,bug\n')
    assert [line for line, _ in rows] == [2, 5]
    assert layout.notes == [
        "a quoted cell with lines that could be rows, the first at line 2; if they are, double the double quotes inside"
        " texts, or close the one that opens this cell"
    ]
    _, layout = read(tmp_path, 'text,label\n"Dear all,\nit broke.\nYours, Kim",bug\n')
    assert not layout.notes


def test_tsv_is_cut_at_tabs_and_says_nothing(tmp_path: Path) -> None:
    rows, layout = read(tmp_path, "text\tlabel\nlate, again\tbug\n", "tsv")
    assert rows == [(2, ROW)]
    assert (layout.format, layout.notes) == ("TSV", [])


@pytest.mark.parametrize("length", [131_073, 142_500, 1_000_000])
def test_a_long_cell_is_read_and_the_limit_of_the_process_stays(tmp_path: Path, length: int) -> None:
    before = csv.field_size_limit()
    rows, _ = read(tmp_path, f"text,label\n{'a' * length},bug\n")
    assert rows == [(2, {"text": "a" * length, "label": "bug"})]
    assert csv.field_size_limit() == before


REFUSED = {
    "ambiguous": ("text,a;text\nx,y\n", ":1: the cells may be parted by commas or semicolons"),
    "capitals": ("Text,Label\nx,y\n", ":1: the header lacks \"text\", found 'Text,Label'; did you mean"),
    "capitals and semicolons": ("TEXT;label\nx;y\n", ":1: the header lacks \"text\", found 'TEXT;label'; did you mean"),
    "capital label": ("text,Label\nx,y\n", ":1: unknown column 'Label'; did you mean 'label'?"),
    "no header": ("it broke\nit is late\n", ':1: the header lacks "text"'),
    "more cells": ("text;label\nx;y\na;b;c\n", ":3: 3 cells where the header has 2"),
    "fewer cells": ("text,label\nx\n", ":2: 1 cell where the header has 2; leave a cell empty"),
    "no index": (",text\nparcel,x\n", ":2: 'parcel' in the column '', which seems to number the rows"),
    "nameless content": ("text,label,\nx,y,z\n", ":2: cell 3 ('z') stands in a column without a name"),
    "open quote": ('text,label\n"x,y\nz,y\n', ":2: broken CSV: a double quote of this row is never closed"),
    "UTF-16": ("text,label\nx,y\n".encode("utf-16"), ":1: is written in UTF-16 or UTF-32, not UTF-8; save"),
    "UTF-16 without mark": ("text,label\nx,y\n".encode("utf-16-le"), ":1: is written in UTF-16 or UTF-32"),
    "a spreadsheet": (b"PK\x03\x04rest", ": is no text but a ZIP archive, as .xlsx and .docx are; save it as CSV"),
    "packed": (b"\x1f\x8b\x08\x00", ": is no text but packed with gzip; unpack it first"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_or_broken_is_refused_by_its_line(tmp_path: Path, name: str) -> None:
    content, told = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}{told}")


@pytest.mark.parametrize(
    ("line", "is_header"),
    [
        ("text,label\n", True),
        ("id;text\n", True),
        ('"text"\t"label"\n', True),
        ("text\n", False),
        ("send me the text, please\n", False),
        ("text, but why", False),
    ],
)
def test_a_header_is_told_from_a_sentence(line: str, is_header: bool) -> None:
    assert looks_like_header(line) is is_header
