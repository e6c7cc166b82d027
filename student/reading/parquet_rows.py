"""Rows of Parquet files, batch by batch, where pyarrow is installed."""

from collections.abc import Iterator
from typing import Any

from evokd.messages import InputError
from evokd.student.reading.columns import ColumnNames, advise_columns, list_names
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.source import Source

_BATCH = 1_000
_PANDAS_INDEX = "__index_level_"


def read_parquet_rows(
    source: Source,
    layout: Layout,
    wanted: str | None,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 - it cannot be changed
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read rows, numbered from 1; the index that pandas writes beside the columns is passed over.

    Args:
        source: the file.
        layout: what was recognised is written here.
        wanted: the only column that is read; None reads all of them.
        columns: which columns have other names than the known ones.

    Raises:
        InputError: pyarrow is missing, the file is broken, or it lacks the wanted column.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as exc:
        fault = "reading .parquet needs the package pyarrow"
        mend = "install it (pip install 'evokd[parquet]') or convert the file to .jsonl"
        raise InputError(f"{source.name}: {fault}; {mend}") from exc
    layout.format = "Parquet"
    number = 0 if source.rows is None else source.rows.start
    try:
        file = parquet.ParquetFile(source.path, page_checksum_verification=True)
        names = list(file.schema_arrow.names)
        chosen = _choose(source.name, names, wanted, columns)
        indices = [name for name in names if name.startswith(_PANDAS_INDEX) and name not in chosen]
        columns.describe(layout, [name for name in names if name not in indices], chosen)
        if not columns.mapping:
            layout.passed_over = [name for name in names if name not in chosen]
        if wanted is None and indices:
            layout.notes.append(f"the index of pandas is passed over ({', '.join(indices)})")
        _check_texts(source.name, file.schema_arrow, chosen)
        for batch in _read_batches(file, list(chosen), source.rows):
            for row in _convert(source.name, batch, number):
                number += 1
                yield number, {meaning: row[name] for name, meaning in chosen.items()}
        _check_end(source, number, file.metadata.num_rows)
    except (ArrowException, OSError) as exc:
        raise refusal(source.name, None, f"not a readable parquet file ({exc})") from exc


def _read_batches(file: Any, columns: list[str], rows: range | None) -> Iterator[Any]:
    """Read batches of all rows, or of some; groups of rows without one of these are passed over."""
    if rows is None:
        yield from file.iter_batches(batch_size=_BATCH, columns=columns)
        return
    start, groups = _find_groups(file, rows)
    for batch in file.iter_batches(batch_size=_BATCH, row_groups=groups, columns=columns):
        first, last = max(rows.start - start, 0), min(rows.stop - start, batch.num_rows)
        if first < last:
            yield batch.slice(first, last - first)
        start += batch.num_rows
        if start >= rows.stop:
            return


def _find_groups(file: Any, rows: range) -> tuple[int, list[int]]:
    """Find the groups that hold some rows: the first row of the first of them, and their numbers."""
    start, end, groups = 0, 0, list[int]()
    for group in range(file.num_row_groups):
        begin, end = end, end + file.metadata.row_group(group).num_rows
        if begin < rows.stop and end > rows.start:
            start = start if groups else begin
            groups.append(group)
    return start, groups


def _check_texts(name: str, schema: Any, chosen: dict[str, str]) -> None:
    """Refuse a column of texts that holds something else, before a row is read."""
    from pyarrow import types

    column = next((column for column, meaning in chosen.items() if meaning == "text"), None)
    if column is None:
        return
    found = schema.field(column).type
    values = found.value_type if types.is_dictionary(found) else found
    are_texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    if not any(is_text(values) for is_text in are_texts):
        raise refusal(name, None, f"the column {column!r} has the type {found}; store texts in it, as type string")


def _convert(name: str, batch: Any, before: int) -> list[dict[str, Any]]:
    """Give the rows of a batch as Python has them.

    Args:
        name: the file, for faults.
        batch: of Arrow.
        before: rows of the file before it.

    Raises:
        InputError: a value is broken, or Python has none like it; names row and column.
    """
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError, LookupError) as exc:  # ArrowInvalid is a ValueError as well
        raise _name_cell(name, batch, before) from exc
    return rows


def _name_cell(name: str, batch: Any, before: int) -> InputError:
    """Make the error for a batch that cannot be converted, by the first value in it."""
    for row in range(batch.num_rows):
        for column, values in zip(batch.schema.names, batch.columns, strict=True):
            try:
                values[row].as_py()
            except UnicodeDecodeError:
                fault = "bytes that are not UTF-8; store its texts again as type string"
                return refusal(name, before + row + 1, f"the column {column!r} holds {fault}")
            except (ValueError, OverflowError, LookupError):
                fault = f"a value of type {values.type} that Python cannot represent"
                mend = "store it as type string, dates also in microseconds, or leave the column out"
                return refusal(name, before + row + 1, f"the column {column!r} holds {fault}; {mend}")
    return refusal(name, None, "not a readable parquet file; save it again")


def _check_end(source: Source, number: int, total: int) -> None:
    """Refuse a file that has ended before all the rows that it says it has: a damaged one may end without a fault."""
    wanted = total if source.rows is None else min(source.rows.stop, total)
    if number < wanted:
        raise refusal(source.name, None, f"damaged: it ends after row {number:,} of {wanted:,}; fetch or save it again")


def _choose(name: str, names: list[str], wanted: str | None, columns: ColumnNames) -> dict[str, str]:
    """Choose the columns that are read: the file's name -> the name that it is read as."""
    doubled = next((column for column in names if names.count(column) > 1), None)
    if doubled is not None:
        raise refusal(name, None, f"a column is named twice ({doubled!r}); name every column once")
    chosen = columns.choose(name, None, names)
    if wanted is None:
        is_index = () if columns.keeps_all else (_PANDAS_INDEX,)
        return {column: meaning for column, meaning in chosen.items() if not column.startswith(is_index)}
    if wanted == "text" and wanted not in chosen.values() and "tokens" in chosen.values():
        wanted = "tokens"  # a text in words, as data sets of entities have it
    if wanted not in chosen.values():
        fault = f'no column is called "{wanted}" (found {list_names(names)}); {advise_columns(names)}'
        raise refusal(name, None, fault)
    return {column: meaning for column, meaning in chosen.items() if meaning == wanted}
