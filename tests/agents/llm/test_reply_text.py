"""Where servers put a reply, and what is told where none stands."""

import gzip
import json
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import Reply
from evokd.agents.llm.error_reports import Report
from evokd.agents.llm.refusals import read_refusal
from evokd.agents.llm.reply_text import read_reply, read_stored
from evokd.agents.llm.response_body import Body, ReplyPart, read_body
from evokd.messages import Draft, GeneratorReply
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_drafts
from tests.agents.conftest import Open
from tests.agents.odd_bodies import body, chunks, message
from tests.scripted import Say, completion

GOOD = make_drafts("the app crashes")
TEXT = json.dumps(GOOD)
PROSE = "Let me think about what is wanted here. The message asks for texts ..."


def call(arguments: Any) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "json", "arguments": arguments}}


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"content": None, "reasoning_content": TEXT, "tool_calls": []}, "in_reasoning_content"),
        ({"content": "", "reasoning": TEXT}, "in_reasoning"),
        ({"content": "\n\n", "reasoning_content": f"```json\n{TEXT}\n```"}, "in_reasoning_content"),
        ({"content": "", "reasoning": f"{PROSE} So the reply is: {TEXT}"}, "in_reasoning"),
        ({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": TEXT}]}, "in_reasoning_details"),
        ({"reasoning_content": TEXT}, "in_reasoning_content"),
        ({"content": None, "tool_calls": [call(TEXT)]}, "in_tool_calls"),
        ({"content": None, "tool_calls": [call(GOOD)]}, "in_tool_calls"),
        ({"content": None, "tool_calls": [call("{}"), call(TEXT)]}, "in_tool_calls"),
        ({"content": "I call the tool.", "tool_calls": [call(TEXT)]}, "in_tool_calls"),
        ({"content": None, "function_call": {"name": "json", "arguments": TEXT}}, "in_function_call"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": PROSE}]}, {"text": TEXT}]}, None),
        ({"content": [{"type": "output_text", "text": TEXT, "annotations": []}]}, None),
        ({"content": [{"type": "text", "text": {"value": TEXT}}]}, None),
        ({"content": [TEXT[:20], TEXT[20:]]}, None),
        ({"content": TEXT, "reasoning_content": '{"drafts": []}'}, None),
        ({"content": TEXT, "refusal": None, "role": None}, None),
    ],
)
async def test_a_reply_is_found_wherever_it_stands(
    door: Open, ledger: Ledger, fields: dict[str, Any], flag: str | None
) -> None:
    teacher, script = door([body(message(fields))])
    answer = await teacher.ask(make_ask())
    assert answer.reply == GeneratorReply[Draft].model_validate(GOOD)
    assert answer.faults == ()
    flags = [name for name in ledger.calls()[0].flags if name.startswith("in_")]
    assert flags == ([flag] if flag else [])
    again, unasked = door([])
    assert (await again.ask(make_ask())).reply == answer.reply, "the stored reply is read in the same way"
    assert len(script.requests) == 1
    assert unasked.requests == []


@pytest.mark.parametrize(
    ("sent", "told", "flag"),
    [
        (
            message({"content": "", "reasoning": PROSE}, "length"),
            "the answer is in reasoning, and the limit of",
            "thoughts",
        ),
        (message({"content": None, "reasoning_content": PROSE}), "in reasoning_content, and no reply", "thoughts"),
        (message({"content": f"<think>{PROSE}"}, "length"), "turn thinking off, or raise teacher.max", "thoughts"),
        (
            message({"content": [{"type": "thinking", "thinking": PROSE}]}),
            "the answer is in content.thinking",
            "thoughts",
        ),
        (
            message({"content": None}, "content_filter"),
            "a content filter of the server held the reply back",
            "filtered",
        ),
        (message({"content": None, "refusal": "I will not"}), "the model refused to answer", "refusal"),
        (message({"content": ""}), "the reply holds no text to read", "unread"),
        (message({}), "the reply holds no text to read", "unread"),
        ({"choices": []}, "the server's answer is no chat completion", "no_completion"),
    ],
)
async def test_what_holds_no_reply_says_where_its_text_is_and_stays_in_the_ledger(
    door: Open, ledger: Ledger, sent: dict[str, Any], told: str, flag: str
) -> None:
    teacher, script = door([body(sent), GOOD])
    assert (await teacher.ask(make_ask())).faults == ()
    first = ledger.calls()[0]
    assert told in first.faults[0]
    assert flag in first.flags
    assert first.raw == json.dumps(sent) or first.raw == "I will not"
    quoted = script.requests[1]["messages"][2]["content"]
    assert "choices" not in quoted or flag == "no_completion", "a body is no turn of the model's"


async def test_thoughts_that_meet_the_limit_twice_are_not_paid_for_a_third_time(door: Open) -> None:
    teacher, script = door([body(message({"content": "", "reasoning": PROSE}, "length"))] * 2, max_reprompts=4)
    answer = await teacher.ask(make_ask())
    assert "turn thinking off" in answer.faults[0]
    assert len(script.requests) == 2


async def test_a_fault_is_read_again_from_the_store_as_it_was(door: Open, ledger: Ledger) -> None:
    thoughts = message({"content": "", "reasoning": f"{PROSE} {TEXT} is what I might say."})
    teacher, _ = door([body(thoughts)] * 3)
    first = await teacher.ask(make_ask())
    again, _ = door([])
    assert await again.ask(make_ask()) == first
    assert first.reply is None


# --------------------------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n"])
@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=utf-8", "application/json"])
async def test_an_event_stream_is_put_together(door: Open, ledger: Ledger, gap: str, kind: str) -> None:
    parts = [{"role": "assistant", "content": TEXT[at : at + 7]} for at in range(0, len(TEXT), 7)]
    teacher, _ = door([body(chunks(*parts, gap=gap), kind)])
    answer = await teacher.ask(make_ask())
    assert answer.reply == GeneratorReply[Draft].model_validate(GOOD)
    assert ledger.calls()[0].raw == TEXT
    assert "event_stream" in ledger.calls()[0].flags


@pytest.mark.parametrize(
    ("stream", "places"),
    [
        (chunks({"reasoning": "a"}, {"reasoning": "b"}, {"content": "c"}), [("content", "c"), ("reasoning", "ab")]),
        (
            chunks(*({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"a"', ": 1}"))),
            [("tool_calls.function.arguments", '{"a": 1}')],
        ),
        (chunks({"content": "c"}, done=False), [("content", "c")]),
        (chunks({"content": "a\u2028b"}), [("content", "a\u2028b")]),
    ],
)
def test_every_part_of_a_stream_is_put_together(stream: str, places: list[tuple[str, str]]) -> None:
    found = read_body(stream)
    assert isinstance(found, Body)
    assert [(piece.key, piece.text) for piece in found.pieces] == places


def test_what_a_stream_says_of_its_end_and_its_use_is_read() -> None:
    usage = f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 5, 'completion_tokens': 7}})}\n\n"
    found = read_body(chunks({"content": "c"}, finish="length", done=False) + usage)
    assert isinstance(found, Body)
    assert (found.tokens, found.flags) == ((5, 7), ("cut_off", "event_stream"))


