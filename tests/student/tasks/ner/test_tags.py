from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.messages.spans import Span
from evokd.student.tasks.ner.rows import token_places
from evokd.student.tasks.ner.tags import Scheme, TagError, recognise, spans_to_tags, tags_to_spans, to_bio
from tests.annotated import LABELS, as_iob1, as_iobes, chunks, tagged

WORDS = [(0, 2), (3, 6), (7, 9)]

RECOGNISED = {
    "nothing": ([], Scheme.BIO),
    "no_entity": ([["O", "O"], []], Scheme.BIO),
    "bio": ([["B-x", "I-x", "O", "B-x", "B-y"]], Scheme.BIO),
    "bio_of_single_words": ([["B-x"], ["O", "B-y"]], Scheme.BIO),
    "iob1": ([["I-x", "I-x", "O", "I-y", "I-x"]], Scheme.IOB1),
    "iob1_with_neighbours": ([["I-x", "B-x", "I-x", "B-x"]], Scheme.IOB1),
    "a_sentence_alone_would_be_another": ([["I-x", "O"], ["I-x", "B-x"], ["O"]], Scheme.IOB1),
    "iobes": ([["S-x", "B-x", "I-x", "E-x", "B-y", "E-y"]], Scheme.IOBES),
    "iobes_of_single_words": ([["O", "S-x"]], Scheme.IOBES),
    "bilou": ([["U-x", "B-x", "I-x", "L-x"]], Scheme.BILOU),
}


@pytest.mark.parametrize(("sequences", "scheme"), RECOGNISED.values(), ids=RECOGNISED.keys())
def test_a_scheme_is_recognised_from_the_whole_file(sequences: list[list[str]], scheme: Scheme) -> None:
    assert recognise(sequences) is scheme


MISFITS: dict[str, tuple[list[list[Any]], int, int, str]] = {
    "continues_nothing": ([["B-x"], ["O", "I-x"]], 1, 1, "tag 'I-x' continues nothing; begin an entity with \"B-x\""),
    "continues_another_type": ([["B-x", "I-y"]], 0, 1, "'I-y' continues nothing"),
    "needless_b_in_iob1": ([["I-x"], ["I-y", "O"], ["B-x"]], 2, 0, "'B-x' does not follow an entity of its type"),
    "iobes_not_closed": ([["S-x", "O"], ["B-x", "O"], ["B-x", "E-x"]], 1, 0, "not closed, as the IOBES of this file"),
    "iobes_not_closed_at_the_end": ([["S-x", "S-y"], ["B-x", "I-x"]], 1, 1, 'end it with "E-x", or write "S-x"'),
    "iobes_begins_inside": ([["S-x", "B-x", "E-x"], ["O", "E-x"]], 1, 1, "'E-x' continues nothing"),
    "iobes_changes_type": ([["S-x", "S-x", "S-y"], ["B-x", "E-y"]], 1, 0, "the entity at tag 'B-x' is not closed"),
    "bilou_in_iobes": ([["S-x", "B-x", "E-x"], ["U-x"]], 1, 0, "tag 'U-x' is no tag of IOBES"),
    "iobes_in_bio": ([["B-x", "I-x", "O"], ["B-y"], ["S-x"]], 2, 0, "tag 'S-x' is no tag of BIO"),
    "no_type": ([["O", "B-"]], 0, 1, "tag 'B-' has no type; write \"O\""),
    "prefix_alone": ([["I"]], 0, 0, "tag 'I' has no type"),
    "empty": ([["B-x"], [""]], 1, 0, "tag '' has no type"),
    "unknown_prefix": ([["O"], ["X-person"]], 1, 0, "tag 'X-person' has the unknown prefix 'X'"),
    "small_prefix": ([["b-person"]], 0, 0, "unknown prefix 'b'"),
    "prefix_of_two": ([["BI-person"]], 0, 0, "unknown prefix 'BI'"),
    "o_with_a_type": ([["O-person"]], 0, 0, "unknown prefix 'O'"),
    "no_prefix": ([["O", "person"]], 0, 1, "tag 'person' has no prefix"),
    "small_o": ([["o"]], 0, 0, "tag 'o' has no prefix"),
    "number": ([["O"], ["O", 3]], 1, 1, "a tag must be a string, not a number"),
    "null": ([[None]], 0, 0, "a tag must be a string, not null"),
}


