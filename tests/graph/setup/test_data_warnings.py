"""What is odd about data is said, and nothing is said of data that is in order."""

import json
from pathlib import Path

import pytest
import yaml

from evokd.cli import main
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.simulated_teacher import read_corpus
from tests.graph.toy import SHIPPED, read_rows, write_domain, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A domain folder of three labels."""
    return write_domain(tmp_path / "toy")


def move(source: Path, target: Path, count: int, **changes: str) -> None:
    rows = [{**row, **changes} for row in read_rows(source)[:count]]
    write_rows(target, [*read_rows(target), *rows])


@pytest.mark.parametrize("name", ["support_tickets", "field_reports", "maengelmelder"])
def test_shipped_domains_are_in_order(name: str) -> None:
    assert read_corpus(load_domain(SHIPPED.parent / name)).notes == ()


def test_a_label_that_test_data_does_not_hold_is_named(folder: Path) -> None:
    labels = list(load_domain(folder).codec.labels)
    for name in ("test", "validation"):
        file = folder / f"{name}.jsonl"
        write_rows(file, [row for row in read_rows(file) if row["label"] != labels[0]])
    notes = load_domain(folder).notes
    told = f"no text has the label '{labels[0]}', so no score measures it; add some"
    assert notes == (f"{folder}/validation.jsonl: {told}", f"{folder}/test.jsonl: {told}")


def test_texts_that_stand_in_test_data_as_well_are_counted(folder: Path) -> None:
    move(folder / "test.jsonl", folder / "seeds.jsonl", 1)
    move(folder / "test.jsonl", folder / "corpus.jsonl", 2)
    seeds, corpus = read_corpus(load_domain(folder)).notes
    assert seeds.startswith(f"{folder}/seeds.jsonl: 1 text occurs in test.jsonl as well")
    assert corpus.startswith(f"{folder}/corpus.jsonl: 2 texts occur in test.jsonl as well; a run rejects them as leaks")


def test_a_text_with_two_answers_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, other = list(load_domain(folder).codec.labels)[:2]
    row = read_rows(folder / "test.jsonl")[0]
    changed = other if row["label"] == first else first
    move(folder / "test.jsonl", folder / "test.jsonl", 1)
    assert load_domain(folder).notes == ()  # twice the same is no contradiction
    move(folder / "test.jsonl", folder / "test.jsonl", 1, label=changed)
    (note,) = load_domain(folder).notes
    told = "1 text occurs in it more than once, with different answers (lines 1 and 62); decide on one answer for each"
    assert note == f"{folder}/test.jsonl: {told}"
    assert main.run_cli(["check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [note]


def test_seeds_that_stand_twice_or_in_validation_data_are_told_with_their_lines(folder: Path) -> None:
    count = len(read_rows(folder / "seeds.jsonl"))
    move(folder / "seeds.jsonl", folder / "seeds.jsonl", 2)
    loaded = load_domain(folder)
    (note,) = loaded.notes
    told = f"2 texts occur in it more than once (the first: lines 1 and {count + 1}), the repeats are left out"
    assert note == f"{folder}/seeds.jsonl: {told}; one of each is enough"
    assert [row.line for row in loaded.seeds] == list(range(1, count + 1)), "each is trained on once"
    write_rows(folder / "seeds.jsonl", read_rows(folder / "seeds.jsonl")[:count])
    rows = len(read_rows(folder / "validation.jsonl"))
    move(folder / "seeds.jsonl", folder / "validation.jsonl", 1)
    (note,) = load_domain(folder).notes
    told = (
        f"1 text occurs in validation.jsonl as well (line 1, there line {rows + 1}), so scores there are too optimistic"
    )
    assert note == f"{folder}/seeds.jsonl: {told}; keep each text in one file"


@pytest.mark.parametrize("split", ["seeds", "validation"])
def test_a_text_under_two_labels_is_told_in_every_file(folder: Path, split: str) -> None:
    file = folder / f"{split}.jsonl"
    rows, labels = read_rows(file), list(load_domain(folder).codec.labels)
    other = next(label for label in labels if label != rows[0]["label"])
    move(file, file, 1, label=other)
    told = f"1 text occurs in it more than once, with different answers (lines 1 and {len(rows) + 1})"
    loaded = load_domain(folder)
    assert loaded.notes == (f"{file}: {told}; decide on one answer for each",)
    assert len(getattr(loaded, split)) == len(rows) + 1, "nobody knows which of them is right"


def test_one_file_for_two_splits_is_told_as_that(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "domain.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tree["data"]["test"] = tree["data"]["seeds"] = tree["data"]["validation"]
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert main.run_cli(["check", str(folder)]) == 0
    told = f"warning {tree['data']['test']}: named twice in domain.yaml, so its score is too optimistic"
    assert capsys.readouterr().out.count(told) == 1
