import json
import re
from typing import Any

import pytest
from hypothesis import given

from evokd.messages.spans import Span, split_words
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.ner.rows import harmonise_tags, read_entity_row, to_tokens, write_entity_row
from evokd.student.tasks.row_checks import RowFault
from tests.annotated import LABELS, annotated, as_iob1, as_iobes, chunks, tagged

TYPES = ("person", "place")


def ent(start: Any, end: Any, label: Any = "person", **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, **more}


def test_tokens_make_a_text_and_tags_its_spans() -> None:
    row = {"tokens": ["Robin", "Low's", "Ely", ",", "Ely"], "tags": ["B-person", "I-person", "B-place", "O", "B-place"]}
    gold = [ent(0, 11), ent(12, 15, "place"), ent(18, 21, "place")]
    assert read_entity_row(row, TYPES) == LabeledExample("Robin Low's Ely , Ely", gold)
    assert read_entity_row({**row, "note": "n"}, TYPES).gold == gold


def test_entities_are_read_in_any_order_with_or_without_their_text() -> None:
    row = {"text": " Robin in Ely", "entities": [ent(10, 13, "place", text="Ely"), ent(1, 6)], "note": None}
    assert read_entity_row(row, TYPES) == LabeledExample(" Robin in Ely", [ent(1, 6), ent(10, 13, "place")])
    assert read_entity_row({"text": "none", "entities": []}, TYPES) == LabeledExample("none", [])


def test_rows_are_written() -> None:
    gold = [ent(9, 12, "place"), ent(0, 5)]
    assert write_entity_row("Robin in Ely.", gold) == {"text": "Robin in Ely.", "entities": [gold[1], gold[0]]}
    tags = ["B-person", "O", "B-place", "O"]
    assert to_tokens("Robin in Ely.", gold) == {"tokens": ["Robin", "in", "Ely", "."], "tags": tags}
    with pytest.raises(ValueError, match="does not begin and end with a word"):
        to_tokens("Robin in Ely.", [ent(0, 4)])
    with pytest.raises(ValueError, match="must be a list of entities, not the string 'person'"):
        write_entity_row("Robin", "person")


@given(tagged())
def test_tokens_survive_the_way_through_spans(drawn: tuple[list[str], list[str]]) -> None:
    tokens, tags = drawn
    example = read_entity_row({"tokens": tokens, "tags": tags}, LABELS)
    assert isinstance(example.gold, list)
    assert json.loads(json.dumps(example.gold)) == example.gold
    found = [(example.text[item["start"] : item["end"]], item["label"]) for item in example.gold]
    assert found == [(" ".join(tokens[first : last + 1]), label) for first, last, label in chunks(tags)]
    assert read_entity_row(write_entity_row(example.text, example.gold), LABELS) == example

    row = to_tokens(example.text, example.gold)
    again = read_entity_row(row, LABELS)
    assert to_tokens(again.text, again.gold) == row
    if all(len(split_words(token)) == 1 for token in tokens):
        assert row == {"tokens": tokens, "tags": tags}


