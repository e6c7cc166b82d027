"""A misspelt word is met with the one that was meant, and with nothing where none is near."""

import pytest

from evokd.messages.suggest import find_closest, suggest


@pytest.mark.parametrize(
    ("word", "closest"),
    [("stepz", "steps"), ("step", "steps"), ("rat", "rate"), ("", None), ("colour", None)],
)
def test_the_nearest_known_word_is_named(word: str, closest: str | None) -> None:
    known = ["steps", "rate", "batch"]
    assert find_closest(word, known) == closest
    assert suggest(word, known) == (f" (did you mean {closest!r}?)" if closest else "")
    assert suggest(word, []) == ""
