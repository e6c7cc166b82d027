"""Rows of a file of any kind, as they stand in it, and how faults in them are worded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evokd.messages import InputError
from evokd.student.reading.layout import Layout, refusal, shorten


@dataclass(frozen=True)
class Table:
    """What a file holds."""

    path: Path
    format: str
    """Name of the format, such as "CSV cut at semicolons"."""
    rows: Sequence[tuple[int, dict[str, Any]]]
    """Number of each row, from 1 (see `unit`), and the row."""
    unit: Literal["line", "row", "item"] = "line"
    """What the numbers count: lines of the file, rows of a sheet, items of a JSON list."""
    notes: list[str] = field(default_factory=list)
    """What a user should know of how the file was read."""
    layout: Layout = field(default_factory=Layout)
    """How the reader understood it, where one of `student.reading` read it."""
    merged: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """Number of a row and its column -> cells merged over rows whose value stands there, such as A2:A4."""

    @property
    def columns(self) -> list[str]:
        """Names of all columns or keys, in the order in which they occur."""
        return list(dict.fromkeys(key for _, row in self.rows for key in row))

    def values(self, column: str) -> list[Any]:
        """The values of a column, those that are missing or blank left out."""
        found = (row.get(column) for _, row in self.rows)
        return [value for value in found if value is not None and not (isinstance(value, str) and not value.strip())]

    def place(self, number: int) -> str:
        """Name a row of the file."""
        return f"{self.path}:{number}" if self.unit == "line" else f"{self.path}: {self.unit} {number}"

    def refuse(self, fault: object, number: int | None = None) -> InputError:
        """Make the error for a fault of the file or of a row: where, what, how to mend it, on one line."""
        if number is None or self.unit == "line":
            return refusal(str(self.path), number, fault)
        return InputError(f"{self.place(number)}: {shorten(fault)}")
