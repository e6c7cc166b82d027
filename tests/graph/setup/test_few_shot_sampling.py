"""Rows that a run may see: drawn by the seed, the same for every loop, never served, never test data."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.plan import Plan, describe_plan, plan_run, replan_run
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.simulated_teacher import make_corpus
from evokd.messages import InputError
from tests.graph.conftest import run_quick
from tests.graph.toy import LABELS, WordStudent, read_rows, write_rows


def plan_rows(folder: Path, seed: int = 1, preset: str = "evokd", **rows: Any) -> Plan:
    return plan_run(str(folder), preset, [ConfigSource("test", {"rows": rows, "seed": seed})])


def count_labels(domain: Domain, rows: Any) -> Counter[str]:
    return Counter(label for row in rows for label in domain.codec.labels_in(row.gold))


def test_without_a_word_all_rows_are_used(toy_domain: Path) -> None:
    domain = plan_rows(toy_domain).domain
    assert [row.text for row in domain.seeds] == [row["text"] for row in read_rows(toy_domain / "seeds.jsonl")]
    assert len(domain.validation) == len(read_rows(toy_domain / "validation.jsonl"))


def test_shots_are_drawn_per_label_from_the_corpus_by_the_seed_alone(toy_domain: Path) -> None:
    domain = plan_rows(toy_domain, shots=3).domain
    corpus = {row["text"] for row in read_rows(toy_domain / "corpus.jsonl")}
    assert count_labels(domain, domain.seeds) == dict.fromkeys(LABELS, 3)
    assert {row.text for row in domain.seeds} <= corpus
    again = plan_run(
        str(toy_domain), "evokd", [ConfigSource("x", {"rows": {"shots": 3}, "seed": 1, "gate": {"tolerance": 0.2}})]
    )
    assert again.domain.seeds == domain.seeds
    assert plan_rows(toy_domain, seed=2, shots=3).domain.seeds != domain.seeds


def test_the_teacher_never_serves_a_shot(toy_domain: Path) -> None:
    domain = plan_rows(toy_domain, shots=2).domain
    corpus = make_corpus(domain)
    served = {corpus.rows[at].text for label in LABELS for at in corpus.retrievable(label)}
    assert served
    assert not served & {row.text for row in domain.seeds}


def test_an_index_made_before_serves_the_same(toy_domain: Path) -> None:
    domain = plan_rows(toy_domain, shots=2).domain
    fresh = make_corpus(domain)
    shared = make_corpus(plan_rows(toy_domain, seed=5, shots=4).domain)
    copied = shared.but_never(row.text for row in domain.seeds)
    for label in LABELS:
        assert list(copied.retrievable(label)) == list(fresh.retrievable(label))
        assert list(shared.retrievable(label)) != list(fresh.retrievable(label))
    assert all(copied.is_seed(row.text) for row in domain.seeds)


def test_sentences_are_few_and_hold_every_label_often_enough(reports: Path) -> None:
    domain = plan_rows(reports, shots=2).domain
    counts = count_labels(domain, domain.seeds)
    assert all(counts[label] >= 2 for label in domain.codec.labels)
    assert len(domain.seeds) < 2 * len(domain.codec.labels)


def test_validation_and_test_texts_are_not_drawn(toy_domain: Path) -> None:
    test, corpus = read_rows(toy_domain / "test.jsonl"), read_rows(toy_domain / "corpus.jsonl")
    kept = [next(row for row in corpus if row["label"] == label) for label in LABELS]
    write_rows(toy_domain / "corpus.jsonl", [*({**row, "text": row["text"].upper()} for row in test), *kept, *corpus])
    drawn = {row.text for row in plan_rows(toy_domain, shots=10).domain.seeds}
    assert not {text.casefold() for text in drawn} & {row["text"].casefold() for row in test}


def test_validation_rows_keep_the_proportions_of_labels(toy_domain: Path) -> None:
    rows = read_rows(toy_domain / "validation.jsonl")
    one = [row for row in rows if row["label"] == LABELS[0]][:8]
    others = [row for row in rows if row["label"] != LABELS[0]]
    write_rows(toy_domain / "validation.jsonl", [*one, *others[:4]])
    domain = plan_rows(toy_domain, validation=6).domain
    assert count_labels(domain, domain.validation)[LABELS[0]] == 4
    assert len(domain.validation) == 6
    assert plan_rows(toy_domain, validation=0).domain.validation == ()
    assert plan_rows(toy_domain, seed=9, validation=6).domain.validation != domain.validation


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"shots": 10_000}, r"rows.shots: .*texts with the label 'cancel_plan', but 10000 are drawn .* ask for fewer"),
        ({"validation": 10_000}, r"rows.validation: 10000 requested, but .* validation rows"),
        ({"shots": 0}, r"rows.shots: .*greater than or equal to 1"),
        ({"validation": -1}, r"rows.validation: .*greater than or equal to 0"),
    ],
)
def test_more_than_there_is_is_refused(toy_domain: Path, rows: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        plan_rows(toy_domain, **rows)


def test_shots_need_a_corpus(toy_domain: Path) -> None:
    text = (toy_domain / "domain.yaml").read_text(encoding="utf-8")
    (toy_domain / "domain.yaml").write_text(text.replace("corpus: corpus.jsonl", "noise: 0.0"), encoding="utf-8")
    model = {"teacher": {"model": "mine", "base_url": "http://127.0.0.1:9/v1"}, "rows": {"shots": 1}}
    with pytest.raises(InputError, match=r"rows.shots: .*no labelled corpus"):
        plan_run(str(toy_domain), "evokd", [ConfigSource("test", model)])


def test_a_resumed_run_finds_its_rows_again(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain, "--set", "rows.shots=2", "--set", "rows.validation=5", "--seed", "7")
    first = word_students[0].jobs[0]
    plan = plan_rows(toy_domain, seed=7, shots=2, validation=5)
    assert [item.text for item in first.examples] == [row.text for row in plan.domain.seeds]
    again = replan_run(RunFolder(folder.path), describe_plan(plan))
    assert again.domain.seeds == plan.domain.seeds
    assert again.domain.validation == plan.domain.validation
