import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evokd.agents.llm.parse import Parsed, parse_reply
from evokd.messages import AnalystReply, Draft, GeneratorReply, LabelReply, LabelVerdict

Drafts = GeneratorReply[Draft]
ITEM = {"text": "a", "difficulty": "hard", "intended": "x"}
GOOD = json.dumps({"drafts": [ITEM]})
FENCED = "use\n```py\nx = {}\n```\nto mend it"
THOUGHT = "he said <think>so</think> loudly"
CLOSED = "the tag </think> is shown"


def parse(raw: str) -> Parsed[Any]:
    return parse_reply(raw, Drafts)


def drafts_of(text: str) -> str:
    return json.dumps({"drafts": [{**ITEM, "text": text}]})


@pytest.mark.parametrize(
    ("raw", "text", "flags"),
    [
        pytest.param(GOOD, "a", (), id="as-it-is"),
        pytest.param(f"```json\n{GOOD}\n```", "a", ("fence",), id="fence"),
        pytest.param(f"```json\r\n{GOOD}\r\n```", "a", ("fence",), id="fence-crlf"),
        pytest.param(f"Sure!\n```\n{GOOD}\n```\nDone.", "a", ("fence",), id="fence-in-prose"),
        pytest.param(f"```json {GOOD} ```", "a", ("fence",), id="fence-on-one-line"),
        pytest.param(f"```json\n{GOOD}", "a", ("fence",), id="fence-unclosed"),
        pytest.param(f"```json\n{{}}\n```\n```json\n{GOOD}\n```", "a", ("fence",), id="two-fences"),
        pytest.param(drafts_of(FENCED), FENCED, (), id="fence-in-string"),
        pytest.param(drafts_of(FENCED).replace("\\n", "\n"), FENCED, (), id="fence-in-string-raw-newlines"),
        pytest.param(
            "Here:\n" + drafts_of(FENCED).replace("\\n", "\n"), FENCED, ("prose",), id="fence-in-string-after-prose"
        ),
        pytest.param(
            "```json\n" + drafts_of(FENCED).replace("\\n", "\n") + "\n```", FENCED, ("fence",), id="fence-in-fence"
        ),
        pytest.param(f'<think>perhaps {{"drafts": 1}}</think>{GOOD}', "a", ("reasoning",), id="reasoning"),
        pytest.param(f"<THINKING>a</THINKING>\n<think>b</think>{GOOD}", "a", ("reasoning",), id="reasoning-twice"),
        pytest.param(f"hm {GOOD.replace('a', 'b')} no</think>\n{GOOD}", "a", ("reasoning",), id="reasoning-unopened"),
        pytest.param(f"<think>a <think> tag</think>{GOOD}", "a", ("reasoning",), id="reasoning-names-its-tag"),
        pytest.param(f"<think>x</think>\n```json\n{GOOD}\n```", "a", ("reasoning", "fence"), id="reasoning-and-fence"),
        pytest.param(drafts_of(THOUGHT), THOUGHT, (), id="reasoning-in-string"),
        pytest.param(f"```json\n{drafts_of(THOUGHT)}\n```", THOUGHT, ("fence",), id="reasoning-in-fenced-string"),
        pytest.param("Sure: " + drafts_of(THOUGHT), THOUGHT, ("prose",), id="reasoning-in-string-after-prose"),
        pytest.param(f"```json\n{drafts_of(CLOSED)}\n```", CLOSED, ("fence",), id="closing-tag-in-fenced-string"),
        pytest.param(f"<think>x</think>{drafts_of(CLOSED)}", CLOSED, ("reasoning",), id="closing-tag-after-reasoning"),
        pytest.param(f"Here you are: {GOOD} Hope it helps", "a", ("prose",), id="prose"),
        pytest.param(f"With {{x}} in mind: {GOOD} as {{y}}", "a", ("prose",), id="prose-with-braces"),
        pytest.param(f'For {{"a": 1}}: {GOOD}', "a", ("prose",), id="prose-with-an-object"),
        pytest.param(f"\ufeff{GOOD}", "a", ("prose",), id="byte-order-mark"),
        pytest.param(f"[{json.dumps(ITEM)}]", "a", ("bare_list",), id="bare-list"),
        pytest.param(f"```\n[{json.dumps(ITEM)}]\n```", "a", ("bare_list", "fence"), id="bare-list-in-fence"),
        pytest.param(f"see [1]: [{json.dumps(ITEM)}]", "a", ("repaired", "bare_list"), id="bare-list-in-prose"),
        pytest.param(json.dumps({"drafts": [{**ITEM, "why": 1}], "n": 1}), "a", ("extra_keys",), id="extra-keys"),
        pytest.param("{'drafts': [" + str(ITEM) + ",]}", "a", ("repaired",), id="python-quotes"),
        pytest.param(GOOD[:-3], "a", ("repaired",), id="truncated-brackets"),
        pytest.param(drafts_of("a\tb\x01\n").replace("\\t", "\t").replace("\\n", "\n"), "a\tb\x01\n", (), id="control"),
        pytest.param(drafts_of("\N{GRINNING FACE}"), "\N{GRINNING FACE}", (), id="surrogate-pair"),
        pytest.param(drafts_of("b\ud800"), "b?", (), id="half-surrogate-escaped"),
        pytest.param(drafts_of("b\ud800").replace("\\ud800", "\ud800"), "b?", (), id="half-surrogate-raw"),
        pytest.param(drafts_of("b\ud800")[:-3], "b?", ("repaired",), id="half-surrogate-repaired"),
        pytest.param(f"{GOOD} {drafts_of('longer')} end", "longer", ("prose",), id="two-answers"),
    ],
)
def test_reads_a_damaged_reply_and_says_what_was_done(raw: str, text: str, flags: tuple[str, ...]) -> None:
    parsed = parse(raw)
    assert parsed.fault is None
    assert parsed.reply is not None
    assert [draft.text for draft in parsed.reply.drafts] == [text]
    assert parsed.flags == flags
    assert parsed.rest is None
    parsed.reply.model_dump_json().encode()


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("", "no text to read"),
        (" \n", "no text to read"),
        (f"<think>I wonder {GOOD}", "no text to read"),
        (f"I think {GOOD}</think>", "no text to read"),
        ("null", "not a JSON object"),
        ("{}", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("3", "not a JSON object"),
        ('["a"]', "not a JSON object"),
        ("I cannot do that.", "not a JSON object"),
        ('{"n": 1}', "drafts: Field required; n: Extra inputs"),
        ('Sure: {"n": 1}', "drafts: Field required; n: Extra inputs"),
        ('{"drafts": "none"}', "drafts: Input should be a valid list"),
        ('{"drafts": null}', "drafts: Input should be a valid list"),
        ('{"drafts": [{"text": "a", "difficulty": "hard"}]}', "drafts.0.intended: Field required"),
        (GOOD.replace("hard", "medium"), "drafts.0.difficulty: Input should be 'hard' or 'easy'"),
        (GOOD[:-15], "drafts.0.intended"),
        ('{"```json```5', "not a JSON object"),  # json-repair fails over an assertion of its own
        ("[" * 100_000, "not a JSON object"),
        ('{"drafts":' + "[" * 5_000 + "]" * 5_000 + "}", "not a JSON object"),
        ('{"drafts":' + "[" * 500 + "]" * 500 + "}", "drafts.0: Input should be a valid dictionary"),
        ("<think>" * 20_000, "no text to read"),
        ("a" * 1_000_000, "not a JSON object"),
    ],
    ids=lambda value: value[:24] if value else "empty",
)
def test_names_the_fault_of_an_unusable_reply(raw: str, fault: str) -> None:
    parsed = parse(raw)
    assert parsed.reply is None
    assert parsed.rest is None
    assert parsed.fault is not None
    assert fault in parsed.fault


