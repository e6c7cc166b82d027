"""The first row of a table: whether it holds names of columns."""

from collections.abc import Sequence

_LONG_NAME = 80
"""Characters from which on a header is rather a text."""
_MANY_WORDS = 5
"""Blanks from which on it is one, too."""


def find_header_fault(names: Sequence[str]) -> str | None:
    """Say what speaks against a header: a cell that is a text or a number, or a name that is there twice.

    Returns:
        What is wrong and how to mend it; None where nothing is.
    """
    text = next((cell for cell in names if len(cell) > _LONG_NAME or cell.count(" ") > _MANY_WORDS), None)
    number = next((cell for cell in names if cell.replace(".", "", 1).isdecimal()), None)
    odd = text or (number if len(names) > 1 else None)
    if odd is not None:
        fault = f"the first line seems to be a row, not a header ({odd[:60]!r})"
        return f"{fault}; write the names of the columns above it, such as text,label"
    doubled = next((cell for cell in names if cell and names.count(cell) > 1), None)
    return f"a column is named twice ({doubled!r}); name every column once" if doubled is not None else None
