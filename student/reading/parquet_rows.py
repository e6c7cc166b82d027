"""Rows of Parquet files, batch by batch, where pyarrow is installed."""

from collections.abc import Iterator
from typing import Any

from evokd.messages import InputError
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.source import Source

_BATCH = 1_000
_PANDAS_INDEX = "__index_level_"


def read_parquet_rows(source: Source, layout: Layout, wanted: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read rows, numbered from 1; the index that pandas writes beside the columns is passed over.

    Args:
        source: the file.
        layout: what was recognised is written here.
        wanted: the only column that is read; None reads all of them.

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
    number = 0
    try:
        file = parquet.ParquetFile(source.path)
        names = list(file.schema_arrow.names)
        layout.columns = _choose(source.name, names, wanted)
        layout.passed_over = [name for name in names if name not in layout.columns]
        if wanted is None and layout.passed_over:
            layout.notes.append(f"the index of pandas is passed over ({', '.join(layout.passed_over)})")
        for batch in file.iter_batches(batch_size=_BATCH, columns=layout.columns):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (ArrowException, OSError) as exc:
        raise refusal(source.name, None, f"not a readable parquet file ({exc})") from exc


def _choose(name: str, names: list[str], wanted: str | None) -> list[str]:
    doubled = next((column for column in names if names.count(column) > 1), None)
    if doubled is not None:
        raise refusal(name, None, f"a column is named twice ({doubled!r}); name every column once")
    if wanted is None:
        return [column for column in names if not column.startswith(_PANDAS_INDEX)]
    if wanted not in names:
        listed = ", ".join(names)[:80]
        fault = f'no column is called "{wanted}" (found {listed!r}); name the one that holds the texts so'
        raise refusal(name, None, fault)
    return [wanted]