BAD = {"text": "b", "difficulty": "hard"}


@pytest.mark.parametrize(
    ("raw", "flags"),
    [
        pytest.param({"drafts": [BAD, ITEM]}, (), id="missing-field"),
        pytest.param({"drafts": [1, ITEM, None]}, (), id="wrong-type"),
        pytest.param({"drafts": [{**ITEM, "why": ""}, BAD], "n": 1}, ("extra_keys",), id="extra-keys-too"),
        pytest.param(f'{{"drafts": [{json.dumps(ITEM)}, {{"text": "b", "diff', ("repaired",), id="truncated"),
        pytest.param(f'[{json.dumps(ITEM)}, {{"text": "b", "diff', ("repaired", "bare_list"), id="truncated-list"),
    ],
)
def test_keeps_the_sound_items_beside_the_fault(raw: Any, flags: tuple[str, ...]) -> None:
    parsed = parse(raw if isinstance(raw, str) else json.dumps(raw))
    assert parsed.reply is None
    assert parsed.fault
    assert parsed.flags == flags
    assert parsed.rest is not None
    assert [draft.text for draft in parsed.rest.drafts] == ["a"]


def test_a_long_list_of_faults_is_shortened_and_extra_keys_come_last() -> None:
    parsed = parse(json.dumps({"a": 1, "drafts": [{}, {}, {}, {}]}))
    assert parsed.fault is not None
    assert parsed.fault.startswith("drafts.0.text: Field required; ")
    assert parsed.fault.endswith("; and 5 more")
    assert parsed.fault.count("; ") == 8


def test_a_huge_reply_is_read_whole() -> None:
    parsed = parse(json.dumps({"drafts": [ITEM] * 5_000}))
    assert parsed.reply is not None
    assert len(parsed.reply.drafts) == 5_000


VALID = {
    Drafts: json.dumps({"drafts": [ITEM, {**ITEM, "text": THOUGHT}, {**ITEM, "text": FENCED}]}),
    LabelReply[LabelVerdict]: json.dumps({"verdicts": [{"id": "t1", "labels": ["x"], "confidence": 0.5}]}),
    AnalystReply: json.dumps(
        {"weaknesses": [{"name": "n", "pattern": "p \\ud83d", "labels": ["x"], "evidence": ["c1"], "advice": '{["'}]}
    ),
}
SPLINTERS = [
    *'{}[]",:\\`<>\n\r\x00\ud800',
    "```json\n",
    "<think>",
    "</think>",
    "\\ud800",
    "null",
    "NaN",
    "9" * 5_000,
    "[{",
    "-Infinity",
    '"drafts":',
]
Mutation = tuple[int, int, str]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    model=st.sampled_from(list(VALID)),
    mutations=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 30), st.sampled_from(SPLINTERS) | st.text(max_size=4)), max_size=6
    ),
)
def test_never_raises_on_mutated_replies(model: Any, mutations: list[Mutation]) -> None:
    raw = VALID[model]
    for start, cut, splinter in mutations:
        start %= len(raw) + 1
        raw = raw[:start] + splinter + raw[start + cut :]
    parsed = parse_reply(raw, model)
    assert (parsed.reply is None) == (parsed.fault is not None)
    for kept in (parsed.reply, parsed.rest):
        if kept is not None:
            json.dumps(kept.model_dump(mode="json"), ensure_ascii=False).encode()
    if not mutations:
        assert parsed.flags == ()
