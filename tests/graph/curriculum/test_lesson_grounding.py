"""What a request is grounded in: real lines, examples, attributes, and what it shall not repeat."""

import pytest

from evokd.graph.curriculum.planning_input import ReferenceText
from evokd.messages import NO_ENTITY, Entity, Example
from tests.graph.curriculum.planning import asked, grounding, plan, quotas, seeds, weakness, written

AXES = {"tone": [("angry", 0.75), ("calm", 0.25)]}


def test_a_lesson_in_the_tone_of_real_texts_shows_other_lines_every_time() -> None:
    lessons = plan({"toned": 80}, grounding=grounding(), style_examples=10)
    shown = [set(lesson.plan.tone) for lesson in lessons]
    assert len(lessons) == 2
    assert all(len(lines) == 10 and lines <= set(grounding().lines) for lines in shown)
    assert shown[0] != shown[1]
    (short,) = plan({"toned": 20}, grounding=grounding(), style_examples=10, style_example_tokens=9)
    assert len(short.plan.tone) == 3, "12 characters each, four to the token"


def test_plain_texts_are_shown_no_line_and_others_half_as_many() -> None:
    (plain,) = plan(20, grounding=grounding(), style_examples=10)
    assert "tone" not in plain.plan.model_dump(mode="json")
    (dense,) = plan({"dense": 20}, grounding=grounding(), style_examples=10, task="ner")
    (focused,) = plan(24, weaknesses={"w1": weakness("a", "b")}, grounding=grounding(), style_examples=10)
    assert len(dense.plan.tone) == len(focused.plan.tone) == 5


def test_only_texts_in_the_tone_of_real_ones_follow_the_profile() -> None:
    for kind, spread in (("toned", {"tone": {"angry": 15, "calm": 5}}), ("plain", {})):
        (lesson,) = plan({kind: 20}, grounding=grounding(axes=AXES))
        assert lesson.plan.profile == spread


def test_attributes_are_planned_for_varied_texts_alone() -> None:
    for kind, count in (("varied", 9), ("plain", 0), ("dense", 0)):
        (lesson,) = plan({kind: 9}, task="ner", quotas={"no_label": 0})
        assert len(lesson.plan.variety) == count
    (rewritten,) = plan({"varied": 9}, modes=["paraphrase"])
    assert "variety" not in rewritten.plan.model_dump(mode="json")


def test_topics_of_the_domain_are_spread_over_the_texts_of_their_label() -> None:
    (lesson,) = plan(12, topics={"a": ["p", "q"], "b": ["s"]})
    assert lesson.plan.profile == {"topic of a": {"p": 2, "q": 2}, "topic of b": {"s": 4}}
    (alike,) = plan(12, topics={label: ["p", "q"] for label in "abc"})
    assert alike.plan.profile == {"topic": {"p": 6, "q": 6}}
    (focused,) = plan(12, topics={"a": ["p"]}, weaknesses={"w1": weakness("a", "b")})
    assert focused.plan.profile == {}, "a weakness is about what it is about"


def test_examples_are_the_users_own_rows_label_by_label() -> None:
    items = [*seeds("a", "b", "c"), *written(9, "a")]
    (lesson,) = plan({"toned": 6}, items, examples=2)
    assert len(lesson.plan.examples) == 2
    assert {item.text for item in lesson.plan.examples} <= {"seed b", "seed c"}, "the labels that are asked for"
    (whole,) = plan({"toned": 6}, items, examples=20, examples_from="all", counts={"b": 9, "c": 9})
    assert {item.text for item in whole.plan.examples} == {"seed a", *(item.text for item in written(9, "a"))}


def test_plain_texts_are_asked_for_without_examples_that_they_would_all_sound_like() -> None:
    few = seeds("a", "b", "c")
    enough = [ReferenceText(f"seed {n} {label}", label, (label,), seed=True) for n in range(3) for label in "abc"]
    assert [len(plan(6, items)[0].plan.examples) for items in (few, enough[:-1], enough)] == [0, 0, 8]
    assert len(plan(6, few, grounding=grounding())[0].plan.examples) == 3, "a pool brings other texts"
    assert len(plan(6, few, task="ner")[0].plan.examples) == 3, "where names begin and end, examples alone tell"


