"""Damaged replies through the parser and the agents' checks: a value or a fault, soon, and nothing else."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.agents import analyst, generator, labeler
from evokd.agents.llm.parse import BROKEN, MAX_MARKS, MAX_READ, parse_reply
from evokd.messages import (
    AnalystReply,
    Draft,
    EntityDraft,
    EntityVerdict,
    GeneratorReply,
    LabelReply,
    LabelVerdict,
)
from tests.agents.asks import brief, make_packet, make_plan
from tests.agents.entity_asks import brief_entities, example, plan_entities
from tests.fuzzing import LONG, Step, Tally, few_or_many, mutate_text, mutate_value, steps, write_json

TALLY = Tally("mutated replies")
SENTENCE = "Robin of Ash Ford counted robins, \u201cRobin\u2019s\u201d robins, at Ash Ford \U0001f426."
SENT = {"t1": SENTENCE, "t2": "Nothing here.", "t3": "Robin " * 40}
MARKS = [{"text": "Robin", "label": "person"}, {"text": "Ash Ford", "label": "site"}, {"text": "robins", "label": "O"}]
BRIEFING, ENTITY_BRIEFING = brief(), brief_entities()
PACKET = make_packet("wrcw")
PLAN = make_plan(hard=3, easy=3)
ENTITY_PLANS = [
    plan_entities(example("Ash saw Robin.", "Ash/person", "Robin/person"), mode=mode)
    for mode in ("write", "rewrite_context", "swap_entities", "rewrite_and_swap", "misspell")
]


def check_analysis(reply: Any) -> list[str]:
    analyst._usable(reply.weaknesses, PACKET)
    return analyst.find_faults(reply, PACKET)


def check_drafts(reply: Any) -> list[str]:
    return generator.find_faults(reply, BRIEFING, PLAN)


def check_entity_drafts(reply: Any) -> list[str]:
    plan = ENTITY_PLANS[len(reply.drafts) % len(ENTITY_PLANS)]
    generator._usable(generator._first(reply, plan), ENTITY_BRIEFING, plan)
    return generator.find_faults(reply, ENTITY_BRIEFING, plan)


def check_verdicts(reply: Any) -> list[str]:
    return labeler.find_faults(reply, BRIEFING, SENT)


def check_entity_verdicts(reply: Any) -> list[str]:
    for verdict in labeler._usable(labeler._first(reply, SENT), ENTITY_BRIEFING, SENT):
        ENTITY_BRIEFING.form.candidates(verdict)
    return labeler.find_faults(reply, ENTITY_BRIEFING, SENT)


KINDS: dict[str, tuple[Any, Callable[[Any], list[str]], Any]] = {
    "analysis": (
        AnalystReply,
        check_analysis,
        {
            "weaknesses": [
                {"name": "n", "pattern": 'p \\ud83d "{["', "labels": ["bug"], "evidence": ["k1", "k3"], "advice": "a"},
                {"name": "m", "pattern": "q", "labels": ["how", "bill"], "evidence": ["k4"], "advice": "```json {}```"},
            ]
        },
    ),
    "drafts": (
        GeneratorReply[Draft],
        check_drafts,
        {
            "drafts": [
                {"text": f"it broke {number} <think>so</think>", "difficulty": "hard", "intended": "bug"}
                for number in range(6)
            ]
        },
    ),
    "entity drafts": (
        GeneratorReply[EntityDraft],
        check_entity_drafts,
        {"drafts": [{"intended": MARKS[:count], "text": SENTENCE, "difficulty": "easy"} for count in (3, 2, 0, 1)]},
    ),
    "verdicts": (
        LabelReply[LabelVerdict],
        check_verdicts,
        {"verdicts": [{"id": f"t{n}", "labels": ["bug", "how"], "confidence": 0.5} for n in (1, 2, 3)]},
    ),
    "entity verdicts": (
        LabelReply[EntityVerdict],
        check_entity_verdicts,
        {"verdicts": [{"id": f"t{n}", "entities": MARKS[:n], "confidence": 1} for n in (1, 2, 3)]},
    ),
}
SPLINTERS = [
    *'{}[]",:\\`<>\n\r\x00\x1b\ud800\udc00\ufeff\u2028\u202e\u201c\'()#/',
    *("```json\n", "\n```\n", "<think>", "</think>", "\\ud800", "\\u0000", "null", "NaN", "-Infinity", "1e999"),
    *("9" * 5_000, "-" + "9" * 400 + ".5", "[{", "[[[[[[[[", '{"a":' * 20, '"a', '",', '": ', '"}', "/*", "//"),
    *('"drafts":', '"verdicts":[', "Sure, here it is: ", "I cannot do that.", "\\", '\\"', "\u00e4"),
    *("\U0001f426", "so, " * 50, "'", "''''", '"""', "\u00c3\u00a4", "\t", " " * 500, "True", "undefined", "...", "…"),
]  # fmt: skip


