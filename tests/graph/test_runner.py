"""The graph as a whole, with the rehearsal teacher: figures, guards, roll-back, the same set each time."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import evokd.graph.nodes.evaluation
import evokd.graph.open_context
from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import FeedbackPacket
from evokd.simulator.app import create_app
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import read_summary
from tests.graph.toy import QUICK, ForgetfulStudent, WordStudent, read_rows, write_domain, write_rows
from tests.student.conftest import tiny_student

__all__ = ["tiny_student"]


def run(domain: Path, *options: str, run_id: str = "one") -> RunFolder:
    runs = domain.parent / "runs"
    assert main.run_cli(["run", str(domain), *QUICK, *options, "--runs-dir", str(runs), "--run-id", run_id]) == 0
    return RunFolder(runs / run_id)


def summary_of(folder: RunFolder) -> dict[str, Any]:
    summary = read_summary(folder.summary)
    assert summary is not None
    return summary


def test_a_run_with_the_real_student_ends_with_all_it_owes(
    toy_domain: Path, tiny_student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = [
        "--student",
        str(tiny_student),
        "--set",
        "student.allow_unreadable=true",
        "--set",
        "student.tune=head",
        "--set",
        "gate.tolerance=1",
    ]
    folder = run(toy_domain, *options)
    summary = summary_of(folder)
    asked = {
        *("run_id", "domain", "task", "preset", "teacher", "rehearsal", "student", "seed", "stop_reason", "metric"),
        *("start", "final", "cycles", "totals"),
    }
    assert asked <= set(summary)
    assert set(summary["start"]) == set(summary["final"]) == {"validation", "test"}
    assert (summary["run_id"], summary["stop_reason"], summary["rehearsal"]) == ("one", "cycles", True)
    for name in ("calls", "input_tokens", "output_tokens"):
        assert summary["totals"][name] == sum(cycle[name] for cycle in summary["cycles"])
    assert summary["totals"]["cost_usd"] is None
    rows = read_rows(folder.dataset)
    assert len(rows) == summary["totals"]["samples"] == sum(cycle["accepted"] for cycle in summary["cycles"]) > 10
    ledger = Ledger(folder.ledger)
    calls = {call.id: call for call in ledger.calls()}
    assert len(calls) == summary["totals"]["calls"]
    for row in rows:
        assert calls[row["draft_call"]].role == "generator"
        assert calls[row["label_call"]].role == "labeler"
        assert row["cycle"] >= calls[row["draft_call"]].cycle  # what was left over is chosen in a later one
        assert row["weakness"] is None or row["weakness"] in {item["id"] for item in ledger.weaknesses()}
    ledger.close()
    assert {path.name for path in folder.student.iterdir()} >= {"model.safetensors", "config.json", "README.md"}
    assert not folder.work.exists()


def test_the_same_seed_gives_the_same_set_in_process_and_over_the_wire(
    toy_domain: Path, word_students: list[WordStudent], serve_app: Callable[[Any], str]
) -> None:
    first, second, other = (
        run(toy_domain, "--seed", seed, run_id=name).dataset.read_bytes()
        for name, seed in (("a", "0"), ("b", "0"), ("c", "1"))
    )
    seeds = [row["text"] for row in read_rows(toy_domain / "seeds.jsonl")]
    app = create_app(load_corpus(toy_domain / "corpus.jsonl", never=seeds), RehearsalSettings(), 0)
    wire = run(toy_domain, "--teacher", "rehearsal", "--base-url", serve_app(app) + "/v1", run_id="d")
    assert first == second
    assert first != other
    assert wire.dataset.read_bytes() == first


def test_a_text_of_the_test_data_never_becomes_a_sample(toy_domain: Path, word_students: list[WordStudent]) -> None:
    leaked = read_rows(toy_domain / "corpus.jsonl")[:100]
    write_rows(toy_domain / "test.jsonl", [{"text": row["text"], "label": row["label"]} for row in leaked])
    folder = run(toy_domain, "--set", "curriculum.quotas.drafts=40")
    guarded = {row["text"] for row in leaked}
    assert not guarded & {row["text"] for row in read_rows(folder.dataset)}
    ledger = Ledger(folder.ledger)
    refused = {sample.reason for sample in ledger.samples(state="rejected") if sample.text in guarded}
    ledger.close()
    assert len(refused) == 1
    assert "leak" in str(refused.pop())


def test_a_harmful_cycle_is_rolled_back(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evokd.graph.open_context, "StudentClient", ForgetfulStudent)
    folder = run(toy_domain, "--set", "gate.tolerance=0")
    summary = summary_of(folder)
    assert summary["champion"] == "c000"
    assert [cycle["gate"]["promoted"] for cycle in summary["cycles"]] == [True, False, False]
    assert summary["totals"]["samples"] == 0
    assert folder.dataset.read_bytes() == b""
    ledger = Ledger(folder.ledger)
    assert {sample.reason for sample in ledger.samples(state="tombstoned")} == {"rolled_back"}
    packet = ledger.message("c002", FeedbackPacket)
    assert packet is not None
    assert "rolled back" in packet.notices[0]
    states = {row["state"] for row in ledger.weaknesses()}
    assert "rolled_back" in states <= {"rolled_back", "dropped"}
    ledger.close()


def test_samples_set_aside_are_never_trained_on(tmp_path: Path, word_students: list[WordStudent]) -> None:
    domain = write_domain(tmp_path / "toy", validation=False)
    folder = run(domain, "--set", "gate.holdout=0.3", "--set", "gate.holdout_from=0", "--set", "gate.minimum=4")
    rows = read_rows(folder.dataset)
    aside = {row["id"] for row in rows if row["purpose"] == "gate"}
    (student,) = word_students
    trained = {item.id for job in student.jobs for item in [*job.examples, *job.replay]}
    assert len(aside) == int(len(rows) * 0.3)
    assert not aside & trained
    assert {row["id"] for row in rows} - aside <= trained
    assert summary_of(folder)["cycles"][2]["gate"]["after"] is not None


def test_test_data_is_read_by_the_last_node_alone(
    toy_domain: Path, word_students: list[WordStudent], monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = evokd.graph.nodes.evaluation.predict_split
    order: list[str] = []

    async def spy(context: Any, version: str, split: str) -> Any:
        order.append(split)
        return await predict(context, version, split)

    monkeypatch.setattr(evokd.graph.nodes.evaluation, "predict_split", spy)
    folder = run(toy_domain)
    first = order.index("test")
    assert order[first:] == ["test", "test"]
    assert "validation" in order[:first]
    events = [json.loads(line) for line in folder.events.read_text(encoding="utf-8").splitlines()]
    assert [event["node"] for event in events if event["event"] == "node_started"][-1] == "publish"


def test_checkpoints_do_not_grow_with_the_samples(tmp_path: Path, word_students: list[WordStudent]) -> None:
    sizes = {}
    for drafts in (8, 48):
        domain = write_domain(tmp_path / str(drafts) / "toy")
        quotas = ["--set", f"curriculum.quotas.drafts={drafts}", "--set", "curriculum.quotas.lesson=288"]
        folder = run(domain, *quotas, "--set", "curriculum.weaknesses=0", "--set", "gate.tolerance=1")
        assert summary_of(folder)["totals"]["samples"] > drafts
        with sqlite3.connect(folder.checkpoints) as base:
            sizes[drafts] = sum(
                base.execute(f"SELECT coalesce(sum(length({column})), 0) FROM {table}").fetchone()[0]
                for table, column in (("checkpoints", "checkpoint"), ("writes", "value"))
            )
        base.close()
    assert sizes[48] < sizes[8] * 1.2


def test_lessons_are_planned_on_the_newest_samples_and_the_counts_of_all(
    toy_domain: Path, word_students: list[WordStudent], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], int]] = []
    real = evokd.graph.nodes.analyze.plan_lessons

    def spy(*args: Any) -> Any:
        seen.append(([item.text for item in args[0].known], sum(args[0].counts.values())))
        return real(*args)

    monkeypatch.setattr(evokd.graph.nodes.analyze, "plan_lessons", spy)
    monkeypatch.setattr(evokd.graph.nodes.analyze, "NEWEST", 4)
    folder = run(toy_domain)
    seeds = [row["text"] for row in read_rows(toy_domain / "seeds.jsonl")]
    accepted = [row["text"] for row in read_rows(folder.dataset) if row["cycle"] == 1]
    assert len(accepted) > 4
    assert seen == [(seeds, len(seeds)), ([*seeds, *accepted[-4:]], len(seeds) + len(accepted))]


def test_no_key_reaches_the_run_folder(
    toy_domain: Path, word_students: list[WordStudent], serve_app: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    app = create_app(load_corpus(toy_domain / "corpus.jsonl"), RehearsalSettings(), 0)
    folder = run(toy_domain, "--teacher", "any", "--base-url", serve_app(app) + "/v1", "--cycles", "1")
    assert yaml.safe_load(folder.config.read_text(encoding="utf-8"))["settings"]["teacher"]["base_url"]
    for path in folder.path.rglob("*"):
        assert not path.is_file() or b"very-secret" not in path.read_bytes(), path


def test_few_samples_are_too_dear_to_be_set_aside(tmp_path: Path, word_students: list[WordStudent]) -> None:
    domain = write_domain(tmp_path / "toy", validation=False)
    purposes = [row["purpose"] for row in read_rows(run(domain, "--set", "gate.holdout_from=10").dataset)]
    assert purposes[:10] == ["train"] * 10
    assert "gate" in purposes[10:]


def test_what_is_not_measured_stands_not_still(tmp_path: Path, word_students: list[WordStudent]) -> None:
    domain = write_domain(tmp_path / "toy", validation=False)
    folder = run(domain, "--set", "gate.holdout_from=23", "--set", "stop.patience=1", "--cycles", "3")
    assert summary_of(folder)["cycles"][1]["gate"]["after"] is None
    assert summary_of(folder)["stop_reason"] == "cycles"


@pytest.mark.parametrize("stop", ["target=0.9", "patience=2", "gain=0.1"])
@pytest.mark.parametrize(
    ("gate", "fault"), [("holdout=0", "give data.validation or a gate.holdout"), ("holdout_from=20", "holdout_from=0")]
)
def test_a_stop_by_what_is_never_measured_is_refused(
    tmp_path: Path, stop: str, gate: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = write_domain(tmp_path / "toy", validation=False)
    options = ["--budget-samples", "20", "--set", f"gate.{gate}", "--set", f"stop.{stop}", "--runs-dir", str(tmp_path)]
    assert main.run_cli(["run", str(domain), *options]) == 2
    told = capsys.readouterr().err
    assert f"stop.{stop.partition('=')[0]}: there is no gate data" in told
    assert fault in told
