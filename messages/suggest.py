"""The known word that a misspelt one was meant to be."""

from collections.abc import Sequence
from difflib import get_close_matches

_LIKENESS = 0.6
"""Share of characters that two words must have in common, 0 to 1 (difflib's default)."""


def find_closest(word: str, known: Sequence[str]) -> str | None:
    """Give the known word that is most like a word; None where none is like it."""
    close = get_close_matches(word, known, n=1, cutoff=_LIKENESS)
    return close[0] if close else None


def suggest(word: str, known: Sequence[str]) -> str:
    """Give " (did you mean 'x'?)" for an error; nothing where no known word is like it."""
    closest = find_closest(word, known)
    return f" (did you mean {closest!r}?)" if closest is not None else ""