def test_a_weakness_is_shown_the_cases_behind_it() -> None:
    cases = [Example(text=f"case {number}", gold="a") for number in range(9)]
    found = {"w1": weakness("a", "b")}
    (lesson,) = plan(24, seeds("a", "b"), weaknesses=found, evidence={"w1": cases}, examples=4)
    assert list(lesson.plan.examples) == cases[:4]
    (lesson,) = plan(24, seeds("a", "b"), weaknesses=found, examples=4)
    assert {item.text for item in lesson.plan.examples} == {"seed a", "seed b"}, "where nothing of it may be shown"


def test_examples_of_texts_without_a_label_are_such_texts() -> None:
    items = [ReferenceText(f"plain text number {number} says nothing", [], (), seed=True) for number in range(4)]
    (lesson,) = plan(8, [*items, *seeds("a")], task="ner", examples=3, blank=1.0)
    assert list(quotas(lesson)) == [NO_ENTITY]
    assert {example.text for example in lesson.plan.examples} < {item.text for item in items}
    assert len(lesson.plan.examples) == 3


def test_a_text_of_which_a_part_is_left_open_is_counted_and_avoided_but_no_example() -> None:
    left_open = [ReferenceText(f"b open number {number} or so", "b", ("b",), whole=False) for number in range(30)]
    items = [*written(3, "b"), *left_open]
    (lesson,) = plan(24, items, weaknesses={"w1": weakness("b")}, examples=8, examples_from="all", avoid=40)
    assert {example.text for example in lesson.plan.examples} == {item.text for item in items if item.whole}
    assert any(opening.startswith("b open") for opening in lesson.plan.avoid)
    assert set(asked(plan(6, items))) == {"a", "c"}


def test_first_words_and_phrases_of_written_texts_are_to_be_avoided_and_those_of_real_ones_are_not() -> None:
    real = [ReferenceText(f"real words of a text {n}", "a", ("a",), real=True) for n in range(9)]
    (lesson,) = plan(3, [*written(3, "a"), *real], counts={"b": 9, "c": 9}, avoid=2, phrases=1)
    assert lesson.plan.avoid == ["a text number 2 says this", "a text number 1 says this", "says this and that"]
    (lesson,) = plan(3, written(3, "a"), counts={"b": 9, "c": 9}, avoid=0, phrases=0)
    assert lesson.plan.avoid == []


def test_openings_of_every_label_are_to_be_avoided() -> None:
    (lesson,) = plan(9, [*written(9, "a"), *written(9, "b"), *written(1, "c")], counts={}, avoid=5, phrases=0)
    assert [opening[0] for opening in lesson.plan.avoid] == ["a", "b", "c", "a", "b"]


def test_names_that_many_written_texts_hold_are_to_be_avoided() -> None:
    gold = [Entity(text="Oslo", label="a")]
    items = [ReferenceText(f"{number} is in Oslo", gold, ("a",)) for number in range(3)]
    for count, overused in ((3, ["Oslo"]), (2, [])):
        (lesson,) = plan(9, items[:count], task="ner", avoid=0)
        assert lesson.plan.avoid == overused


@pytest.mark.parametrize(("mode", "openings"), [("swap_entities", False), ("misspell", False), ("write", True)])
def test_a_lesson_that_stays_near_its_examples_need_not_avoid_their_openings(mode: str, openings: bool) -> None:
    items = [ReferenceText(f"text number {number} says this", [], ("a",)) for number in range(5)]
    (lesson,) = plan(8, items, task="ner", modes=[mode], counts={"b": 9, "c": 9})
    assert bool(lesson.plan.avoid) is openings


def test_a_guide_reaches_every_lesson() -> None:
    guide = {"a": "takes in this, leaves out that"}
    for lesson in plan(24, weaknesses={"w1": weakness("b")}, grounding=grounding(guide=guide)):
        assert lesson.plan.guide == guide


def test_a_lesson_on_a_weakness_shows_a_real_text_of_each_label_that_its_cases_lack() -> None:
    cases = [Example(text="a case", gold="a"), Example(text="another case", gold="a")]
    (lesson,) = plan(24, seeds("a", "b", "c"), weaknesses={"w1": weakness("a", "b")}, evidence={"w1": cases})
    assert [item.text for item in lesson.plan.examples] == ["a case", "another case", "seed b"]
    (lesson,) = plan(24, seeds("a", "b"), weaknesses={"w1": weakness("a", "b")}, evidence={"w1": cases}, examples=2)
    assert [item.text for item in lesson.plan.examples] == ["a case", "another case"]
    long = [Example(text="case " * 400, gold="a")]
    (lesson,) = plan(24, seeds("b"), weaknesses={"w1": weakness("a", "b")}, evidence={"w1": long}, example_tokens=500)
    assert len(lesson.plan.examples) == 1
