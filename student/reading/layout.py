"""How a file was understood, and how its faults are worded."""

from dataclasses import dataclass, field
from typing import Any

from evokd.messages import InputError

MAX_FAULT = 600
"""Characters of a fault in a message."""
FIRST = 2
"""Rows that are shown."""

SHOWN = 80
"""Characters of a text that are shown."""
SHOWN_ITEMS = 20
"""Items of a list that are shown."""


@dataclass
class Layout:
    """What a reader recognised; it fills this in while it reads, so read first and look then."""

    format: str = ""
    """Name of the format, such as "CSV"."""
    delimiter: str | None = None
    """What parts the cells of a line, where something does."""
    columns: list[str] = field(default_factory=list)
    """Columns or keys that rows have."""
    renamed: dict[str, str] = field(default_factory=dict)
    """What a column is read as -> its name in the file, where that is another one."""
    passed_over: list[str] = field(default_factory=list)
    """Columns that are not read."""
    notes: list[str] = field(default_factory=list)
    """What a user should know of how the file was read, without the file's name."""
    first: list[dict[str, Any]] = field(default_factory=list)
    """The first rows as they were understood."""
    token_lines: dict[int, list[int]] = field(default_factory=dict)
    """Line of the first token of a row -> lines of all its tokens, where a token has a line of its own."""

    def tell(self) -> str:
        """Say it in one line."""
        description = self.format
        if self.delimiter is not None:
            description += f" cut at {name_delimiter(self.delimiter)}"
        if self.columns:
            description += f": {', '.join(self.columns)}"
        if self.passed_over:
            description += f"; passed over: {', '.join(self.passed_over)}"
        return description

    def facts(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "format": self.format,
            "delimiter": self.delimiter,
            "columns": list(self.columns),
            "passed_over": list(self.passed_over),
            "told": self.tell(),
            "first": [_brief(row) for row in self.first],
        }

    def spell(self, fault: object) -> str:
        """Name the column with which a fault of a row begins as the file does."""
        start, mark, rest = str(fault).partition('" ')
        name = self.renamed.get(start[1:]) if start.startswith('"') else None
        return f'"{name}{mark}{rest}' if name is not None else str(fault)

    def show(self, row: dict[str, Any]) -> None:
        """Keep a row to be shown if it is one of the first."""
        if len(self.first) < FIRST:
            self.first.append(row)


def _brief(value: Any) -> Any:
    """Cut long texts and lists of a row that is shown."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN else f"{value[:SHOWN]} ... ({len(value):,} characters)"
    if isinstance(value, list):
        return [_brief(item) for item in value[:SHOWN_ITEMS]]
    return {key: _brief(item) for key, item in value.items()} if isinstance(value, dict) else value


def name_delimiter(mark: str) -> str:
    """Name a delimiter in words."""
    return {",": "commas", ";": "semicolons", "\t": "tabs", "|": "'|'", " ": "spaces and tabs"}.get(mark, repr(mark))


def shorten(fault: object) -> str:
    """Leave out the middle of a fault that quotes a long value: what and where stand before it, the remedy behind."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(fault)).split())
    half = MAX_FAULT // 2
    return line if len(line) <= MAX_FAULT else f"{line[:half]} ... {line[-half:]}"


def refusal(name: str, line: int | None, fault: object) -> InputError:
    """Make the error for a fault: `name:line: what; how to mend it`, on one line."""
    return InputError(f"{name}{'' if line is None else f':{line}'}: {shorten(fault)}")
