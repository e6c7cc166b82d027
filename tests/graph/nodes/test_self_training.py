"""Training beyond the samples: on the student's own answers, and on the validation rows at the end."""

from pathlib import Path
from typing import Any

import pytest

from evokd.graph.nodes.self_training import PROVISIONAL
from evokd.tracing.summary import read_summary
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent, WordTagger, add_pool, read_rows, write_domain, write_reports

FROM_BASE = ["--set", "student.regime=base"]


@pytest.fixture
def pooled(tmp_path: Path) -> Path:
    folder = write_domain(tmp_path / "toy")
    add_pool(folder)
    return folder


def own_ids(job: Any) -> set[str]:
    return {item.id for item in job.examples if item.id.startswith("own-")}


def test_the_student_goes_on_with_its_own_answers_to_what_nobody_labelled(
    pooled: Path, word_students: list[WordStudent]
) -> None:
    run_quick(pooled, *FROM_BASE, "--cycles", "1")
    seeds, first, second, *refit = word_students[0].jobs
    assert own_ids(seeds) == own_ids(first) == set(), "a student of the seeds alone has nothing to say"
    assert Path(first.out).name == Path(second.start).name == PROVISIONAL
    own = [item for item in second.examples if item.id.startswith("own-")]
    labelled = {item.text for item in second.examples} - {item.text for item in own}
    pool = {row["text"] for row in read_rows(pooled / "pool.jsonl")}
    assert own
    assert {item.text for item in own} == pool - labelled
    assert all(0 < item.weight <= 1 for item in own)
    assert len(refit) == 2


def test_the_provisional_student_is_thrown_away(pooled: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(pooled, *FROM_BASE)
    assert not folder.version(PROVISIONAL).exists()


@pytest.mark.parametrize(
    "setting", ["student.self_training=0", "student.self_training_texts=0", "student.self_training_until=0"]
)
def test_it_can_be_turned_off(setting: str, pooled: Path, word_students: list[WordStudent]) -> None:
    run_quick(pooled, *FROM_BASE, "--set", setting)
    assert all(own_ids(job) == set() for job in word_students[0].jobs)


def test_many_labelled_texts_teach_more_than_the_students_own_answers(
    pooled: Path, word_students: list[WordStudent]
) -> None:
    run_quick(pooled, *FROM_BASE, "--set", "student.self_training_until=6")
    trained = [(len(job.examples) - len(own_ids(job)), bool(own_ids(job))) for job in word_students[0].jobs]
    labels = len(word_students[0].jobs[0].labels)
    assert any(own for _, own in trained), trained
    assert not any(own for labelled, own in trained if labelled >= 6 * labels)
    assert any(labelled >= 6 * labels for labelled, _ in trained), (labels, trained)


def test_an_output_layer_alone_always_learns_from_its_own_answers(
    pooled: Path, word_students: list[WordStudent]
) -> None:
    run_quick(pooled, *FROM_BASE, "--set", "student.self_training_until=0", "--set", "student.tune=head")
    assert any(own_ids(job) for job in word_students[0].jobs)


def test_texts_with_entities_are_left_alone(tmp_path: Path, word_taggers: list[WordTagger]) -> None:
    domain = write_reports(tmp_path / "reports")
    add_pool(domain)
    run_quick(domain, *FROM_BASE)
    assert all(own_ids(job) == set() for job in word_taggers[0].jobs)


@pytest.mark.parametrize("regime", ["base", "continue"])
def test_the_last_training_takes_the_validation_rows_in_and_the_score_before_it_stays(
    regime: str, toy_domain: Path, word_students: list[WordStudent]
) -> None:
    folder = run_quick(toy_domain, "--set", f"student.regime={regime}")
    last = word_students[0].jobs[-1]
    rows = read_rows(toy_domain / "validation.jsonl")
    assert {row["text"] for row in rows} <= {item.text for item in last.examples}
    assert bool(last.start) is (regime == "continue")
    held = {row["text"] for row in read_rows(toy_domain / "test.jsonl")}
    for job in word_students[0].jobs:
        assert not held & {item.text for item in [*job.examples, *job.replay]}
    for job in word_students[0].jobs[:-1]:
        assert not {row["text"] for row in rows} & {item.text for item in [*job.examples, *job.replay]}
    summary = read_summary(folder.summary)
    assert summary is not None
    assert summary["refit"] == len(rows)
    before = [cycle["gate"]["after"] for cycle in summary["cycles"] if cycle["gate"]["promoted"]][-1]
    assert summary["final"]["validation"][summary["metric"]] == pytest.approx(before, abs=1e-4)
    assert (folder.student / "words.json").is_file()


def test_the_last_training_can_be_turned_off(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain, "--set", "publish.refit=false")
    summary = read_summary(folder.summary)
    assert summary is not None
    assert summary["refit"] == 0
    assert len(word_students[0].jobs) == 3
