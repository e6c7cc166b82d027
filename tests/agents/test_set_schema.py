"""Drafts and verdicts with sets of labels on the wire."""

import pytest

from evokd.agents.output_schemas import output_schema
from evokd.messages import Quota, SetVerdict, describe_reply, reply_schema

FORM = output_schema("multilabel")
LABELS = ("heating", "water", "kitchen")


def test_the_reply_asks_for_all_labels_that_apply() -> None:
    told = describe_reply(FORM.labeler_reply, set())
    assert "all labels that apply" in told
    schema = reply_schema(FORM.generator_reply, {"labels": list(LABELS)})
    assert '"enum": ["heating", "water", "kitchen"]' in str(schema).replace("'", '"')


def test_no_label_of_a_weakness_is_called_the_right_one_where_labels_are_only_missed_or_invented() -> None:
    told = describe_reply(FORM.analyst_reply, set())
    assert "missed or wrongly given first" in told
    assert "right one" not in told
    assert "the right one first" in describe_reply(output_schema("classification").analyst_reply, set())
    schema = reply_schema(FORM.analyst_reply, {"labels": list(LABELS), "cases": ["v1"]})
    assert '"enum": ["heating", "water", "kitchen"]' in str(schema).replace("'", '"')


@pytest.mark.parametrize(
    ("labels", "confidence", "fault"),
    [
        (["heating", "water"], 0.9, None),
        ([], 0.9, None),
        (["haeting"], 0.9, "did you mean 'heating'"),
        (["water", "water"], 0.9, "given twice"),
        (["(none)"], 0.9, "give an empty list"),
        (["water"], 1.2, "not between 0 and 1"),
    ],
)
def test_verdicts_are_checked(labels: list[str], confidence: float, fault: str | None) -> None:
    verdict = SetVerdict(id="t1", labels=labels, confidence=confidence)
    found = FORM.verdict_fault("a text", verdict, LABELS)
    assert (found is None) if fault is None else fault in str(found)
    assert FORM.candidates(verdict) == [labels]


def test_quotas_of_other_tasks_do_not_pay_for_sets() -> None:
    assert Quota(label="water", hard=1, easy=2).model_dump() == {"label": "water", "hard": 1, "easy": 2}