def test_an_error_inside_a_stream_is_reported() -> None:
    error = {"error": {"message": "Provider disconnected", "code": 502}, "choices": []}
    found = read_body(f": PROCESSING\n\ndata: {json.dumps(error)}\n\n")
    assert isinstance(found, Report)
    assert (found.status, found.message) == (502, "Provider disconnected")


async def test_a_body_that_is_packed_all_the_same_is_unpacked(door: Open, ledger: Ledger) -> None:
    packed = gzip.compress(json.dumps(completion(Say(GOOD))).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    teacher, _ = door([lambda _: httpx2.Response(200, headers=headers, content=packed)])
    assert (await teacher.ask(make_ask())).faults == ()
    assert ledger.calls()[0].raw == TEXT


# ----------------------------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4)),
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 1007}, (3, 1004)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 0}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": "9"}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 10**12}, (3, 4)),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
        ({"prompt_tokens": 3, "completion_tokens": 0}, None),
        ({"prompt_tokens": "3", "completion_tokens": "4"}, None),
        ({"prompt_tokens": -3, "completion_tokens": 4}, None),
        ({"prompt_tokens": 3, "completion_tokens": 10**12}, None),
        ({"prompt_tokens": True, "completion_tokens": True}, None),
        ([], None),
        (None, None),
    ],
)
def test_counts_that_cannot_be_are_not_believed(usage: Any, tokens: tuple[int, int] | None) -> None:
    found = read_body(json.dumps({**message({"content": "x"}), "usage": usage}))
    assert isinstance(found, Body)
    assert found.tokens == tokens


def test_nothing_but_a_choice_with_a_text_is_needed() -> None:
    bare = {"choices": [{"message": {"content": "x"}}]}
    legacy = {"choices": [{"text": "x", "finish_reason": "stop"}]}
    several = {"choices": [{"message": {"content": ""}}, {"message": {"content": "x"}}]}
    for sent in (bare, legacy, several):
        found = read_body("\ufeff \n" + json.dumps(sent))
        assert isinstance(found, Body)
        assert [piece.text for piece in found.pieces] == ["x"]


# ------------------------------------------------------------------------------------------------------------ damage

