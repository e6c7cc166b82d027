"""Write rows as they come: JSON lines, tables, Parquet. A file takes its name once it is whole."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from evokd.messages import EvokdError, InputError

ENDINGS = (".jsonl", ".csv", ".tsv", ".parquet")


def has_cells(path: Path) -> bool:
    """Say whether a file is a table of cells, in which a set of labels is one string."""
    return path.suffix.lower() in (".csv", ".tsv")


class RowWriter(Protocol):
    """Where rows go."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows; all have the same keys, as far as their format wants that."""

    def close(self) -> None:
        """Write what is left."""


class OutputFile:
    """A file of rows that is written beside its name and takes the name at the end; use it in a `with`."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Open the file.

        Args:
            path: the file; its ending says the format. What is there already is replaced at the end.
            names: columns that a table has first, in this order, even where no row has them.

        Raises:
            InputError: the ending is unknown, the folder is not there, or it cannot be written.
        """
        check_output(path)
        self.path = path
        self._partial = path.with_name(f".{path.name}.partial")
        try:
            self._rows = _open(self._partial, path.suffix.lower(), names)
        except OSError as exc:
            raise InputError(f"--output {path}: cannot be written ({exc.strerror}); name another file") from exc

    def __enter__(self) -> Self:
        """Give the file itself."""
        return self

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows.

        Raises:
            EvokdError: the disk is full, or the like.
        """
        try:
            self._rows.write(rows)
        except OSError as exc:
            raise EvokdError(f"--output {self.path}: cannot be written ({exc.strerror}); make room") from exc

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name; after an error it is removed."""
        try:
            self._rows.close()
            if kind is None:
                self._partial.replace(self.path)
        except OSError as exc:
            if kind is None:
                raise EvokdError(f"--output {self.path}: cannot be written ({exc.strerror}); make room") from exc
        finally:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)


def check_output(path: Path) -> None:
    """Refuse an output that cannot be, before anything is computed.

    Raises:
        InputError: says why, and what to name instead.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"--output {path}: unknown kind of file; end its name in {', '.join(ENDINGS)}")
    if path.is_dir():
        raise InputError(f"--output {path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"--output {path}: there is no folder {path.parent}; make it first")
    if path.suffix.lower() == ".parquet":
        _import_pyarrow(path)


def _open(path: Path, ending: str, names: Sequence[str]) -> RowWriter:
    if ending == ".jsonl":
        return _JsonLines(path.open("w", encoding="utf-8", newline="\n"))
    if ending == ".parquet":
        return _Parquet(path)
    mark = "\t" if ending == ".tsv" else ","
    return _Table(path.open("w", encoding="utf-8", newline=""), mark, names)


def write_json_line(row: Mapping[str, Any]) -> str:
    """Write a row as a line of JSON, with its end."""
    return json.dumps(row, ensure_ascii=False, default=str) + "\n"


class _JsonLines:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._file.writelines(map(write_json_line, rows))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _Table:
    """A table; lists and objects are written as JSON in their cells."""

    def __init__(self, file: TextIO, mark: str, names: Sequence[str]) -> None:
        self._file = file
        self._rows = csv.writer(file, delimiter=mark, lineterminator="\n")
        self._names = list(names)
        self._header: list[str] | None = None

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if self._header is None:
                self._header = list(dict.fromkeys([*self._names, *row]))
                self._rows.writerow(self._header)
            extra = next((key for key in row if key not in self._header), None)
            if extra is not None:
                raise InputError(f"a later row has the key {extra!r}, for which the table has no column; write .jsonl")
            self._rows.writerow([_cell(row.get(name)) for name in self._header])
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Parquet; all rows are held until the end, when the types of the columns are known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: list[dict[str, Any]] = []

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._kept += map(dict, rows)

    def close(self) -> None:
        from pyarrow import parquet

        parquet.write_table(_make_table(self._path, self._kept), self._path)


def check_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse rows that the format of an output cannot hold, before anything is computed for them.

    Args:
        path: the output; anything but Parquet holds all rows.
        rows: the rows of the input.

    Raises:
        InputError: columns hold values of several types, or too large ones.
    """
    if path.suffix.lower() != ".parquet":
        return
    _make_table(path, list(rows))


def _make_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Any:
    from pyarrow import ArrowException, Table

    names = dict.fromkeys(name for row in rows for name in row)
    try:
        return Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    except (ArrowException, OverflowError) as exc:
        what = "these rows cannot be written as Parquet, whose columns have one type each"
        raise InputError(f"{path}: {what} ({exc}); write .jsonl") from exc


def _import_pyarrow(path: Path) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as exc:
        mend = "install it (pip install 'evokd[parquet]') or write .jsonl"
        raise InputError(f"--output {path}: writing .parquet needs the package pyarrow; {mend}") from exc


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value
