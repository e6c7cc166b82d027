"""Answers as they are told in the terminal, of texts that nobody has labelled too."""

from typing import Any

import pytest

from evokd.cli.views.answers import list_fields, tell_confusion, tell_sample
from evokd.messages import Confusion
from tests.tracing.rows import BOAT, PERSON, REPORT, sample

REAL = {"intended": None, "draft_call": "", "kind": "real", "source": "pool-1", "text": REPORT}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "(not labelled)"),
        ({"candidates": []}, "(not labelled)"),
        ({"candidates": ["cat", "dog"], "state": "rejected"}, "[cyan]cat[/]"),
        ({"candidates": [[PERSON], [BOAT]], "state": "rejected"}, "Robin](person) saw two robins near Grebe 3."),
        ({"candidates": [[PERSON]], "label": [BOAT]}, "Grebe 3](boat)."),
        ({"candidates": [[]]}, "two robins"),
    ],
)
def test_a_real_text_is_told_whether_or_not_it_has_a_label(fields: dict[str, Any], told: str) -> None:
    item = sample(**{**REAL, **fields})
    assert told in tell_sample(item)
    listed = list_fields(item)
    assert listed["text"] == REPORT
    assert listed["intended"] == "null"


def test_entities_of_a_real_text_are_marked_in_its_fields() -> None:
    exam = {"answer": [BOAT], "confidence": 0.5}
    fields = list_fields(sample(**REAL, candidates=[[PERSON]], label=[PERSON], exam=exam))
    assert fields["candidates"] == fields["label"] == "[Robin](person) saw two robins near Grebe 3."
    assert fields["mistakes"] == "lacks Robin (person); gave Grebe 3 (boat)"


@pytest.mark.parametrize(
    ("gold", "predicted", "labels", "told"),
    [
        ("wet", "cold", ["wet", "cold"], "3 x wet taken for cold"),
        ("(none)", "cold", ["wet", "cold"], "3 x cold given wrongly"),
        ("wet", "(none)", ["wet", "cold"], "3 x wet missed"),
        ("(none)", "cold", ["(none)", "cold"], "3 x (none) taken for cold"),
    ],
)
def test_a_label_of_a_set_is_missed_or_given_wrongly_unless_one_is_called_none(
    gold: str, predicted: str, labels: list[str], told: str
) -> None:
    line = tell_confusion(Confusion(gold=gold, predicted=predicted, count=3), labels)
    assert line.replace("[cyan]", "").replace("[/]", "") == told
