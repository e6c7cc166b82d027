"""The list of runs as a table that respects the width of the terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.layout import draw_curve, measure_table, print_table

_TINTS = {
    "running": "green",
    "waiting": "yellow",
    "parked": "yellow",
    "interrupted": "yellow",
    "killed": "red",
    "damaged": "red",
    "created": "yellow",
}
_HEAD = ("run", "state", "began", "samples", "tokens", "USD", "score", "gain", "curve")
_MORE = ("domain", "preset", "teacher", "metric")
"""Shown where there is room."""
_LEFT_OUT = ("metric", "preset", "teacher", "domain", "samples", "score", "tokens")
"""What is left out of a narrow table, in this order."""
_TEXTS = ("state", "began", "curve", *_MORE)
_BLOCKS = 12
"""Blocks of a curve at most."""


def print_runs(console: Console, rows: Sequence[Mapping[str, Any]], now: datetime | None = None) -> None:
    """Print the list as a table, the newest run last.

    Args:
        console: the console to write to.
        rows: as `api.list_runs` gives them.
        now: the present; None: the clock's.
    """
    now = now or datetime.now().astimezone()
    table = [dict(zip(_HEAD, _list_cells(console, row, now), strict=True)) for row in rows]
    for shown, row in zip(table, rows, strict=True):
        shown.update({key: literal(str(row[key]), 40) for key in _MORE})
    head = _choose_columns(console.width, table)
    print_table(console, head, [[row[name] for name in head] for row in table], indent=0, texts=_TEXTS)


def _choose_columns(width: int, table: Sequence[Mapping[str, str]]) -> list[str]:
    """The columns for which there is room, without what says least; for paragraphs where there is room for no table."""
    for left_out in range(len(_LEFT_OUT) + 1):
        head = [name for name in (*_HEAD, *_MORE) if name not in _LEFT_OUT[:left_out]]
        if measure_table(head, [[row[name] for name in head] for row in table]) <= width:
            return head
    return list(_HEAD)


def _list_cells(console: Console, row: Mapping[str, Any], now: datetime) -> list[str]:
    score = "-" if row["final"] is None else f"{row['start']:.3f} -> {row['final']:.3f}"
    if row["final"] is None and row["gate_scores"]:
        score = f"gate {row['gate_scores'][-1]:.3f}"
    return [
        literal(str(row["run_id"]), 60),
        _tell_state(row),
        tell_date(row["started"], now),
        f"{row['samples']:,}",
        tell_number(row["tokens"]),
        "-" if row["cost_usd"] is None else f"{row['cost_usd']:.2f}",
        score,
        "-" if row["gain"] is None else f"{row['gain']:+.3f}",
        draw_curve(console, row["gate_scores"], _BLOCKS),
    ]


def _tell_state(row: Mapping[str, Any]) -> str:
    words = {"killed": "killed", "created": "not begun"}.get(row["status"], str(row["state"]))
    tint = _TINTS.get(row["status"])
    return f"[{tint}]{literal(words, 40)}[/]" if tint else literal(words, 40)


def tell_date(started: str, now: datetime) -> str:
    """Write when a run began, in local time: the day and the minute in this year, else the date.

    Args:
        started: ISO 8601, with its time zone.
        now: the present, with the local time zone.
    """
    try:
        local = datetime.fromisoformat(started).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        return "?"
    return f"{local:%m-%d %H:%M}" if local.year == now.year else f"{local:%Y-%m-%d}"


def tell_number(number: int) -> str:
    """Write a number of tokens with three digits at most, such as 32.8k."""
    if number < 1_000:
        return str(number)
    amount, unit = (number / 1_000, "k") if number < 999_500 else (number / 1_000_000, "M")
    return f"{amount:.1f}{unit}" if amount < 100 else f"{amount:.0f}{unit}"
