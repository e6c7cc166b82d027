"""The list of runs as a table."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evokd.messages.escape import clean


def print_runs(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print the list as a table."""
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str | Text:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else Text(clean(str(value)))