RICH: dict[str, Any] = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "finish_reason": "length",
            "text": "t",
            "error": {"code": 429, "message": "m", "metadata": {"raw": "r", "headers": {"Retry-After": "5"}}},
            "delta": {"content": "d", "tool_calls": [{"index": 0, "function": {"arguments": "a"}}]},
            "message": {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": [{"text": "t"}]},
                    {"type": "text", "text": {"value": "v"}},
                ],
                "tool_calls": [{"function": {"name": "n", "arguments": "{}"}}],
                "function_call": {"arguments": "{}"},
                "reasoning_details": [{"text": "t"}],
                "refusal": None,
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    "error": {"message": "m", "code": "c", "status": "s", "type": "t", "details": [{"retryDelay": "1s"}]},
    "errors": [{"message": "m"}],
    "detail": [{"msg": "m", "loc": ["body", "seed"]}],
    "base_resp": {"status_code": 1, "status_msg": "m"},
}
ODD: tuple[Any, ...] = (None, True, 3, -1.5, "x", [], [None], [[]], {"a": 1}, {"text": {}}, "9" * 5000)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, item in inner for path in paths(item, (*at, key)))]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    made = json.loads(json.dumps(value))
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = odd
    return made


@pytest.mark.parametrize("without", [(), ("error", "errors", "base_resp", "detail")])
def test_a_damaged_body_is_a_completion_a_report_or_nothing(without: tuple[str, ...]) -> None:
    whole = {key: value for key, value in RICH.items() if key not in without}
    calm = put(whole, ("choices", 0, "error"), None)
    for base in (whole, calm):
        for path in paths(base):
            for odd in ODD:
                text = json.dumps(put(base, path, odd))
                for sent in (text, f"data: {text}\n\n"):
                    assert isinstance(read_body(sent), Body | Report | None)
                read_refusal(400, text)


HALF = '{"drafts": [{"text": "a whole one", "difficulty": "easy", "intended": "a"}, {"text": "I want to canc'
BROKEN_OFF = {
    "an error after some content": chunks({"content": HALF}, finish=None, done=False)
    + 'data: {"error": {"message": "upstream died", "code": 502}}\n\ndata: [DONE]\n\n',
    "an error beside the choice": json.dumps({**message({"content": HALF}, None), "error": {"code": 502}}),
}


@pytest.mark.parametrize("text", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_a_reply_that_breaks_off_in_an_error_is_that_error(text: str) -> None:
    found = read_body(text)
    assert isinstance(found, Report)
    assert found.status == 502


def test_a_stream_that_ends_before_its_reply_is_cut_off() -> None:
    found = read_body(chunks({"content": HALF}, finish=None, done=False))
    assert isinstance(found, Body)
    assert "cut_off" in found.flags
    whole = read_body(chunks({"content": "{}"}, finish=None))
    assert isinstance(whole, Body)
    assert "cut_off" not in whole.flags


def test_of_a_reply_that_a_filter_ends_no_half_item_is_kept() -> None:
    reply = Reply((ReplyPart("content", HALF),), None, "plain", ("filtered",))
    reading = read_reply(reply, GeneratorReply, None)
    assert reading.parsed.reply is None
    assert reading.parsed.rest is not None
    assert [draft.text for draft in reading.parsed.rest.drafts] == ["a whole one"]
    assert read_stored(HALF, reading.flags, GeneratorReply, None) == reading.parsed


@pytest.mark.parametrize("text", ['{"status": "success", "message": "ok"}', '{"code": 0, "message": "ok", "data": []}'])
def test_a_body_that_says_that_all_is_well_is_no_error(text: str) -> None:
    assert not isinstance(read_body(text), Report)


OPEN = '{"drafts": [{"text": "the app crashes", "difficulty": "hard", "intended": "bug"}, {"text": "it is'


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        (OPEN, True),
        (f"```json\n{OPEN}", True),
        (OPEN + " late, and then", True),
        ('{"drafts": []} I hope that this helps.', False),
        (f"{OPEN}}}", False),
        ("I cannot {do} that", False),
        ("[", False),
    ],
)
def test_json_that_never_ends_is_cut_off_whatever_the_server_says(text: str, is_cut: bool) -> None:
    body = read_body(json.dumps(message({"content": text})))
    assert isinstance(body, Body)
    found = read_reply(Reply(body.pieces, None, "plain", body.flags), GeneratorReply[Draft], None)
    assert ("cut_off" in found.flags) is is_cut
    if is_cut:
        assert found.parsed.rest is not None
        assert [draft.text for draft in found.parsed.rest.drafts] == ["the app crashes"]
        assert read_stored(found.raw, found.flags, GeneratorReply[Draft], None).rest == found.parsed.rest