@given(annotated())
def test_entities_survive_writing_and_reading(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    gold = [span._asdict() for span in spans]
    row = json.loads(json.dumps(write_entity_row(text, gold)))
    assert read_entity_row(row, LABELS) == LabeledExample(text, gold)

    tokens = to_tokens(text, gold)
    example = read_entity_row(tokens, LABELS)
    assert isinstance(example.gold, list)
    words = split_words(text)
    assert [
        [example.text[start:end] for start, end in split_words(example.text) if item["start"] <= start < item["end"]]
        for item in example.gold
    ] == [[text[start:end] for start, end in words if span.start <= start < span.end] for span in spans]


@given(tagged())
def test_a_file_in_another_scheme_is_read_as_bio_with_a_note(drawn: tuple[list[str], list[str]]) -> None:
    tokens, tags = drawn
    other = {"text": "x", "entities": []}
    plain = [(1, {"tokens": tokens, "tags": tags}), (2, other)]
    assert harmonise_tags(plain) == (plain, [])
    has_entity = set(tags) != {"O"}
    for name, written in (("IOB1", as_iob1(tags)), ("IOBES", as_iobes(tags)), ("BILOU", as_iobes(tags, "UBIL"))):
        rows, notes = harmonise_tags([(1, {"tokens": tokens, "tags": written}), (2, other)])
        assert rows == plain
        assert notes == ([f"tags are {name}; read as BIO"] if has_entity else [])


def test_a_tag_that_does_not_fit_is_placed_by_line_and_token() -> None:
    rows: list[tuple[int, dict[str, Any]]] = [
        (1, {"tags": "O"}),
        (3, {"tokens": ["a"], "tags": ["B-person"]}),
        (7, {"tokens": ["a", "b"], "tags": ["O", "I-person"]}),
    ]
    with pytest.raises(RowFault, match="token 2 'b': tag 'I-person' continues nothing") as caught:
        harmonise_tags(rows)
    assert (caught.value.line, caught.value.token) == (7, 1)
    with pytest.raises(RowFault, match=r"^token 2: tag 'person' has no prefix"):
        harmonise_tags([(1, {"tokens": ["a"], "tags": ["O", "person"]})])


PLAIN_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "both_forms": ({"tokens": ["a"], "tags": ["O"], "text": "a"}, "the row mixes two forms; keep"),
    "both_forms_by_halves": ({"tokens": ["a"], "entities": []}, "the row mixes two forms"),
    "neither_form": ({"note": "n"}, 'it needs "tokens" and "tags", or "text" and "entities"'),
    "another_task": ({"text": "a", "label": "person"}, "has no entities; it needs"),
    "text_alone": ({"text": "a"}, "has no entities; it needs"),
    "no_tags": ({"tokens": ["a"]}, 'key "tags" is missing; a row needs "tokens", "tags"'),
    "no_tokens": ({"tags": ["O"]}, 'key "tokens" is missing'),
    "no_text": ({"entities": []}, 'key "text" is missing; a row needs "text", "entities"'),
    "unknown_key": (
        {"tokens": ["a"], "tags": ["O"], "id": 1},
        'unknown key \'id\'; a row has "tokens", "tags", remove',
    ),
    "unequal": ({"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags; give every token one tag"),
    "tokens_no_list": ({"tokens": "a b", "tags": ["O"]}, '"tokens" must be a list of strings, not a string; use'),
    "tags_no_list": ({"tokens": ["a"], "tags": None}, '"tags" must be a list of strings, not null'),
    "no_token": ({"tokens": [], "tags": []}, '"tokens" is empty; write at least one token'),
    "empty_text": ({"text": " ", "entities": []}, '"text" is empty'),
    "text_type": ({"text": 3, "entities": []}, '"text" must be a string, not a number'),
    "text_surrogate": ({"text": "\ud800", "entities": []}, '"text" holds half a surrogate pair'),
    "entities_no_list": ({"text": "a", "entities": "[]"}, '"entities" must be a list, not a string; use a .jsonl or'),
}
ENTITY_FAULTS: dict[str, tuple[list[Any], str]] = {
    "no_object": ([ent(0, 5), [9, 12, "place"]], "entity 2 of 2: it must be an object, not a list"),
    "missing_end": ([{"start": 0, "label": "person"}], 'entity 1 of 1: key "end" is missing; an entity needs "start"'),
    "unknown_key": ([ent(0, 5, type="x")], "entity 1 of 1: unknown key 'type'; an entity has"),
    "start_string": ([ent("0", 5)], '"start" must be a whole number, not a string; count characters from 0'),
    "end_fraction": ([ent(0, 5.0)], '"end" must be a whole number, not the fraction 5.0'),
    "start_truth": ([ent(False, 5)], '"start" must be a whole number, not a truth value'),
    "end_null": ([ent(0, None)], '"end" must be a whole number, not null'),
    "label_type": ([ent(0, 5, 1)], '"label" must be a string, not a number'),
    "label_near": ([ent(0, 5, "Persn")], "unknown label 'Persn'; did you mean 'person'?"),
    "label_far": ([ent(0, 5, "zzz")], "unknown label 'zzz'; known labels: person, place"),
    "label_with_prefix": ([ent(0, 5, "B-person")], "unknown label 'B-person'; did you mean 'person'?"),
    "other_text": ([ent(0, 5, text="Robyn")], "\"text\" is 'Robyn' but the row has 'Robin' at 0-5; mend"),
    "text_type": ([ent(0, 5, text=None)], '"text" must be a string, not null; write the words or'),
    "shifted": ([ent(1, 6, text="Robin")], "\"text\" is 'Robin' but the row has 'obin ' at 1-6"),
    "outside": ([ent(9, 14)], "entity 9-14 (person) does not lie in the text of 13 characters; count"),
    "outside_with_text": ([ent(9, 14, text="Ely.")], "entity 9-14 (person) does not lie in the text"),
    "before": ([ent(-5, 5)], "entity -5-5 (person) does not lie in the text"),
    "empty": ([ent(5, 5)], "entity 5-5 (person) holds no character; start must be less than end"),
    "backwards": ([ent(5, 0)], "entity 5-0 (person) holds no character"),
    "white_space": ([ent(0, 6)], "entity 0-6 (person) begins or ends with white space; move"),
    "cut": ([ent(0, 4)], "entity 0-4 (person) 'Robi' cuts a word; move its ends to the words"),
    "nested": ([ent(0, 12), ent(9, 12, "place")], "entity 9-12 (place) lies inside 0-12 (person); keep one of them"),
    "overlapping": ([ent(6, 12), ent(0, 8)], "entity 6-12 (person) overlaps 0-8 (person); keep one of them"),
    "repeated": ([ent(0, 5), ent(0, 5)], "entity 0-5 (person) repeats 0-5 (person); keep one of them"),
}
ROWS = PLAIN_FAULTS | {
    f"entity_{name}": ({"text": "Robin in Ely.", "entities": entities}, told)
    for name, (entities, told) in ENTITY_FAULTS.items()
}


@pytest.mark.parametrize(("row", "told"), ROWS.values(), ids=ROWS.keys())
def test_a_fault_of_a_row_is_told(row: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        read_entity_row(row, TYPES)
    assert not isinstance(caught.value, RowFault)


TOKEN_FAULTS: dict[str, tuple[list[Any], list[Any], int, str]] = {
    "token_empty": (["a", ""], ["O", "O"], 1, "token 2 '': it is empty; remove it and its tag"),
    "token_space": (["a", "b c"], ["O", "O"], 1, "token 2 'b c': it holds white space; split it"),
    "token_odd_space": (["a\u00a0", "b"], ["O", "O"], 0, "it holds white space"),
    "token_type": (["a", 3], ["O", "O"], 1, "token 2: it must be a string, not a number; write it in quotes"),
    "token_surrogate": (["\udc00"], ["O"], 0, "half a surrogate pair"),
    "tag_type": (["a", "b"], ["O", 1], 1, "token 2 'b': a tag must be a string, not a number"),
    "tag_no_type": (["a", "b"], ["B-", "O"], 0, "token 1 'a': tag 'B-' has no type"),
    "tag_no_prefix": (["a", "b"], ["O", "person"], 1, "tag 'person' has no prefix"),
    "tag_unknown_prefix": (["a", "b"], ["X-person", "O"], 0, "tag 'X-person' has the unknown prefix 'X'"),
    "tag_orphan": (["a", "b"], ["O", "I-person"], 1, "token 2 'b': tag 'I-person' continues nothing"),
    "tag_other_scheme": (["a"], ["S-person"], 0, "tag 'S-person' is no tag of BIO"),
    "label_near": (["a", "b"], ["O", "B-Place"], 1, "unknown label 'Place' in tag 'B-Place'; did you mean 'place'?"),
    "label_far": (["a"], ["B-zzz"], 0, "unknown label 'zzz' in tag 'B-zzz'; known labels: person, place"),
}


@pytest.mark.parametrize(("tokens", "tags", "token", "told"), TOKEN_FAULTS.values(), ids=TOKEN_FAULTS.keys())
def test_a_fault_inside_a_token_says_which(tokens: list[Any], tags: list[Any], token: int, told: str) -> None:
    with pytest.raises(RowFault) as caught:
        read_entity_row({"tokens": tokens, "tags": tags}, TYPES)
    assert caught.value.token == token
    assert told in str(caught.value)
