"""What is shown while something takes its time and cannot tell how far it is: a moving line on a terminal alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from evokd.cli import console


@contextmanager
def show_waiting(what: str) -> Iterator[None]:
    """Show on a terminal what is being done, and for how long already, until the block ends."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    paper = console.stderr()
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=paper, transient=True, disable=not paper.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield
