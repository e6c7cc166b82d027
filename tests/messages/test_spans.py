from itertools import combinations

import pytest
from hypothesis import given

from evokd.messages import NO_ENTITY, Entity
from evokd.messages.spans import AlignmentError, Span, align, mark, span_fault, split_words, surfaces
from tests.annotated import annotated

TEXT = "Ash met Ashley under an ash; Ash left."


def entity(text: str, label: str = "person") -> Entity:
    return Entity(text=text, label=label)


WORDS = {
    "letters_and_signs": ("Dr. O'Neil's", ["Dr", ".", "O", "'", "Neil", "'", "s"]),
    "underscores_and_digits": ("run_7 at 3pm", ["run_7", "at", "3pm"]),
    "combining_marks": ("cafe\u0301 हिंदी", ["cafe\u0301", "हिंदी"]),
    "no_spaces": ("東京へ行く", list("東京へ行く")),
    "thai_marks_stay_with_their_letter": ("ก็ดี", ["ก็", "ดี"]),
    "endings_without_a_space": ("서울에서 왔다", list("서울에서왔다")),
    "mixed_scripts": ("iPhone東京2", ["iPhone", "東", "京", "2"]),
    "emoji": ("ok😀👍🏽", ["ok", "😀", "👍", "🏽"]),
    "odd_spaces": ("a\u00a0b\u3000c\u2028d\x1ce", list("abcde")),
    "nothing": (" \n", []),
}


@pytest.mark.parametrize(("text", "words"), WORDS.values(), ids=WORDS.keys())
def test_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words


ALIGNED = {
    "in_order": ([entity("Ash"), entity("Ashley")], [(0, 3), (8, 14)]),
    "not_inside_a_word": ([entity("Ashley"), entity("Ash")], [(8, 14), (29, 32)]),
    "repeated": ([entity("Ash"), entity("Ash")], [(0, 3), (29, 32)]),
    "letter_case_counts": ([entity("ash", "tree")], [(24, 27)]),
    "decoy_first": ([entity("Ash", NO_ENTITY), entity("Ash")], [(29, 32)]),
    "decoy_last": ([entity("Ash"), entity("Ash", NO_ENTITY)], [(0, 3)]),
    "out_of_order": ([entity("Ash"), entity("Ash"), entity("Ashley")], [(0, 3), (8, 14), (29, 32)]),
    "several_words": ([entity("under an ash", "place")], [(15, 27)]),
    "spaces_around": ([entity(" Ashley\n")], [(8, 14)]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("entities", "places"), ALIGNED.values(), ids=ALIGNED.keys())
def test_entities_are_found_left_to_right(entities: list[Entity], places: list[tuple[int, int]]) -> None:
    assert [span[:2] for span in align(TEXT, entities)] == places


ALIKE = {
    "apostrophe": ("Sean O\u2019Neil came", "Sean O'Neil", (0, 11)),
    "line_break": ("to New\nYork", "New York", (3, 11)),
    "spaces": ("to New  York", "New York", (3, 12)),
    "dash": ("the A\u2013B line", "A-B", (4, 7)),
    "exact_before_alike": ("O\u2019Neil met O'Neil", "O'Neil", (11, 17)),
}


@pytest.mark.parametrize(("text", "surface", "place"), ALIKE.values(), ids=ALIKE.keys())
def test_other_typography_is_let_through(text: str, surface: str, place: tuple[int, int]) -> None:
    assert [span[:2] for span in align(text, [entity(surface)])] == [place]


UNALIGNED = {
    "other_case": ([entity("ashley")], "entity 'ashley' does not occur"),
    "absent": ([entity("Robin")], "entity 'Robin' does not occur in the text as whole words"),
    "within_a_word": ([entity("Ash"), entity("shley")], "entity 'shley' does not occur in the text as whole words"),
    "empty": ([entity(" ")], "entity ' ' does not occur"),
    "once_too_often": ([entity("Ashley"), entity("Ashley")], "entity 'Ashley' occurs in the text only where another"),
    "used_up_by_a_decoy": ([entity("Ashley", NO_ENTITY), entity("Ashley")], "only where another entity is"),
    "inside_another": ([entity("an ash"), entity("ash")], "entity 'ash' occurs in the text only where another"),
}


@pytest.mark.parametrize(("entities", "told"), UNALIGNED.values(), ids=UNALIGNED.keys())
def test_an_entity_that_cannot_be_found_is_named(entities: list[Entity], told: str) -> None:
    with pytest.raises(AlignmentError) as caught:
        align(TEXT, entities)
    assert told in str(caught.value)


WRITTEN = {
    "plain": (TEXT, [(0, 3)], [("Ash", "x")]),
    "decoy": (TEXT, [(29, 32)], [("Ash", "O"), ("Ash", "x")]),
    "decoy_behind_an_entity": ("a b a a", [(2, 3), (6, 7)], [("b", "x"), ("a", "O"), ("a", "x")]),
    "decoy_that_reaches_into_the_entity": ("Bora Bora Bora", [(5, 14)], [("Bora", "O"), ("Bora Bora", "x")]),
    "such_a_decoy_with_one_of_its_own": (
        "a x a a a",
        [(6, 9)],
        [("a", "O"), ("a", "O"), ("a a", "x")],
    ),
}


@pytest.mark.parametrize(("text", "places", "written"), WRITTEN.values(), ids=WRITTEN.keys())
def test_earlier_occurrences_that_are_no_entity_are_listed(
    text: str, places: list[tuple[int, int]], written: list[tuple[str, str]]
) -> None:
    spans = [Span(start, end, "x") for start, end in places]
    entities = surfaces(text, spans)
    assert [(item.text, item.label) for item in entities] == written
    assert align(text, entities) == spans


@given(annotated())
def test_what_is_written_is_found_again(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    assert align(text, surfaces(text, spans)) == spans
    assert align(text, surfaces(text, spans[::-1])) == spans
    assert span_fault(text, spans, split_words(text)) is None


@pytest.mark.parametrize("length", range(1, 7))
def test_every_place_among_equal_words_is_found_again(length: int) -> None:
    text = " ".join("ab"[number == 2] for number in range(length))
    words = split_words(text)
    spans = [Span(left[0], right[1], "x") for left in words for right in words if left <= right]
    for count in (1, 2, 3):
        for chosen in combinations(spans, count):
            if span_fault(text, chosen, words) is None:
                assert align(text, surfaces(text, chosen)) == sorted(chosen)


@given(annotated())
def test_words_are_the_visible_characters_in_order(drawn: tuple[str, list[Span]]) -> None:
    text, _ = drawn
    covered = [number for start, end in split_words(text) for number in range(start, end)]
    assert covered == [number for number, char in enumerate(text) if not char.isspace()]
    alone = [text[start:end] for start, end in split_words(text)]
    joined = " ".join(alone)
    assert [joined[start:end] for start, end in split_words(joined)] == alone


def test_entities_are_marked_in_place() -> None:
    assert mark(TEXT, [Span(29, 32, "person"), Span(0, 3, "person")]).startswith("[Ash](person) met Ashley under")
    assert mark(TEXT, [Span(29, 32, "person")]).endswith("an ash; [Ash](person) left.")
    assert mark(TEXT, []) == TEXT


FAULTS = {
    "none": ([Span(8, 14, "x"), Span(0, 3, "x"), Span(3 + 1, 7, "y")], None),
    "side_by_side": ([Span(24, 27, "x"), Span(27, 28, "y")], None),
    "behind_the_end": ([Span(29, 39, "x")], "entity 29-39 (x) does not lie in the text of 38 characters; count"),
    "before_the_start": ([Span(-1, 3, "x")], "entity -1-3 (x) does not lie in the text"),
    "empty": ([Span(4, 4, "x")], "entity 4-4 (x) holds no character; start must be less than end"),
    "backwards": ([Span(7, 4, "x")], "entity 7-4 (x) holds no character"),
    "space_before": ([Span(3, 7, "x")], "entity 3-7 (x) begins or ends with white space; move"),
    "space_behind": ([Span(4, 8, "x")], "entity 4-8 (x) begins or ends with white space"),
    "cuts_the_end": ([Span(8, 11, "x")], "entity 8-11 (x) 'Ash' cuts a word; move its ends to the words"),
    "cuts_the_start": ([Span(11, 14, "x")], "entity 11-14 (x) 'ley' cuts a word"),
    "nested": ([Span(21, 27, "x"), Span(24, 27, "y")], "entity 24-27 (y) lies inside 21-27 (x); keep one of them"),
    "nested_with_one_start": ([Span(21, 27, "x"), Span(21, 23, "y")], "entity 21-27 (x) holds 21-23 (y); keep"),
    "overlapping": ([Span(15, 23, "x"), Span(21, 27, "y")], "entity 21-27 (y) overlaps 15-23 (x); keep one"),
    "repeated": ([Span(0, 3, "x"), Span(0, 3, "x")], "entity 0-3 (x) repeats 0-3 (x); keep one of them"),
    "two_types": ([Span(0, 3, "y"), Span(0, 3, "x")], "entity 0-3 (y) repeats 0-3 (x)"),
}


@pytest.mark.parametrize(("spans", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_spans_is_told(spans: list[Span], told: str | None) -> None:
    fault = span_fault(TEXT, spans, split_words(TEXT))
    if told is None:
        assert fault is None
    else:
        assert fault is not None
        assert fault.startswith(told)
