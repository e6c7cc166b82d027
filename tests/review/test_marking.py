"""Entities marked by hand are read at the places where they stand, and nothing is guessed."""

import pytest

from evokd.review.marking import MarkingError, mark_answer, read_marked

LABELS = ("person", "species", "species (rare)")


@pytest.mark.parametrize(
    ("text", "marked", "entities"),
    [
        ("Robin saw robins", "[Robin](person) saw [robins](species)", [(0, 5, "person"), (10, 16, "species")]),
        ("a [b] c", "a [[b]](person) c", [(2, 5, "person")]),
        ("a [b] c", "a [b] [c](person)", [(6, 7, "person")]),
        ("see [x](y) now", "see [x](y) [now](person)", [(11, 14, "person")]),
        ("an owl", "an [owl](species (rare))", [(3, 6, "species (rare)")]),
        ("nothing", "nothing", []),
    ],
)
def test_marks_are_read_and_written(text: str, marked: str, entities: list[tuple[int, int, str]]) -> None:
    found = read_marked(text, marked, LABELS)
    assert [(item["start"], item["end"], item["label"]) for item in found] == entities
    assert mark_answer(text, found) == marked  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("marked", "part"),
    [
        ("[Robin](persn) saw robins", "unknown label 'persn' (did you mean 'person'?)"),
        ("[Robin](person) sees robins", "the words are not those of the text any more"),
        ("[Robin](person saw robins", "the words are not those of the text any more"),
        ("", "the words are not those of the text any more"),
    ],
)
def test_a_marking_that_does_not_fit_is_refused(marked: str, part: str) -> None:
    with pytest.raises(MarkingError) as caught:
        read_marked("Robin saw robins", marked, LABELS)
    assert part in str(caught.value)
