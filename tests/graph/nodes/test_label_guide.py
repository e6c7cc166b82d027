"""How good the teacher's labels are is measured on labelled rows, and a guide is used only if it does no harm there."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import evokd.graph.nodes.label_guide
from evokd.cli import main
from evokd.graph.setup.domain_files import load_guide
from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import AGREEMENT, RecordKind
from evokd.tracing.summary import read_summary
from tests.graph.conftest import run_quick
from tests.graph.served import Asked, WatchedTeacher, options, refuse
from tests.graph.toy import LABELS, QUICK, WordStudent, read_rows, write_domain

GUIDED = ("curriculum.guide=auto", "rows.set_aside=12", "curriculum.measure_rows=20")
GUIDES = [{"label": label, "takes_in": f"in {label}", "leaves_out": f"out {label}"} for label in LABELS]
WRITTEN = json.dumps({"guides": GUIDES})


@pytest.fixture
def served(tmp_path: Path, word_students: list[WordStudent], serve_app: Any) -> tuple[WatchedTeacher, str, Path]:
    domain = write_domain(tmp_path / "toy")
    rows = [*read_rows(domain / "validation.jsonl"), *read_rows(domain / "test.jsonl")[:10]]
    (domain / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    test = read_rows(domain / "test.jsonl")[10:]
    (domain / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in test), encoding="utf-8")
    teacher = WatchedTeacher(domain)
    return teacher, serve_app(teacher.app), domain


def measured(folder: Any) -> dict[str, Any]:
    ledger = Ledger(folder.ledger)
    found = ledger.cycle_record(0, AGREEMENT)
    ledger.close()
    assert found is not None
    return found


def right(domain: Path, wrong: int = 0) -> Any:
    """Answer batches of validation rows by their labels, the first few wrongly."""
    labels = {row["text"]: row["label"] for row in read_rows(domain / "validation.jsonl")}

    def answer(asked: Asked) -> str | None:
        drafts = asked.message.get("drafts", [])
        if asked.role != "labeler" or not all(draft["text"] in labels for draft in drafts):
            return None
        verdicts = []
        for number, draft in enumerate(sorted(drafts, key=lambda item: item["text"])):
            label = labels[draft["text"]]
            given = label if number >= wrong else next(other for other in LABELS if other != label)
            verdicts.append({"id": draft["id"], "labels": [given], "confidence": 0.9})
        return json.dumps({"verdicts": verdicts})

    return answer


def twist(domain: Path, with_guide: int, without: int, guide: Any = WRITTEN) -> Any:
    """Give wrong labels, more or fewer with a guide, and answer the request for one."""

    def answer(asked: Asked) -> Any:
        if asked.role == "guide":
            return guide
        return right(domain, with_guide if asked.message.get("guide") else without)(asked)

    return answer


def test_the_agreement_with_validation_rows_is_measured_once_and_told(
    served: tuple[WatchedTeacher, str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, url, domain = served
    teacher.twist = right(domain, wrong=6)
    folder = run_quick(domain, *options(url, "rows.set_aside=0", "curriculum.measure_rows=24"))
    assert measured(folder) == {"rows": 24, "agreement": 0.75, "guide": None}
    summary = read_summary(folder.summary)
    assert summary is not None
    assert (summary["labels"]["measured_rows"], summary["labels"]["agreement"]) == (24, 0.75)
    assert "right on 75% of 24 labelled rows of yours" in capsys.readouterr().err
    held = {row["text"] for row in read_rows(domain / "validation.jsonl")}
    batches = [asked for asked in teacher.asked if held & {draft["text"] for draft in asked.message.get("drafts", [])}]
    assert len(batches) == 1


@pytest.mark.parametrize("setting", ["curriculum.measure_rows=0", "curriculum.measure_rows=19"])
def test_few_rows_measure_nothing(setting: str, served: tuple[WatchedTeacher, str, Path]) -> None:
    teacher, url, domain = served
    folder = run_quick(domain, *options(url, "rows.set_aside=0", setting))
    ledger = Ledger(folder.ledger)
    assert ledger.cycle_record(0, AGREEMENT) is None
    ledger.close()
    held = {row["text"] for row in read_rows(domain / "validation.jsonl")}
    assert not any(held & {draft["text"] for draft in asked.message.get("drafts", [])} for asked in teacher.asked)


@pytest.mark.parametrize(("with_guide", "without", "used"), [(2, 5, True), (5, 5, True), (6, 5, False)])
def test_a_guide_is_used_unless_the_agreement_falls_with_it(
    with_guide: int, without: int, used: bool, served: tuple[WatchedTeacher, str, Path]
) -> None:
    teacher, url, domain = served
    teacher.twist = twist(domain, with_guide, without)
    folder = run_quick(domain, *options(url, *GUIDED))
    found = measured(folder)
    assert (found["agreement"], found["guide"]["agreement"]) == (1 - without / 20, 1 - with_guide / 20)
    assert found["guide"]["used"] is folder.guide.is_file() is used
    assert set(found["guide"]["text"]) == set(LABELS)
    lessons = [asked.message for asked in teacher.asked if asked.role == "generator"]
    assert lessons
    assert all(bool(plan.get("guide")) is used for plan in lessons)


def test_a_guide_is_written_from_other_rows_than_it_is_judged_on(served: tuple[WatchedTeacher, str, Path]) -> None:
    teacher, url, domain = served
    teacher.twist = twist(domain, 0, 0)
    run_quick(domain, *options(url, *GUIDED))
    (evidence,) = [asked.message for asked in teacher.asked if asked.role == "guide"]
    guided = [asked.message for asked in teacher.asked if asked.message.get("guide")]
    judged = [draft["text"] for message in guided for draft in message.get("drafts", [])]
    assert len(evidence["rows"]) >= 12
    assert judged
    assert not {row["text"] for row in evidence["rows"]} & set(judged[:20])


@pytest.mark.parametrize("reply", [refuse(400, "unknown message kind"), "no JSON", json.dumps({"guides": []})])
def test_a_teacher_that_writes_no_guide_stops_no_run(reply: Any, served: tuple[WatchedTeacher, str, Path]) -> None:
    teacher, url, domain = served
    teacher.twist = twist(domain, 0, 0, guide=reply)
    folder = run_quick(domain, *options(url, *GUIDED))
    assert measured(folder)["guide"] is None
    assert sum(asked.role == "guide" for asked in teacher.asked) <= 3


def test_the_domains_own_guide_is_used_without_a_trial(toy_domain: Path, word_students: list[WordStudent]) -> None:
    own = {label: f"what {label} takes in" for label in LABELS}
    (toy_domain / "guide.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    folder = run_quick(toy_domain)
    assert load_guide(folder.guide, LABELS) == own
    ledger = Ledger(folder.ledger)
    plans = [plan for _, plan in ledger.lesson_plans()]
    ledger.close()
    assert plans
    assert all(plan["guide"] == own for plan in plans)


BAD = {
    "guide.yaml": ("cancel_plan: x\nnonsense: y\n", 'guide.yaml:2: "nonsense" is not a label; use one of: cancel_plan'),
    "profile.yaml": ("tone:\n  angry: 1\n", 'profile.yaml:1: "tone": write two values or more'),
}


@pytest.mark.parametrize("name", BAD)
def test_faults_of_the_two_files_are_told_by_line(
    name: str, toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, told = BAD[name]
    (toy_domain / name).write_text(content, encoding="utf-8")
    assert main.run_cli(["check", str(toy_domain), "--teacher", "rehearsal"]) == 2
    error = capsys.readouterr().err
    assert told.replace('"', "'") in error.replace('"', "'")
    assert "Traceback" not in error


@pytest.mark.parametrize("before", ["record", "file"])
def test_a_run_stopped_while_its_guide_is_written_down_has_one_all_the_same_and_asks_nothing_twice(
    before: str, served: tuple[WatchedTeacher, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, url, domain = served
    teacher.twist = twist(domain, 0, 0)

    def put_cycle_record(ledger: Ledger, cycle: int, kind: RecordKind[Any], record: Any) -> None:
        if kind == AGREEMENT:
            raise KeyboardInterrupt
        put(ledger, cycle, kind, record)

    def write(path: Path, guide: Any) -> None:
        raise KeyboardInterrupt

    put = Ledger.put_cycle_record
    with monkeypatch.context() as stopped:
        if before == "record":
            stopped.setattr(Ledger, "put_cycle_record", put_cycle_record)
        else:
            stopped.setattr(evokd.graph.nodes.label_guide, "write_guide_file", write)
        runs = ["--runs-dir", str(domain.parent / "runs"), "--run-id", "cut"]
        assert main.run_cli(["run", str(domain), *QUICK, *options(url, *GUIDED), *runs]) == 130
    folder = RunFolder(domain.parent / "runs" / "cut")
    assert not folder.guide.exists()
    asked = len(teacher.asked)
    assert main.run_cli(["resume", str(folder.path)]) == 0
    assert set(load_guide(folder.guide, LABELS)) == set(LABELS)
    assert measured(folder)["guide"]["used"]
    assert [request.role for request in teacher.asked].count("guide") == 1
    held = {row["text"] for row in read_rows(domain / "validation.jsonl")}
    later = [draft["text"] for request in teacher.asked[asked:] for draft in request.message.get("drafts", [])]
    assert not held & set(later)
