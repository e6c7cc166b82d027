"""A run on a pool: real texts are labelled blindly, weighed, and make the exam; held texts stay unseen."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.graph.nodes.training_set import LEAST_WEIGHT, weigh
from evokd.graph.setup.plan import plan_run
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.protocol import TrainExample
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import KINDS
from tests.graph.conftest import KILLED, Evokd, give_student, run_quick
from tests.graph.test_resume import facts
from tests.graph.toy import QUICK, WordStudent, WordTagger, add_pool, read_rows, write_domain, write_reports

_CHOSEN = (
    "curriculum.quotas.drafts=40",
    "curriculum.quotas.weaknesses=0.5",
    "curriculum.analyst.real=true",
    "curriculum.labels=auto",
    "curriculum.profile=auto",
    "student.self_training_steps=4",
    "gate.rule=off",
)
POOLED = ["--cycles", "3", *(part for choice in _CHOSEN for part in ("--set", choice))]
"""Options of a run whose three cycles bring every kind of text."""


@dataclass(frozen=True)
class Finished:
    """A finished run on a pool."""

    folder: RunFolder
    pool: list[str]
    held: list[str]
    """Validation and test texts."""
    samples: list[Sample]
    lessons: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    """Everything that one role sent another: span, cycle, sender, receiver, kind, body."""
    parts: list[dict[str, Any]]
    """What each cycle was made of."""
    jobs: list[Any]

    @property
    def real(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.is_real]

    def sent(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(row["body"]) for row in self.messages if row["kind"] == kind]


def finish(base: Path, entities: bool) -> Finished:
    domain = (write_reports if entities else write_domain)(base / "toy")
    pool = add_pool(domain)
    with pytest.MonkeyPatch.context() as patch:
        students = give_student(patch, WordTagger if entities else WordStudent)
        folder = run_quick(domain, *POOLED)
    ledger = Ledger(folder.ledger)
    found = Finished(
        folder,
        pool,
        [row["text"] for name in ("validation", "test") for row in read_rows(domain / f"{name}.jsonl")],
        ledger.samples(),
        ledger.all_lessons(),
        [dict(row) for row in ledger._rows("SELECT * FROM messages")],
        [ledger.cycle_record(cycle, KINDS) or {} for cycle in (1, 2, 3)],
        students[0].jobs,
    )
    ledger.close()
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["labels", "entities"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finish(tmp_path_factory.mktemp("pooled"), request.param)


@pytest.fixture(scope="module")
def labels_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finish(tmp_path_factory.mktemp("labels"), entities=False)


def test_every_cycle_labels_real_texts_and_each_of_them_once(run: Finished) -> None:
    assert {sample.cycle for sample in run.real} == {1, 2, 3}
    assert len({sample.source for sample in run.real}) == len(run.real)
    for sample in run.real:
        name, _, line = str(sample.source).partition(":")
        assert (name, run.pool[int(line) - 1]) == ("pool.jsonl", sample.text)
        assert sample.kind == "real"
        assert sample.intended is None
        assert sample.draft_call == ""


def test_no_validation_and_no_test_text_reaches_generator_or_analysts_profile(run: Finished) -> None:
    told = [row["body"] for row in run.messages if row["receiver"] == "generator" or row["kind"] == "domain_sample"]
    assert len(told) > 5
    for text in run.held:
        quoted = json.dumps(text, ensure_ascii=False)[1:-1]
        assert not any(quoted in body for body in told), text


def test_the_labeler_sees_the_text_and_not_where_it_comes_from(run: Finished) -> None:
    batches = [draft for batch in run.sent("draft_batch") for draft in batch["drafts"]]
    assert {sample.text for sample in run.real} <= {draft["text"] for draft in batches}
    assert {key for draft in batches for key in draft} == {"id", "text"}


def test_a_cycle_says_what_it_is_made_of(run: Finished) -> None:
    for cycle, part in enumerate(run.parts, start=1):
        assert sum(part["shares"].values()) == pytest.approx(1, abs=0.01)
        asked = [sample for sample in run.samples if sample.cycle == cycle]
        assert part["texts"]["real"] == sum(sample.is_real for sample in asked)


def test_tone_comes_from_the_pool_alone(run: Finished) -> None:
    toned = [plan for plan in run.sent("lesson_plan") if plan.get("tone")]
    assert toned
    for plan in toned:
        assert set(plan["tone"]) <= set(run.pool)


def test_the_domain_is_described_once_and_texts_in_its_tone_follow_that(run: Finished) -> None:
    (sample,) = run.sent("domain_sample")
    assert set(sample["texts"]) <= set(run.pool)
    assert run.folder.profile.is_file()
    toned = {lesson["id"] for lesson in run.lessons if lesson["kind"] == "toned"}
    plans = [plan for plan in run.sent("lesson_plan") if plan["id"] in toned and plan["mode"] == "write"]
    assert plans
    assert all({"length", "last mark"} <= set(plan["profile"]) for plan in plans)


def test_the_analyst_sees_real_texts_that_were_labelled_just_now(labels_run: Finished) -> None:
    asked = [row for row in labels_run.messages if row["kind"] == "analysis"]
    assert asked
    for row in asked:
        packet = next(
            json.loads(other["body"])
            for other in labels_run.messages
            if other["kind"] == "feedback_packet" and other["span"] == row["span"]
        )
        cycle = int(row["span"][1:])
        fresh = {sample.text for sample in labels_run.real if sample.cycle == cycle}
        cases = [case for case in packet["cases"] if case["id"].startswith("r")]
        assert cases
        assert {case["text"] for case in cases} <= fresh
        assert {case["origin"] for case in packet["cases"]} == {"real"}


def test_a_label_weighs_what_its_confidence_is_worth_and_a_list_of_entities_all_that_it_is(run: Finished) -> None:
    trained: dict[str, TrainExample] = {item.id: item for job in run.jobs for item in job.examples}
    learned = [sample for sample in run.real if sample.state == "accepted" and sample.id in trained]
    assert learned
    for sample in learned:
        whole = isinstance(sample.label, str)
        assert trained[sample.id].weight == (weigh(sample.confidence or 0.0) if whole else 1.0)
    written = [item for name, item in trained.items() if name in {s.id for s in run.samples if not s.is_real}]
    assert {item.weight for item in written} == {1.0}


@pytest.mark.parametrize(("confidence", "weight"), [(1.0, 1.0), (0.75, 0.25), (0.5, LEAST_WEIGHT), (0.0, LEAST_WEIGHT)])
def test_doubtful_labels_weigh_little_and_never_nothing(confidence: float, weight: float) -> None:
    assert weigh(confidence) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("event", "node", "count"),
    [("node_started", "analyze", 2), ("call", "labeler", 2), ("node_finished", "analyze", 2), ("call", "analyst", 2)],
)
def test_a_killed_run_on_a_pool_resumes_to_the_same_end_and_pays_nothing_twice(
    event: str, node: str, count: int, tmp_path: Path, evokd: Evokd
) -> None:
    domain = write_domain(tmp_path / "toy")
    add_pool(domain)
    args = ["run", str(domain), *QUICK, *POOLED, "--cycles", "2", "--runs-dir", str(tmp_path / "runs")]
    assert evokd(*args, "--run-id", "whole")[0] == 0
    code, printed = evokd(*args, "--run-id", "killed", event=event, node=node, count=count)
    assert code == KILLED, printed
    code, printed = evokd("resume", str(tmp_path / "runs" / "killed"))
    assert code == 0, printed
    assert facts(tmp_path / "runs" / "killed") == facts(tmp_path / "runs" / "whole")


def test_a_run_killed_before_its_profile_is_written_down_has_one_all_the_same(tmp_path: Path, evokd: Evokd) -> None:
    domain = write_domain(tmp_path / "toy")
    add_pool(domain)
    args = ["run", str(domain), *QUICK, *POOLED, "--cycles", "2", "--runs-dir", str(tmp_path / "runs")]
    assert evokd(*args, "--run-id", "whole")[0] == 0
    code, printed = evokd(*args, "--run-id", "killed", event="profile", node=None, count=1)
    assert code == KILLED, printed
    killed, whole = (RunFolder(tmp_path / "runs" / name) for name in ("killed", "whole"))
    assert not killed.profile.exists()
    code, printed = evokd("resume", str(killed.path))
    assert code == 0, printed
    assert killed.profile.read_bytes() == whole.profile.read_bytes()
    assert facts(killed.path) == facts(whole.path)


def test_a_pool_alone_asks_no_generator(tmp_path: Path, word_students: list[WordStudent]) -> None:
    domain = write_domain(tmp_path / "toy")
    add_pool(domain)
    folder = run_quick(domain, "--set", "curriculum.source=pool")
    ledger = Ledger(folder.ledger)
    assert {call.role for call in ledger.calls()} == {"labeler"}
    assert {sample.kind for sample in ledger.samples()} == {"real"}
    ledger.close()


def test_source_pool_without_a_pool_is_refused(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ["--runs-dir", str(toy_domain.parent / "runs")]
    assert main.run_cli(["run", str(toy_domain), "--set", "curriculum.source=pool", *runs]) == 2
    error = capsys.readouterr().err
    assert "curriculum.source" in error
    assert "data.pool" in error


def test_shares_that_the_source_rules_out_are_refused(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_pool(toy_domain)
    chosen = ["--set", "curriculum.source=pool", "--set", "curriculum.shares={real: 0.5, plain: 0.5}"]
    assert main.run_cli(["check", str(toy_domain), *chosen]) == 2
    error = capsys.readouterr().err
    assert "curriculum.source" in error
    assert "curriculum.shares" in error


@pytest.mark.parametrize("pool", [True, False])
def test_a_profile_that_nothing_follows_is_told_of(toy_domain: Path, pool: bool) -> None:
    (toy_domain / "profile.yaml").write_text("form:\n  question: 0.5\n  reply: 0.5\n", encoding="utf-8")
    if pool:
        add_pool(toy_domain)
    plan = plan_run(str(toy_domain), "evokd", [])
    assert any("profile.yaml: not used" in note for note in plan.domain.notes) is not pool
