"""The tree of spans of a run: whole, the same twice, and silent about texts where it has to be."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evokd.exporters import names
from evokd.exporters.attributes import LIMIT, cut, describe_call, find_fault, name_provider
from evokd.exporters.source import RunSource
from evokd.exporters.spans import Span, make_cycle_spans, make_run_span
from evokd.messages import CallRecord, EvokdError
from evokd.tracing.summary import read_summary
from tests.exporters.receiver import source_of


def spans_of(source: RunSource, content: bool = True) -> list[Span]:
    times, ledger = source.read_times(), source.open_ledger()
    try:
        cycles = [
            span for cycle in range(times.last_cycle + 1) for span in make_cycle_spans(times, ledger, cycle, content)
        ]
        return [*cycles, make_run_span(times, ledger, read_summary(source.summary), content)]
    finally:
        ledger.close()


@pytest.fixture
def copy(tmp_path: Path) -> RunSource:
    """The shipped run, to be changed."""
    shutil.copytree(source_of("example").folder, tmp_path / "tickets")
    return source_of(str(tmp_path / "tickets"))


def change_events(source: RunSource, keep: Any) -> None:
    lines = [json.loads(line) for line in source.events.read_text(encoding="utf-8").splitlines()]
    source.events.write_text("".join(json.dumps(line) + "\n" for line in lines if keep(line)), encoding="utf-8")


def test_the_example_is_one_tree_in_time_and_place() -> None:
    spans = spans_of(source_of("example"))
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    assert len({span.trace for span in spans}) == 1
    roots = [span for span in spans if span.parent is None]
    assert [span.name for span in roots] == ["run tickets"]
    for span in spans:
        assert span.start <= span.end
        if span.parent is not None:
            above = by_id[span.parent]
            assert above.start <= span.start
            assert span.end <= above.end, span.name


def path_of(span: Span, by_id: dict[int, Span]) -> list[str]:
    above = path_of(by_id[span.parent], by_id) if span.parent is not None else []
    return [*above, span.name]


def test_a_call_lies_in_the_node_that_made_it() -> None:
    spans = spans_of(source_of("example"))
    by_id = {span.id: span for span in spans}
    places = {
        str(span.attributes["evokd.call"]): path_of(span, by_id)[1:-1]
        for span in spans
        if span.attributes[names.KIND] == names.LLM
    }
    assert places["c001-measure-labeler-1"] == ["cycle 1", "analyze"]
    assert places["c001-l01-labeler-1"] == ["cycle 1", "lesson c001-l01", "label"]
    assert places["c001-l02-generator-1"] == ["cycle 1", "lesson c001-l02", "generate"]
    # the Analyst had to see the labels of these texts, so they were given before the lesson began
    assert places["c002-l01-labeler-1"] == ["cycle 2", "analyze"]


def test_tokens_add_up_to_those_of_the_summary() -> None:
    source = source_of("example")
    totals = (read_summary(source.summary) or {})["totals"]
    calls = [span.attributes for span in spans_of(source) if span.attributes[names.KIND] == names.LLM]
    assert len(calls) == totals["calls"]
    for name, total in (
        (names.INPUT_TOKENS, totals["input_tokens"]),
        (names.PROMPT_TOKENS, totals["input_tokens"]),
        (names.OUTPUT_TOKENS, totals["output_tokens"]),
        (names.TOTAL_TOKENS, totals["input_tokens"] + totals["output_tokens"]),
    ):
        assert sum(int(str(call[name])) for call in calls) == total


def test_exported_twice_it_has_the_same_ids_and_another_start_gives_others(copy: RunSource) -> None:
    first, again = spans_of(source_of("example")), spans_of(copy)
    assert [(span.trace, span.id, span.parent) for span in first] == [
        (span.trace, span.id, span.parent) for span in again
    ]
    change_events(copy, lambda line: line["event"] != "run_started")
    assert {span.id for span in spans_of(copy)}.isdisjoint({span.id for span in first})


def test_both_vocabularies_and_no_deprecated_name() -> None:
    spans = spans_of(source_of("example"))
    used = {key for span in spans for key in span.attributes}
    assert {names.OPERATION, names.REQUEST_MODEL, names.AGENT, names.INPUT_MESSAGES, names.OUTPUT_MESSAGES} <= used
    assert {names.KIND, names.MODEL, names.TEMPLATE_VERSION, names.INPUT, names.OUTPUT} <= used
    assert used.isdisjoint({"gen_ai.system", "gen_ai.prompt", "gen_ai.completion", "gen_ai.usage.prompt_tokens"})
    assert {str(span.attributes[names.KIND]) for span in spans} == {"CHAIN", "AGENT", "LLM", "EVALUATOR"}
    call = next(span for span in spans if span.attributes.get("evokd.call") == "c001-l02-generator-1").attributes
    sent, reply = (json.loads(str(call[name])) for name in (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES))
    assert sent[0]["role"] == "user"
    assert sent[0]["parts"][0]["content"] == call[names.input_message(1, "content")]
    assert reply[0]["parts"][0]["content"] == call[names.OUTPUT]


def test_a_gate_is_an_evaluation() -> None:
    gates = [span for span in spans_of(source_of("example")) if span.name == "gate"]
    assert len(gates) == 4
    (evaluation,) = [event for event in gates[1].events if event.name == names.EVALUATION]
    assert evaluation.attributes == {
        names.EVALUATION_NAME: "macro_f1",
        names.EVALUATION_LABEL: "promoted",
        names.EVALUATION_SCORE: pytest.approx(0.5629, abs=1e-4),
        "evokd.gate.before": pytest.approx(0.4979, abs=1e-4),
    }


def test_without_content_no_text_of_models_and_users_is_left() -> None:
    source = source_of("example")
    told = repr(spans_of(source, content=False))
    ledger = source.open_ledger()
    try:
        texts = [sample.text for sample in ledger.samples()]
        texts += [part for call in ledger.calls() for part in (call.raw, *(turn[1] for turn in call.request["turns"]))]
        texts += [text for row in ledger.weaknesses() for text in (row["name"], row["pattern"], row["advice"])]
    finally:
        ledger.close()
    assert len(texts) > 200
    assert [text for text in texts if text and text in told] == []
    assert "c002-w1" in told
    assert "wants rid of it" in repr(spans_of(source))


def test_a_killed_run_keeps_its_nodes_and_says_that_it_has_not_ended(copy: RunSource) -> None:
    kept = 0

    def keep(line: dict[str, Any]) -> bool:
        nonlocal kept
        kept += 1
        return kept <= 22  # a lesson is being written

    change_events(copy, keep)
    spans = spans_of(copy)
    assert spans[-1].error == "the run has not ended"
    assert "the process ended before the node did" in {span.error for span in spans}


def test_a_node_that_was_started_again_has_a_span_per_start(copy: RunSource) -> None:
    lines = copy.events.read_text(encoding="utf-8").splitlines()
    again = {"event": "run_resumed", "time": "2026-11-28T09:12:48.740+00:00", "run_id": "tickets"}
    copy.events.write_text("\n".join([*lines[:2], json.dumps(again), *lines[1:]]) + "\n", encoding="utf-8")
    starts = [span for span in spans_of(copy) if span.name == "prepare"]
    assert [span.error is None for span in starts] == [False, True]
    assert len({span.id for span in starts}) == 2


def test_a_call_whose_event_was_lost_stands_at_the_end_of_its_node(copy: RunSource) -> None:
    change_events(copy, lambda line: line.get("id") != "c001-l02-generator-1")
    spans = spans_of(copy)
    call = next(span for span in spans if span.attributes.get("evokd.call") == "c001-l02-generator-1")
    above = next(span for span in spans if span.id == call.parent)
    assert (above.name, call.start, call.end) == ("generate", above.end, above.end)


@pytest.mark.parametrize("body", ["", "{]\n", '{"event": "call"}\n[1]\n"x"\n', '{"event": "x", "time": "yesterday"}\n'])
def test_a_log_without_events_is_an_error_in_one_line(copy: RunSource, body: str) -> None:
    copy.events.write_text(body, encoding="utf-8")
    with pytest.raises(EvokdError, match="no event of a run is in it"):
        copy.read_times()


def make_call(**changes: Any) -> CallRecord:
    fields: dict[str, Any] = {
        "id": "c001-l01-labeler-2",
        "key": "k",
        "cycle": 1,
        "role": "labeler",
        "span": "c001-l01",
        "attempt": 2,
        "endpoint": "https://api.openai.com/v1",
        "model": "m",
        "ability": "plain",
        "request": {"turns": [["system", "rules"], ["user", "texts"]], "parameters": {"seed": 1, "temperature": None}},
        "prompts": "p1",
        "status": "fault",
        "raw": "not JSON",
        "flags": ["fence"],
        "faults": ["no JSON in 'secret text'"],
        "input_tokens": 3,
        "output_tokens": 2,
        "estimated": False,
        "cost_usd": 0.5,
        "price_source": None,
        "seconds": 1.0,
    }
    return CallRecord.model_validate({**fields, **changes})


def test_faults_are_told_with_content_and_named_without() -> None:
    assert find_fault(make_call(), content=True) == "fault: no JSON in 'secret text'"
    assert find_fault(make_call(), content=False) == "fault"
    assert find_fault(make_call(status="ok"), content=True) is None
    found = describe_call(make_call(), content=False)
    assert found[names.COST] == 0.5
    assert found["evokd.repairs"] == ["fence"]
    assert found[names.INVOCATION] == '{"seed": 1}'
    assert "rules" not in repr(found)


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("http://10.0.0.7:8000/v1", "openai_compatible"),
        ("rehearsal", "rehearsal"),
    ],
)
def test_the_provider_is_named_without_its_address(endpoint: str, name: str) -> None:
    assert name_provider(endpoint) == name


def test_long_and_broken_texts_are_made_fit_and_json_stays_json() -> None:
    assert cut("a\ud800b") == "a?b"
    assert len(cut("x" * 1_000_000)) < LIMIT + 100
    found = describe_call(make_call(raw="\u202e\ud800" * LIMIT), content=True)
    json.loads(str(found[names.OUTPUT_MESSAGES]))
    str(found[names.OUTPUT]).encode("utf-8")


def test_reading_changes_nothing(copy: RunSource) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.folder.rglob("*")}
    spans_of(copy)
    assert {path: path.stat().st_mtime_ns for path in copy.folder.rglob("*")} == before
    sqlite3.connect(copy.ledger).close()
