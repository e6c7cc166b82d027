"""Parquet files of every making: what is no text, what Python cannot hold, and what is damaged is told by its place."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from evokd.messages import InputError
from evokd.student.lines import read_lines
from evokd.student.reading.layout import Layout
from evokd.student.reading.parquet_rows import read_parquet_rows
from evokd.student.reading.source import file_source

TEXTS = [f"the text of row {number}" for number in range(200)]


def store(path: Path, column: Any, name: str = "text", **options: Any) -> Path:
    columns = {name: column} if name == "text" else {"text": ["a text"] * len(column), name: column}
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def as_broken_texts(values: list[bytes]) -> Any:
    """A column of texts that are no UTF-8, as some writers leave it."""
    array = pyarrow.array(values, pyarrow.binary())
    return pyarrow.Array.from_buffers(pyarrow.string(), len(array), array.buffers())


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array(TEXTS).dictionary_encode(),
        pyarrow.array(TEXTS, pyarrow.large_string()),
        pyarrow.array(TEXTS, pyarrow.string_view()),
    ],
)
def test_texts_are_read_however_they_are_encoded(tmp_path: Path, column: Any) -> None:
    path = store(tmp_path / "rows.parquet", column, row_group_size=7)
    assert [line.text for line in read_lines(path)] == TEXTS


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pyarrow.array([b"a text"]), "binary"),
        (pyarrow.array([["a text"]]), "list<element: string>"),
        (pyarrow.array([{"a": "text"}]), "struct<a: string>"),
        (pyarrow.array([decimal.Decimal("1.5")]), "decimal128(2, 1)"),
        (pyarrow.array([datetime.datetime(2026, 1, 1)]), "timestamp[us]"),
        (pyarrow.array([1], pyarrow.timestamp("ns")), "timestamp[ns]"),
        (pyarrow.array([1, 2]).dictionary_encode(), "int64"),
    ],
)
def test_a_column_that_holds_no_texts_is_refused_by_its_type(tmp_path: Path, column: Any, told: str) -> None:
    path = store(tmp_path / "rows.parquet", column)
    with pytest.raises(InputError) as refused:
        list(read_lines(path))
    assert str(refused.value) == f"{path}: the column 'text' has the type {told}; store texts in it, as type string"


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (as_broken_texts([b"fine", b"\xff\xfe"]), "holds bytes that are not UTF-8"),
        (pyarrow.array([1_000, 1], pyarrow.timestamp("ns")), "holds a value of type timestamp[ns] that Python cannot"),
        (pyarrow.array([0, 2**62], pyarrow.timestamp("us")), "holds a value of type timestamp[us] that Python cannot"),
        (pyarrow.array([0, 2**30], pyarrow.date32()), "holds a value of type date32[day] that Python cannot"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_by_row_and_column(tmp_path: Path, column: Any, told: str) -> None:
    path = store(tmp_path / "rows.parquet", column, "other")
    assert [line.text for line in read_lines(path)] == ["a text"] * 2, "other columns are not read for a pool"
    with pytest.raises(InputError) as refused:
        list(read_parquet_rows(file_source(path), Layout(), None))
    assert str(refused.value).startswith(f"{path}:2: the column 'other' {told}")


def test_texts_that_are_no_utf_8_are_told_by_their_row(tmp_path: Path) -> None:
    path = store(tmp_path / "rows.parquet", as_broken_texts([b"fine"] * 1_001 + [b"\xff\xfe"]))
    with pytest.raises(InputError, match=r"rows\.parquet:1002: the column 'text' holds bytes that are not UTF-8"):
        list(read_lines(path))


def test_a_damaged_file_is_refused_where_it_has_checksums(tmp_path: Path) -> None:
    path = store(tmp_path / "rows.parquet", pyarrow.array(TEXTS), write_page_checksum=True, compression="none")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"row 77", b"row 78", 1))
    with pytest.raises(InputError, match="not a readable parquet file"):
        list(read_lines(path))


def test_a_file_that_ends_before_its_last_row_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage can end a file without a fault of Arrow's."""
    path = store(tmp_path / "rows.parquet", pyarrow.array(TEXTS))
    whole = parquet.ParquetFile.iter_batches
    monkeypatch.setattr(
        parquet.ParquetFile,
        "iter_batches",
        lambda file, **options: (batch.slice(0, 190) for batch in whole(file, **options)),
    )
    with pytest.raises(InputError, match="damaged: it ends after row 190 of 200; fetch or save it again"):
        list(read_lines(path))