def run(kind: str, raw: str) -> None:
    """Parse and check a reply as the teacher's door and an agent do."""
    model, check, _ = KINDS[kind]
    found: list[Any] = []
    with TALLY.timed(raw):
        parsed = parse_reply(raw, model)
        found += [[kept, check(kept)] for kept in (parsed.reply, parsed.rest) if kept is not None]
    assert (parsed.reply is None) == (parsed.fault is not None)
    assert parsed.rest is None or parsed.reply is None
    for kept, faults in found:
        json.dumps([kept.model_dump(mode="json"), faults], ensure_ascii=False).encode()
    TALLY.count("read" if parsed.reply is not None else "read in part" if parsed.rest is not None else "refused")


@few_or_many(120, 10_000)
@given(
    kind=st.sampled_from(list(KINDS)),
    broken=steps,
    damage=steps,
    wreck=st.none() | st.tuples(st.integers(0, 10_000), st.integers(0, 3_000)),
)
def test_a_mutated_reply_ends_in_a_value_or_a_fault(
    kind: str, broken: list[Step], damage: list[Step], wreck: tuple[int, int] | None
) -> None:
    raw = mutate_text(write_json(mutate_value(KINDS[kind][2], broken)), damage, SPLINTERS)
    if wreck:
        at = wreck[0] * len(raw) // 10_000
        raw = raw[:at] + raw[at : at + 30] * wreck[1] + raw[at:]
    run(kind, raw)