@pytest.mark.parametrize(("sequences", "sequence", "token", "told"), MISFITS.values(), ids=MISFITS.keys())
def test_a_tag_that_does_not_fit_is_named(sequences: list[list[Any]], sequence: int, token: int, told: str) -> None:
    with pytest.raises(TagError) as caught:
        recognise(sequences)
    assert (caught.value.sequence, caught.value.token) == (sequence, token)
    assert told in str(caught.value)
    assert "; " in str(caught.value)


def test_tags_of_each_scheme_become_bio() -> None:
    assert to_bio(["I-x", "I-x", "B-x", "O", "I-y", "I-x"], Scheme.IOB1) == ["B-x", "I-x", "B-x", "O", "B-y", "B-x"]
    assert to_bio(["S-x", "B-x", "I-x", "E-x", "O"], Scheme.IOBES) == ["B-x", "B-x", "I-x", "I-x", "O"]
    assert to_bio(["U-x", "B-x", "I-x", "L-x", "O"], Scheme.BILOU) == ["B-x", "B-x", "I-x", "I-x", "O"]
    assert to_bio(["B-x", "I-x"], Scheme.BIO) == ["B-x", "I-x"]
    with pytest.raises(TagError, match="'I-x' continues nothing") as caught:
        to_bio(["O", "I-x"], Scheme.BIO)
    assert caught.value.token == 1


WRITERS: dict[Scheme, Callable[[list[str]], list[str]]] = {
    Scheme.IOB1: as_iob1,
    Scheme.IOBES: as_iobes,
    Scheme.BILOU: lambda tags: as_iobes(tags, "UBIL"),
}


@given(tagged(), st.sampled_from(sorted(WRITERS)))
def test_bio_survives_every_other_scheme(drawn: tuple[list[str], list[str]], scheme: Scheme) -> None:
    _, tags = drawn
    written = WRITERS[scheme](tags)
    assert recognise([written]) is (scheme if set(tags) != {"O"} else Scheme.BIO)
    assert to_bio(written, scheme) == tags


@given(tagged())
def test_tags_survive_the_way_through_spans(drawn: tuple[list[str], list[str]]) -> None:
    tokens, tags = drawn
    places, text = token_places(tokens), " ".join(tokens)
    assert [text[start:end] for start, end in places] == tokens
    spans = tags_to_spans(places, tags)
    expected = [(" ".join(tokens[first : last + 1]), label) for first, last, label in chunks(tags)]
    assert [(text[span.start : span.end], span.label) for span in spans] == expected
    assert spans_to_tags(places, spans[::-1]) == tags


ANY_TAG = st.one_of(st.just("O"), st.tuples(st.sampled_from("BIESLU"), st.sampled_from(LABELS[:2])).map("-".join))


@given(st.lists(st.lists(ANY_TAG, max_size=5), max_size=4))
def test_a_file_is_either_of_one_scheme_or_at_fault_at_a_tag(sequences: list[list[str]]) -> None:
    scheme, fault = None, None
    try:
        scheme = recognise(sequences)
    except TagError as exc:
        fault = exc
    if scheme is None:
        assert fault is not None
        assert sequences[fault.sequence][fault.token] in str(fault)
        return
    read = [to_bio(tags, scheme) for tags in sequences]
    assert recognise(read) is Scheme.BIO
    assert [[tag[2:] for tag in tags] for tags in read] == [[tag[2:] for tag in tags] for tags in sequences]


def test_spans_and_tags_that_do_not_fit_the_words_are_refused() -> None:
    with pytest.raises(ValueError, match="2 tags for 3 words"):
        tags_to_spans(WORDS, ["O", "O"])
    with pytest.raises(TagError, match="'S-x' is no tag of BIO"):
        tags_to_spans(WORDS, ["O", "S-x", "O"])
    with pytest.raises(TagError, match="tag 'B' has no type"):
        tags_to_spans(WORDS, ["O", "B", "O"])
    for start, end in ((0, 3), (1, 6), (3, 2), (6, 3)):
        with pytest.raises(ValueError, match="does not begin and end with a word"):
            spans_to_tags(WORDS, [Span(start, end, "x")])
    with pytest.raises(ValueError, match=r"3-6 \(y\) shares a word with another entity"):
        spans_to_tags(WORDS, [Span(0, 6, "x"), Span(3, 6, "y")])
