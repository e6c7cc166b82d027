"""Write a shard: beside its name, to the disk, then under its name. Writing it again changes nothing."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from evokd.inference.answers import AnswerColumns
from evokd.inference.writers import write_json_line
from evokd.messages import EvokdError
from evokd.messages.files import replacing


def write_shard(path: Path, rows: Sequence[Mapping[str, Any]], schema: Any = None) -> None:
    """Write a shard, whole or not at all.

    Args:
        path: its file, which ends in .jsonl or .parquet.
        rows: its rows.
        schema: the columns and their types, for Parquet.

    Raises:
        EvokdError: the disk is full, or the like.
    """
    # a worker on a machine that seems to be gone may still be writing: each has a name of its own
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(8)}.partial")
    try:
        with replacing(path, partial) as file:
            if schema is None:
                file.writelines(write_json_line(row).encode("utf-8") for row in rows)
            else:
                _write_parquet(path, file, rows, schema)
    except OSError as exc:
        raise EvokdError(f"{path}: cannot be written ({exc.strerror}); make room") from exc


def _write_parquet(path: Path, file: BinaryIO, rows: Sequence[Mapping[str, Any]], schema: Any) -> None:
    from pyarrow import ArrowException, Table, parquet

    try:
        parquet.write_table(Table.from_pylist(list(rows), schema=schema), file)
    except (ArrowException, OverflowError) as exc:
        raise EvokdError(f"{path}: these rows cannot be written as Parquet ({exc}); give them as .jsonl") from exc


def count_rows(path: Path) -> int:
    """Count the rows of a shard."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.ParquetFile(path).metadata.num_rows)
    with path.open("rb") as file:
        return sum(1 for _ in file)


def make_schema(source: Path, names: Sequence[str], columns: AnswerColumns, has_labels: bool) -> Any:
    """Make the schema of shards: the input's columns with their types, then the answers with theirs.

    All shards have the same types so, also one in which a column is empty throughout.

    Args:
        source: the input, a Parquet file.
        names: the columns of the input that are kept.
        columns: how answers are written.
        has_labels: whether an answer is a label or a set, not entities.
    """
    import pyarrow
    from pyarrow import parquet

    entity = pyarrow.struct(
        [
            ("start", pyarrow.int64()),
            ("end", pyarrow.int64()),
            ("label", pyarrow.string()),
            ("text", pyarrow.string()),
            ("score", pyarrow.float64()),
        ]
    )
    types = {
        "confidence": pyarrow.float64(),
        "second_confidence": pyarrow.float64(),
        "scores": pyarrow.struct([(label, pyarrow.float64()) for label in columns.labels]),
        "entities": pyarrow.list_(entity),
        "unsure_entities": pyarrow.list_(entity),
    }
    given = parquet.ParquetFile(source).schema_arrow
    answers = columns.names(has_labels)
    added = [(name, types.get(name.removeprefix(columns.prefix), pyarrow.string())) for name in answers]
    return pyarrow.schema([*(given.field(name) for name in names), *(pyarrow.field(*pair) for pair in added)])
