"""The content of the pages, from a made record and from the run that comes with the program."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE
from evokd.viewer.record import ProgramFacts, RunPlace, RunRecord
from evokd.viewer.resources import NotThere, read

DEFAULTS = {"seed": 0, "student": {"threads": None, "batch": 16}}


@pytest.fixture(scope="module")
def example() -> Iterator[RunRecord]:
    with RunRecord(RunPlace(SHIPPED_EXAMPLE, lambda: "done"), ProgramFacts(lambda _: DEFAULTS)) as record:
        yield record


@pytest.fixture
def made(made_run: Path) -> Iterator[RunRecord]:
    with RunRecord(RunPlace(made_run)) as record:
        yield record


WHOLE = ("overview", "cycles", "weaknesses", "scores", "timeline", "settings", "graph", "facets", "map")


@pytest.mark.parametrize("name", WHOLE)
def test_every_page_of_both_records_is_json(name: str, example: RunRecord, made: RunRecord) -> None:
    for record in (example, made):
        assert json.loads(json.dumps(read(record, name), allow_nan=False)) is not None


@pytest.mark.parametrize("name", ["", "nothing", "cycle/99", "cycle/x", "cycle", "call/x", "sample/x", "scores/a/b"])
def test_what_is_not_there_is_named(name: str, example: RunRecord) -> None:
    with pytest.raises(NotThere, match="not in this run"):
        read(example, name)


def test_the_first_page_agrees_with_the_summary(example: RunRecord) -> None:
    view, summary = read(example, "overview"), example.summary
    assert summary is not None
    for split in ("test", "validation"):
        assert view["scores"][split]["final"] == summary["final"][split]["macro_f1"]
        assert view["scores"][split]["start"] == summary["start"][split]["macro_f1"]
    assert [point["gate"]["after"] for point in view["curve"]] == [row["gate"]["after"] for row in summary["cycles"]]
    last = view["curve"][-1]
    assert last["tokens"] == summary["totals"]["input_tokens"] + summary["totals"]["output_tokens"]
    assert last["samples"] == summary["totals"]["samples"]
    roles = {row["role"]: row for row in view["roles"]}
    for role, used in summary["totals"]["roles"].items():
        assert roles[role]["calls"] == used["calls"]
        assert roles[role]["output_tokens"] == used["output_tokens"]


def test_lineage_leads_from_a_sample_to_the_errors_and_back(example: RunRecord) -> None:
    bought = [row for row in read(example, "samples", {"count": "500"})["rows"] if row["weakness"]]
    assert bought
    sample = read(example, f"sample/{bought[0]['id']}")
    weakness = next(row for row in read(example, "weaknesses") if row["id"] == sample["weakness"])
    cycle = read(example, f"cycle/{weakness['cycle']}")
    packet = next(row for row in cycle["messages"] if row["kind"] == "feedback_packet")
    cases = {case["id"]: case for case in packet["body"]["cases"]}
    assert weakness["evidence"]
    assert {cases[name]["verdict"] for name in weakness["evidence"]} <= {"wrong", "confident_wrong"}
    written = read(example, "samples", {"weakness": weakness["id"], "count": "500"})
    assert sample["id"] in {row["id"] for row in written["rows"]}
    assert weakness["texts"] == {"accepted": written["total"]}
    assert weakness["spent"]["tokens"] > 0
    assert sample["draft_call"] in {call["id"] for call in cycle["calls"]}
    call = read(example, f"call/{sample['draft_call']}")
    assert sample["text"] in {draft["text"] for draft in json.loads(call["raw"])["drafts"]}


def test_the_probe_of_a_weakness_is_left_out(example: RunRecord) -> None:
    for row in read(example, "weaknesses"):
        assert "probe" not in row["mastery"]
        assert row["mastery"]["counts"]


def pages(record: RunRecord, **query: str) -> Any:
    return read(record, "samples", query)


def test_samples_are_filtered_searched_and_paged(example: RunRecord) -> None:
    everything = pages(example, count="500")
    assert everything["total"] == len(everything["rows"]) == 240
    assert pages(example)["rows"] == everything["rows"][:50]
    assert pages(example, first="230", count="50")["rows"] == everything["rows"][230:]
    real = pages(example, kind="real", cycle="2", count="500")
    assert real["rows"] == [row for row in everything["rows"] if row["kind"] == "real" and row["cycle"] == 2]
    word = everything["rows"][100]["text"].split()[1].upper()
    found = pages(example, search=word, count="500")
    assert found["rows"] == [row for row in everything["rows"] if word.lower() in row["text"].lower()]
    labelled = pages(example, label="cancel_plan", count="500")
    assert labelled["rows"] == [row for row in everything["rows"] if row["label"] == "cancel_plan"]
    assert pages(example, search="100%_\\")["total"] == 0
    assert pages(example, first="x", count="-1")["total"] == 240


def test_facets_count_what_the_filters_find(example: RunRecord) -> None:
    facets = read(example, "facets")
    for key in ("label", "kind", "cycle", "state"):
        for row in facets[key]:
            assert pages(example, **{key: str(row[key])})["total"] == row["count"], (key, row)


def test_settings_stand_beside_their_defaults(example: RunRecord) -> None:
    rows = {row["key"]: row for row in read(example, "settings")["settings"]}
    assert rows["student.threads"] == {"key": "student.threads", "value": 1, "default": None, "is_known": True}
    assert not rows["curriculum.source"]["is_known"]


def test_times_begin_with_the_run_and_belong_to_a_cycle(example: RunRecord) -> None:
    spans = read(example, "timeline")
    assert {span["kind"] for span in spans} == {"node", "call"}
    assert all(0 <= span["start"] <= span["end"] for span in spans)
    calls = {span["id"] for span in spans if span["kind"] == "call"}
    assert calls == {call["id"] for call in read(example, "calls")["rows"]}
