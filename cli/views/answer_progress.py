"""How far the answers to a file are: a line on a terminal that moves, and nothing elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from evokd.cli import console

T = TypeVar("T")


def count_answers(parts: Iterable[Sequence[T]], total: int, is_quiet: bool = False) -> Iterator[Sequence[T]]:
    """Give parts on, and show how many items of all have passed, how fast, and how long the rest will take.

    Args:
        parts: items, part by part.
        total: items of all parts.
        is_quiet: whether nothing is shown.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    paper = console.stderr()
    columns = (TextColumn("answered"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_hidden = is_quiet or not paper.is_terminal
    with Progress(*columns, console=paper, transient=True, disable=is_hidden) as progress:
        task = progress.add_task("answered", total=total)
        for part in parts:
            yield part
            progress.advance(task, len(part))
