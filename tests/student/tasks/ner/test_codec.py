import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.messages import NO_ENTITY, Case, CaseError, Entity, InputError
from evokd.messages.spans import AlignmentError, Span
from evokd.student.tasks.ner.codec import EntityCodec
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.student.tasks.registry import codec
from tests.annotated import LABELS, annotated

CODEC = EntityCodec(LABELS)
TEXT = "Ash met Ashley in New York"
ASH, ASHLEY, YORK = Span(0, 3, "person"), Span(8, 14, "person"), Span(18, 26, "place")


def gold(*spans: Span) -> Any:
    return [{"start": span.start, "end": span.end, "label": span.label} for span in spans]


def test_the_codec_is_known_by_its_name() -> None:
    made = codec("ner", ["person"])
    assert (made.name, made.labels, made.metrics[0], made.dispute) == ("ner", ("person",), "entity_f1", "mask")
    for labels in ([], ["a", "a"]):
        with pytest.raises(InputError, match="label"):
            codec("ner", labels)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(annotated())
def test_an_answer_comes_back_from_the_wire(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    wire = CODEC.to_wire(text, gold(*spans))
    assert CODEC.from_wire(text, wire) == gold(*spans)
    assert all(item.text in text and item.label in (*LABELS, NO_ENTITY) for item in wire)
    written = json.dumps([item.model_dump() for item in wire])
    assert CODEC.from_wire(text, json.loads(written)) == gold(*spans)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(annotated())
def test_a_row_comes_back_from_its_written_form(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    row = json.loads(json.dumps(CODEC.write_row(text, gold(*spans))))
    example = CODEC.read_row(row)
    assert (example.text, example.gold) == (text, gold(*spans))


def test_the_wire_takes_entities_and_plain_objects() -> None:
    wire = [{"text": "Ashley", "label": "person"}, Entity(text="New York", label="place")]
    assert CODEC.from_wire(TEXT, wire) == gold(ASHLEY, YORK)
    assert CODEC.from_wire(TEXT, [Entity(text="Ash", label=NO_ENTITY)]) == []


WRONG_WIRES = {
    "no_list": ("person", "must be a list of entities, not str"),
    "unknown_label": ([{"text": "Ash", "label": "tree"}], "unknown label 'tree'; known labels: person, place"),
    "unknown_key": ([{"text": "Ash", "label": "person", "start": 0}], "start"),
    "no_label": ([{"text": "Ash"}], "label"),
}


@pytest.mark.parametrize(("wire", "fault"), WRONG_WIRES.values(), ids=WRONG_WIRES.keys())
def test_wrong_wires_are_refused(wire: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        CODEC.from_wire(TEXT, wire)


def test_an_entity_that_is_not_in_the_text_is_refused() -> None:
    with pytest.raises(AlignmentError, match="'Robin' does not occur"):
        CODEC.from_wire(TEXT, [{"text": "Robin", "label": "person"}])


def test_equal_answers_have_equal_keys_in_any_order() -> None:
    items = gold(ASH, ASHLEY, YORK)
    shuffled = [dict(reversed(item.items())) for item in random.Random(1).sample(items, 3)]
    assert CODEC.key(items) == CODEC.key(shuffled)
    keys = {CODEC.key(gold(*spans)) for spans in ([], [ASH], [ASH._replace(end=2)], [ASH._replace(label="place")])}
    assert len(keys) == 4


def test_labels_stand_in_the_domains_order_and_unknown_ones_behind() -> None:
    answer = gold(Span(0, 3, "place"), Span(8, 14, "zoo"), Span(18, 21, "person"), Span(22, 26, "place"))
    assert CODEC.labels_in(answer) == ["person", "place", "zoo"]
    assert CODEC.labels_in([]) == []


COMPARED: dict[str, tuple[list[Span], list[Span], list[Span] | None, tuple[tuple[int, int], ...]]] = {
    "same": ([ASH, YORK], [YORK, ASH], [ASH, YORK], ()),
    "both_empty": ([], [], [], ()),
    "one_more": ([ASH], [ASH, YORK], [ASH], ((18, 26),)),
    "another_end": ([ASH, YORK], [ASH, Span(18, 21, "place")], [ASH], ((18, 26),)),
    "another_type": ([ASH, YORK], [ASH, Span(18, 26, "person")], [ASH], ((18, 26),)),
    "split": ([ASH, YORK], [ASH, Span(18, 21, "place"), Span(22, 26, "place")], [ASH], ((18, 26),)),
    "two_places": ([ASH, ASHLEY, YORK], [ASHLEY], [ASHLEY], ((0, 3), (18, 26))),
    "overlapping": ([Span(0, 14, "person"), YORK], [Span(8, 17, "place"), YORK], [YORK], ((0, 17),)),
    "nothing_agreed": ([ASH], [ASHLEY], None, ((0, 3), (8, 14))),
    "only_one_has_any": ([], [ASH], None, ((0, 3),)),
}


@pytest.mark.parametrize(("intended", "given", "agreed", "disputed"), COMPARED.values(), ids=COMPARED.keys())
def test_answers_are_compared_entity_by_entity(
    intended: list[Span], given: list[Span], agreed: list[Span] | None, disputed: tuple[tuple[int, int], ...]
) -> None:
    for left, right in ((intended, given), (given, intended)):
        found = CODEC.compare(gold(*left), gold(*right))
        assert found.same == (not disputed)
        assert found.agreed == (None if agreed is None else gold(*agreed))
        assert found.disputed == disputed


@settings(max_examples=100, deadline=None, derandomize=True)
@given(annotated(), st.data())
def test_what_is_agreed_is_never_disputed(drawn: tuple[str, list[Span]], data: st.DataObject) -> None:
    _, spans = drawn
    other = [span._replace(label=data.draw(st.sampled_from(LABELS))) for span in spans if data.draw(st.booleans())]
    found = CODEC.compare(gold(*spans), gold(*other))
    agreed = to_spans(found.agreed or [])
    assert set(agreed) == set(spans) & set(other)
    assert (
        CODEC.drop_masked(gold(*spans), found.disputed)
        == gold(*agreed)
        == CODEC.drop_masked(gold(*other), found.disputed)
    )
    assert all(before[1] < after[0] for before, after in zip(found.disputed, found.disputed[1:], strict=False))


def test_hiding_leaves_out_what_touches_a_masked_part() -> None:
    answer = gold(ASH, ASHLEY, YORK)
    assert CODEC.drop_masked(answer, []) == answer
    assert CODEC.drop_masked(answer, [[3, 8], [14, 18]]) == answer
    assert CODEC.drop_masked(answer, [(13, 18)]) == gold(ASH, YORK)
    assert CODEC.drop_masked(answer, [(2, 3), (20, 21)]) == gold(ASHLEY)


def test_a_case_shows_both_answers_and_each_mistake() -> None:
    predicted = gold(ASH._replace(label="place"), Span(22, 26, "place"), Span(15, 17, "person"))
    fields = CODEC.case_fields(TEXT, gold(ASH, ASHLEY, YORK), predicted)
    assert fields["marked"] == "[Ash](person) met [Ashley](person) in [New York](place)"
    assert fields["answered"] == "[Ash](place) met Ashley [in](person) New [York](place)"
    assert fields["errors"] == [
        CaseError(kind="type", gold=Entity(text="Ash", label="person"), predicted=Entity(text="Ash", label="place")),
        CaseError(kind="missed", gold=Entity(text="Ashley", label="person"), predicted=None),
        CaseError(kind="invented", gold=None, predicted=Entity(text="in", label="person")),
        CaseError(
            kind="boundary", gold=Entity(text="New York", label="place"), predicted=Entity(text="York", label="place")
        ),
    ]
    assert set(fields) <= set(Case.model_fields)


def test_scores_are_those_of_the_spans() -> None:
    scores = CODEC.evaluate([gold(ASH, YORK), []], [gold(ASH), []])
    assert scores.metrics["entity_f1"] == pytest.approx(2 / 3)
    assert set(CODEC.metrics) <= set(scores.metrics)


def test_spans_and_answers_turn_into_each_other() -> None:
    assert to_gold([YORK, ASH]) == gold(ASH, YORK)
    assert to_spans(gold(ASH, YORK)) == [ASH, YORK]