ITEM = '{"text": "Some words of a text, which go on.", "difficulty": "hard", "intended": "bug"}'
WRECKS: dict[str, tuple[int, Callable[[int], str]]] = {
    "braces": (20_000, lambda size: "{" * size),
    "brackets-and-braces": (20_000, lambda size: '{"a":' + "[{" * (size // 2)),
    "parentheses": (20_000, lambda size: '{"a":' + "(" * size),
    "opened-strings": (20_000, lambda size: '{"drafts":[' + '"a' * (size // 2)),
    "quotes": (20_000, lambda size: '{"a":"' + '"\n' * (size // 2)),
    "words": (20_000, lambda size: "{" + "aaa " * (size // 4)),
    "comments": (20_000, lambda size: "{" + "#\n" * (size // 2)),
    "fences": (1_000_000, lambda size: "```\n" * (size // 4)),
    "fenced-pieces": (1_000_000, lambda size: '```\n{"a":\n' * (size // 10)),
    "empty-objects": (1_000_000, lambda size: '{"drafts":[' + "{}," * (size // 3)),
    "empty-objects-closed": (
        1_000_000,
        lambda size: '{"drafts":[' + "{}," * (MAX_MARKS // 2 - 2) + "{}]}" + " " * size,
    ),
    "lists": (1_000_000, lambda size: '{"drafts":[' + "[]," * (size // 3) + "[]]}"),
    "nested-and-cut": (1_000_000, lambda size: '{"drafts":' * 64 + "[" + f"{ITEM}," * (size // len(ITEM))),
    "half-pairs": (1_000_000, lambda size: '{"drafts":[{"text":"' + "\\ud800" * (size // 6)),
    "cut-off": (1_000_000, lambda size: ('{"drafts": [' + f"{ITEM}, " * (size // len(ITEM)))[:size]),
    "long-label": (1_000_000, lambda size: '{"drafts": [' + ITEM.replace("bug", "b" * (size - 200)) + "]}"),
    "long-text": (1_000_000, lambda size: '{"drafts": [' + ITEM.replace("Some", "a " * (size // 2 - 100)) + "]}"),
    "unknown-labels": (
        1_000_000,
        lambda size: (
            '{"drafts": [' + ",".join(ITEM.replace("bug", f"bag{n}") for n in range(min(size // 100, 9_000))) + "]}"
        ),
    ),
}


@pytest.mark.parametrize("wreck", WRECKS)
def test_wreckage_is_read_in_bounded_time(wreck: str) -> None:
    for size in (20_000, 99_000, 1_000_000) if LONG else (WRECKS[wreck][0],):
        run("drafts", WRECKS[wreck][1](size))


def entity_reply(text: str, entities: Sequence[tuple[str, str]], copies: int = 1) -> str:
    marks = [{"text": surface, "label": label} for surface, label in entities]
    return json.dumps({"drafts": [{"intended": marks, "text": text, "difficulty": "hard"}] * copies})


ENTITY_WRECKS = {
    "one-letter": entity_reply("a" * 500_000, [("a" * 250_000, "person")]),
    "long-surface": entity_reply("a" * 19_000, [("a" * 9_000, "person")], 30),
    "many-mentions": entity_reply("a " * 9_000, [("a", "person")] * 9_000),
    "to-and-fro": entity_reply("a " * 4_500 + "z " * 4_500, [("a", "person"), ("z", "site")] * 4_500),
    "typography": entity_reply("a " * 9_000 + "\u2019", [("a " * 4_000 + "'", "person")]),
    "typography-short": entity_reply("a " * 9_000 + "\u2019", [("a " * 100 + "'", "person")]),
    "long-texts": entity_reply("Robin of Ash Ford counted. " * 700, [("Robin", "person"), ("Ash Ford", "site")], 50),
}


@pytest.mark.parametrize("wreck", ENTITY_WRECKS)
def test_entities_of_a_huge_text_are_found_in_bounded_time(wreck: str) -> None:
    run("entity drafts", ENTITY_WRECKS[wreck])


def drafts(count: int) -> str:
    return ", ".join([ITEM] * count)


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        pytest.param('{"drafts": [' + drafts(5) + ', {"text": "Some wo', 5, id="short"),
        pytest.param('{"drafts": [' + drafts(5_000) + ', {"text": "Some wo', 5_000, id="long"),
        pytest.param("Sure!\n```json\n{'x': 1, \"drafts\": [" + drafts(2_000) + ', {"te', 2_000, id="in-a-fence"),
        pytest.param("[" + drafts(3_000) + ', {"text"', 3_000, id="bare-list"),
        pytest.param('{"drafts": [' + drafts(5) + ', {"text": ' + "[" * 50_000, 5, id="endless-brackets"),
        pytest.param('{"drafts": [' + drafts(4) + ', {"text": ' + '"a' * 9_000, 4, id="endless-strings"),
        pytest.param(
            '{"drafts": [' + drafts(3) + ", {'text': " + "{" * 30 + '"a' * 60_000 + drafts(1), 4, id="broken-inside"
        ),
        pytest.param('{"drafts": [' + drafts(20_000) + "]}", MAX_READ // (len(ITEM) + 2), id="longer-than-is-read"),
    ],
)
def test_a_reply_that_breaks_off_gives_its_complete_items(raw: str, whole: int) -> None:
    parsed = parse_reply(raw, GeneratorReply[Draft])
    assert parsed.reply is None
    assert parsed.rest is not None
    assert abs(len(parsed.rest.drafts) - whole) <= (20_000 if whole > 10_000 else 0)
    assert {draft.intended for draft in parsed.rest.drafts} == {"bug"}
    if "salvaged" in parsed.flags:
        assert parsed.fault == BROKEN
