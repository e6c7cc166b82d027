"""Quotas that name sets of labels: what occurs together is asked for together, and every label alone as well."""

import random

from evokd.agents.output_schemas import output_schema
from evokd.agents.remainder_plan import plan_remainder
from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.lessons import plan_lessons
from evokd.graph.curriculum.planning_input import PlanningInput, ReferenceText
from evokd.graph.curriculum.quotas import set_counts
from evokd.graph.curriculum.reference_texts import Grounding
from evokd.graph.curriculum.selection import doubt_sets
from evokd.messages import Quota, Weakness

LABELS = {"heating": "", "water": "", "kitchen": ""}
FORM = output_schema("multilabel")


def _know(*sets: tuple[str, ...]) -> list[ReferenceText]:
    return [ReferenceText(f"text {at}", list(labels), labels, seed=True) for at, labels in enumerate(sets)]


def _plan(known: list[ReferenceText], count: int, **changes: object) -> PlanningInput:
    counts = {label: sum(label in item.labels for item in known) for label in LABELS}
    given = {"cycle": 1, "span": "c001", "labels": LABELS, "form": FORM, "known": known, "counts": counts}
    return PlanningInput(**{**given, "wanted": {"plain": count}, **changes})  # type: ignore[arg-type]


def test_sets_that_occur_are_asked_for_beside_single_labels() -> None:
    sets = [("heating", "water")] * 6 + [("kitchen",)] * 3
    counts = set_counts(LABELS, sets, {}, 40, "balanced", random.Random(1))
    assert set(counts) == {"heating;water", "heating", "water", "kitchen"}
    assert counts["heating;water"] > counts["heating"] + counts["water"]
    assert sum(counts.values()) == 40
    with_heating = sum(count for name, count in counts.items() if "heating" in name)
    assert abs(with_heating - counts["kitchen"]) <= 3


def test_a_plan_lists_the_labels_of_a_set_and_asks_for_texts_without_any() -> None:
    known = _know(("heating", "water"), ("water",), ("kitchen",), ())
    (lesson,) = plan_lessons(_plan(known, 16), CurriculumSettings(), seed=2)
    quotas = {item.label: item for item in lesson.plan.quotas}
    assert quotas["(none)"].labels == []
    assert quotas["(none)"].hard + quotas["(none)"].easy == 4  # the share that the seeds have
    for name, item in quotas.items():
        assert name == "(none)" or item.labels == name.split(";")
    assert sum(item.hard + item.easy for item in quotas.values()) == 16
    assert "labels" in quotas["water"].model_dump()


def test_a_weakness_is_taught_alone_and_together() -> None:
    weakness = Weakness(name="w", pattern="p", labels=["water", "heating"], evidence=["e1"], advice="a")
    given = _plan(_know(("water",), ("heating",), ("kitchen",)), 60, weaknesses={"w1": weakness}, cycle=5)
    settings = CurriculumSettings.model_validate({"quotas": {"weaknesses": 0.5}})
    lesson = next(item for item in plan_lessons(given, settings, seed=2) if item.weakness == "w1")
    assert {item.label for item in lesson.plan.quotas} == {"water", "heating", "heating;water"}
    assert not lesson.plan.pairs


def test_a_label_given_too_often_is_also_taught_by_texts_without_any() -> None:
    weakness = Weakness(name="w", pattern="p", labels=["water", "heating"], evidence=["e1"], advice="a")
    given = _plan(_know(("water",), ("heating",), ()), 40, weaknesses={"w1": weakness}, invented={"w1"}, cycle=5)
    lesson = next(item for item in plan_lessons(given, CurriculumSettings(), seed=2) if item.weakness == "w1")
    counts = {item.label: item.hard + item.easy for item in lesson.plan.quotas}
    assert set(counts) == {"water", "heating", "heating;water", "(none)"}
    assert counts["(none)"] == 10
    assert [] in [example.gold for example in lesson.plan.examples]


def test_a_seed_is_shown_once_as_an_example_or_for_its_tone() -> None:
    known = _know(("water",), ("heating",), ("kitchen",), (), ("water",), ("heating",), ("kitchen",), ())
    weakness = Weakness(name="w", pattern="p", labels=["water", "heating"], evidence=["e1"], advice="a")
    grounding = Grounding(lines=tuple(item.text for item in known))
    given = _plan(known, 40, weaknesses={"w1": weakness}, grounding=grounding, cycle=5)
    plan = plan_lessons(given, CurriculumSettings(), seed=2)[-1].plan
    assert plan.tone
    assert plan.examples
    assert not {example.text for example in plan.examples} & set(plan.tone)


def test_what_is_missing_of_a_cut_off_reply_is_asked_for_by_sets() -> None:
    known = _know(("heating", "water"), ("heating", "water"), ("kitchen",))
    (lesson,) = plan_lessons(_plan(known, 12), CurriculumSettings(), seed=2)
    first = lesson.plan.quotas[0]
    written = [("hard", [*reversed(first.labels)], "a"), ("easy", [*first.labels], "b")]
    rest = plan_remainder(lesson.plan, written, FORM, 20)
    assert rest is not None
    left = {item.label: item for item in rest.quotas}
    before = first.hard + first.easy
    after = left[first.label].hard + left[first.label].easy if first.label in left else 0
    assert after == before - 2
    assert all(item.labels or item.label == "(none)" for item in rest.quotas)


def test_doubt_about_a_set_is_that_of_its_least_sure_label() -> None:
    assert doubt_sets([[0.99, 0.5, 0.01], [0.9, 0.9, 0.1]]).round(6).tolist() == [1.0, 0.2]


def test_a_draft_fills_the_quota_of_its_own_set_in_whatever_order_it_names_the_labels() -> None:
    known = _know(("heating",), ("water",), ("kitchen",))
    plan = plan_lessons(_plan(known, 12), CurriculumSettings(), seed=2)[0].plan
    quotas = [
        Quota(label="water", labels=["water"], hard=1, easy=1),
        Quota(label="water;heating;kitchen", labels=["water", "heating", "kitchen"], hard=1, easy=0),
    ]
    written = [("hard", ["kitchen", "water", "heating"], "a")]
    rest = plan_remainder(plan.model_copy(update={"quotas": quotas, "variety": []}), written, FORM, 20)
    assert rest is not None
    assert [(item.label, item.hard, item.easy) for item in rest.quotas] == [("water", 1, 1)]


def test_a_draft_serves_the_quota_of_its_set_first_then_those_of_its_labels() -> None:
    known = _know(("heating",), ("water",), ("kitchen",))
    plan = plan_lessons(_plan(known, 12), CurriculumSettings(), seed=2)[0].plan
    quotas = [
        Quota(label="kitchen", labels=["kitchen"], hard=1, easy=1),
        Quota(label="heating", labels=["heating"], hard=1, easy=1),
        Quota(label="water;heating", labels=["water", "heating"], hard=1, easy=0),
        Quota(label="(none)", labels=[], hard=0, easy=1),
    ]
    written = [("hard", ["water", "heating"], "a"), ("hard", ["water", "heating"], "b"), ("easy", [], "c")]
    rest = plan_remainder(plan.model_copy(update={"quotas": quotas, "variety": []}), written, FORM, 20)
    assert rest is not None
    assert [(item.label, item.hard, item.easy) for item in rest.quotas] == [("kitchen", 1, 1), ("heating", 0, 1)]
