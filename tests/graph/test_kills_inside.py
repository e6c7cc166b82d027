"""A run that is killed inside a node, between two of its writes, ends as if nothing had happened."""

from pathlib import Path
from typing import Any

import pytest

from evokd.tracing.events import read_events
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import KILLED, Evokd, Zygote
from tests.graph.test_resume import FLAVOURS, facts, run_whole

LEDGER = "evokd.tracing.ledger.Ledger"
MOMENTS: dict[str, tuple[str, int]] = {
    # how often the call was made by then, in a run of two cycles
    "plan kept": (f"{LEDGER}.remember", 1),
    "trained, not recorded": ("tests.graph.toy.WordStudent.train", 2),
    "gate recorded": ("evokd.graph.nodes.gate._report", 2),
    "first weaknesses stored": (f"{LEDGER}.put_weaknesses", 1),
    "old students dropped": ("evokd.graph.setup.run_folder.RunFolder.drop_versions", 3),
    "weaknesses stored": (f"{LEDGER}.put_weaknesses", 2),
    "lessons stored": (f"{LEDGER}.put_lessons", 2),
    "drafts stored": (f"{LEDGER}.put_drafts", 3),
    "samples updated": (f"{LEDGER}.update_samples", 6),
    "old student removed": ("evokd.graph.nodes.publish.shutil.rmtree", 2),
    "student published": ("evokd.graph.nodes.publish._publish_student", 1),
    "data set written": ("evokd.graph.nodes.publish.write_jsonl", 1),
    "writes of a node stored": ("langgraph.checkpoint.sqlite.aio.AsyncSqliteSaver.aput_writes", 3),
}


@pytest.fixture(scope="module")
def whole(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], dict[str, Any]]]:
    return run_whole(zygote, tmp_path_factory.mktemp("whole"), ("kept", "rolled back", "set aside"))


Whole = dict[str, tuple[list[str], dict[str, Any]]]


def check(evokd: Evokd, tmp_path: Path, whole: Whole, flavour: str, call: str, count: int) -> None:
    args, expected = whole[flavour]
    student = FLAVOURS[flavour][0]
    folder = tmp_path / "runs" / "killed"
    runs = ["--runs-dir", str(tmp_path / "runs"), "--run-id", "killed"]
    code, printed = evokd(*args, *runs, student=student, call=call, count=count)
    assert code == KILLED, printed
    code, printed = evokd("resume", str(folder), student=student)
    assert code == 0, printed
    assert facts(folder) == expected
    check_orphans(folder)


def check_orphans(folder: Path) -> None:
    """Everything in the ledger belongs to something else in it."""
    ledger = Ledger(folder / "ledger.db")
    weaknesses = {row["id"] for row in ledger.weaknesses()}
    lessons = {row["id"]: row for cycle in range(ledger.last_cycle() + 1) for row in ledger.lessons(cycle)}
    calls = {call.id for call in ledger.calls()}
    for sample in ledger.samples():
        assert sample.lesson in lessons
        assert {sample.draft_call, sample.label_call} - {None} <= calls
    assert {row["weakness"] for row in lessons.values()} - {None} <= weaknesses
    spans = {row["span"] for row in ledger._rows("SELECT span FROM messages")}
    assert {span for span in spans if "-" in span} <= set(lessons)
    ledger.close()


@pytest.mark.parametrize(("call", "count"), MOMENTS.values(), ids=MOMENTS)
def test_a_run_killed_inside_a_node_resumes_to_the_same_end(
    call: str, count: int, whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    check(evokd, tmp_path, whole, "kept", call, count)


GATES = {
    "gate recorded": ("evokd.graph.nodes.gate._report", 3, "rolled back"),
    "samples taken back": ("evokd.graph.nodes.gate._tombstone", 1, "rolled back"),
    "students dropped": ("evokd.graph.setup.run_folder.RunFolder.drop_versions", 3, "rolled back"),
    "samples taken back, set aside": ("evokd.graph.nodes.gate._tombstone", 1, "set aside"),
}


@pytest.mark.parametrize(("call", "count", "flavour"), GATES.values(), ids=GATES)
def test_a_run_killed_inside_the_gate_of_a_roll_back_resumes_to_the_same_end(
    call: str, count: int, flavour: str, whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    check(evokd, tmp_path, whole, flavour, call, count)


@pytest.mark.parametrize(
    ("call", "count"),
    [("evokd.graph.runner.shutil.rmtree", 3), ("evokd.graph.nodes.publish.write_summary", 1)],
)
def test_a_run_killed_behind_its_summary_has_ended(
    call: str, count: int, whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole["kept"]
    folder = tmp_path / "runs" / "killed"
    code, printed = evokd(*args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "killed", call=call, count=count)
    assert code == KILLED, printed
    assert (folder / "summary.json").is_file()
    code, printed = evokd("resume", str(folder))
    assert code == 0, printed
    assert not (folder / "work").exists()
    assert facts(folder) == expected
    assert [event["event"] for event in read_events(folder / "events.jsonl")].count("finished") == 1


def test_a_run_that_lost_its_checkpoints_begins_again_with_its_replies(
    whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole["kept"]
    folder = tmp_path / "runs" / "killed"
    runs = ["--runs-dir", str(tmp_path / "runs"), "--run-id", "killed"]
    code, printed = evokd(*args, *runs, event="node_started", node="train", count=3)
    assert code == KILLED, printed
    for path in folder.glob("checkpoints.db*"):
        path.unlink()
    assert evokd("resume", str(folder))[0] == 0
    assert facts(folder) == expected
    check_orphans(folder)
