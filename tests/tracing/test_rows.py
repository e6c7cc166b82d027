"""The types of the rows say what the tables hold."""

import dataclasses
from typing import get_type_hints

import pytest

from evokd.messages import CallRecord, LabelPlan, LessonPlan, LessonTopic, PoolText, Quota
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import GATE, GateRecord, LessonRow, PlanRecord, WeaknessRow, answers_of, make_lesson

TOPIC = LessonTopic(name="cats", pattern="p", labels=["cat"], advice="a")
WRITTEN = LessonPlan(
    id="c001-l01", mode="write", weakness=TOPIC, labels={"cat": "a cat"}, quotas=[Quota(label="cat", hard=1, easy=2)]
)
REAL = LabelPlan(id="c001-l01", weakness=TOPIC, labels={"cat": "a cat"}, texts=[PoolText("pool.jsonl:1", "meow")])


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("weaknesses", get_type_hints(WeaknessRow)),
        ("lessons", get_type_hints(LessonRow)),
        ("calls", [*CallRecord.model_fields, "seq"]),
        ("samples", [field.name for field in dataclasses.fields(Sample)]),
    ],
)
def test_a_row_has_a_field_per_column(ledger: Ledger, table: str, fields: list[str]) -> None:
    columns = [row["name"] for row in ledger._rows(f"SELECT name FROM pragma_table_info('{table}')")]
    assert sorted(fields) == sorted(columns)


@pytest.mark.parametrize("plan", [WRITTEN, REAL], ids=lambda plan: plan.kind)
def test_a_lesson_holds_its_plan_without_the_empty_fields(ledger: Ledger, plan: LessonPlan | LabelPlan) -> None:
    row = make_lesson(1, "c001-w1", "weakness", plan)
    assert set(row) == set(get_type_hints(LessonRow))
    # examples, avoid and the like are read by models alone
    assert {"kind", "id", "weakness", "labels", "quotas"} <= set(row["plan"]) <= set(get_type_hints(PlanRecord))
    ledger.put_lessons(1, [row])
    assert type(plan).model_validate(ledger.lesson("c001-l01")["plan"]) == plan


def test_a_cycle_record_is_found_by_kind_and_cycle_alone(ledger: Ledger) -> None:
    first, second = (GateRecord(before=None, after=after, promoted=True) for after in (0.5, 0.75))
    ledger.put_cycle_record(0, GATE, first)
    ledger.put_cycle_record(1, GATE, second)
    ledger.put_cycle_record(0, answers_of("test", "c001"), {"answers": [("cat", 0.5)]})
    assert (ledger.cycle_record(0, GATE), ledger.cycle_record(1, GATE)) == (first, second)
    assert ledger.cycle_record(0, answers_of("test", "c001")) == {"answers": [["cat", 0.5]]}
    assert ledger.cycle_record(0, answers_of("test", "c002")) is ledger.cycle_record(2, GATE) is None
