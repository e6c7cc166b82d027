"""A row of a file with decisions, whatever its format."""

from collections.abc import Callable
from dataclasses import dataclass

from evokd.tracing.rows import Answer


class RowError(ValueError):
    """A row that cannot be used; the message says why, without the place."""


@dataclass(frozen=True)
class FileRow:
    """What a row says; it is checked later against the text that waits."""

    place: str
    """Line, or number of the task."""
    id: str = ""
    text: str | None = None
    """None: the row does not repeat it."""
    decision: str = ""
    reviewer: str = ""
    time: str = ""
    read_answer: Callable[[str], Answer] | None = None
    """Reads the row's answer to a text; None: there is none."""
    fault: str = ""
    """Why the row cannot be read at all."""
