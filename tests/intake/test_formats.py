"""Every kind of file that people bring gives the same domain, which loads as a run would load it."""

import json
from pathlib import Path

import pytest

import evokd
from evokd.messages import InputError
from evokd.messages.spans import Span
from evokd.student.tasks.base import LabeledExample
from tests.intake.sources import CLASSIFICATION, ENTITIES, LABELS, ORDER, TEXTS, span, words, write_source


@pytest.mark.parametrize(("name", "content"), CLASSIFICATION.values(), ids=CLASSIFICATION.keys())
def test_labelled_texts(tmp_path: Path, name: str, content: str) -> None:
    source = write_source(tmp_path, name, content)
    facts = evokd.init_domain(tmp_path / "new", source=source)
    assert (facts["task"], facts["labels"]) == ("classification", LABELS)
    domain = evokd.load_domain(tmp_path / "new")
    assert {(row.text, row.gold) for row in domain.seeds} == {(text, label) for text, label, _ in TEXTS}


@pytest.mark.parametrize(("name", "content"), ENTITIES.values(), ids=ENTITIES.keys())
def test_labelled_entities(tmp_path: Path, name: str, content: str) -> None:
    source = write_source(tmp_path, name, content)
    facts = evokd.init_domain(tmp_path / "new", source=source)
    assert (facts["task"], facts["labels"]) == ("ner", {"person": len(TEXTS)})
    rows = evokd.load_domain(tmp_path / "new").seeds
    is_tokens = TEXTS[0][0] not in {row.text for row in rows}
    texts = {" ".join(words(text)) if is_tokens else text: name for text, _, name in TEXTS}
    expected = {text: [Span(*span(text, name), "person")] for text, name in texts.items()}
    assert {row.text: spans(row) for row in rows} == expected


def spans(row: LabeledExample) -> list[Span]:
    assert isinstance(row.gold, list)
    return [Span(item["start"], item["end"], item["label"]) for item in row.gold]


def test_a_workbook(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in [(None, None, None), ("Nr", "Message", "Topic"), *((at, *row[:2]) for at, row in enumerate(TEXTS))]:
        sheet.append(row)
    book.create_sheet("other").append(["more"])
    book.save(tmp_path / "a.xlsx")
    facts = evokd.init_domain(tmp_path / "new", source=tmp_path / "a.xlsx")
    assert facts["labels"] == LABELS
    assert any("the sheet 'Sheet' is read; passed over: 'other'" in note for note in facts["notes"])
    assert {row.text for row in evokd.load_domain(tmp_path / "new").seeds} == {row[0] for row in TEXTS}


def test_labels_of_a_binary_column_are_refused(tmp_path: Path) -> None:
    """They were read as `b'sports'`."""
    import pyarrow
    from pyarrow import parquet

    rows = {"text": [f"a remark of number {number}" for number in range(40)], "label": [b"praise", b"blame"] * 20}
    parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet.*1: 'label' holds bytes, not a label; name another with --label"):
        evokd.init_domain(tmp_path / "new", source=tmp_path / "a.parquet")


def test_parquet_with_the_names_of_its_classes(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = {"text": [row[0] for row in TEXTS], "label": [ORDER.index(row[1]) for row in TEXTS]}
    info = {"info": {"features": {"label": {"names": ORDER, "_type": "ClassLabel"}}}}
    written = pyarrow.table(rows).replace_schema_metadata({"huggingface": json.dumps(info)})
    parquet.write_table(written, tmp_path / "a.parquet")
    assert evokd.init_domain(tmp_path / "new", source=tmp_path / "a.parquet")["labels"] == LABELS


def test_numbers_are_named_by_the_user(tmp_path: Path) -> None:
    source = write_source(tmp_path, *CLASSIFICATION["numbers with a card"])
    (tmp_path / "README.md").unlink()
    assert evokd.init_domain(tmp_path / "new", source=source, label_names=ORDER)["labels"] == LABELS


def test_where_names_were_found_is_told(tmp_path: Path) -> None:
    facts = evokd.init_domain(tmp_path / "new", source=write_source(tmp_path, *CLASSIFICATION["numbers with a card"]))
    assert (
        f"the numbers in 'label' are named by {tmp_path / 'README.md'}: 0 = question, 1 = praise, 2 = complaint"
        in (facts["notes"])
    )


@pytest.mark.parametrize(
    "card", ["---\na: &a [x, x]\nb: &b [*a, *a]\nfeatures: [*b, *b]\n---\n", "---\n[[[\n---\n", "\xff"]
)
def test_a_card_that_says_nothing_is_passed_over(tmp_path: Path, card: str) -> None:
    source = write_source(tmp_path, *CLASSIFICATION["numbers with a card"])
    (tmp_path / "README.md").write_text(card, encoding="latin-1")
    with pytest.raises(evokd.InputError, match="the labels in 'label' are numbers"):
        evokd.init_domain(tmp_path / "new", source=source)


def test_whole_numbers_of_pandas_and_cells_that_look_empty(tmp_path: Path) -> None:
    cells = ["0.0", "1.0", "2.0", ""] * 3
    source = write_source(
        tmp_path, "a.csv", "text,label\n" + "".join(f'"{t[0]}",{c}\n' for t, c in zip(TEXTS, cells, strict=True))
    )
    facts = evokd.init_domain(tmp_path / "new", source=source)
    assert facts["labels"] == dict.fromkeys(["complaint", "praise", "question"], 3)
    assert facts["data"]["pool"] == 3
    source.write_text(source.read_text().replace("0.0", "nan").replace("1.0", "late").replace("2.0", "lost"))
    notes = evokd.init_domain(tmp_path / "other", source=source)["notes"]
    assert "'nan' is read as a label; leave the cell empty where there is none" in notes


def test_many_classes_are_labels_where_the_user_names_their_column(tmp_path: Path) -> None:
    rows = "".join(f"order {n} of the {n % 77} kind is {n * 7},intent {n % 77}\n" for n in range(770))
    source = write_source(tmp_path, "a.csv", "text,label\n" + rows)
    assert len(evokd.init_domain(tmp_path / "new", source=source, label_column="label")["labels"]) == 77


def test_ratings_stay_the_numbers_that_they_are(tmp_path: Path) -> None:
    rows = "".join(f'"{text}",{1 + at % 5}\n' for at, (text, *_) in enumerate(TEXTS))
    source = write_source(tmp_path, "a.csv", "review,rating\n" + rows)
    facts = evokd.init_domain(tmp_path / "new", source=source, label_column="rating")
    assert set(facts["labels"]) == {"1", "2", "3", "4", "5"}
    assert evokd.load_domain(tmp_path / "new").codec.labels == tuple(facts["labels"])


def test_rows_without_a_label_become_the_pool(tmp_path: Path) -> None:
    rows = [f'"{text}",{label if at < 9 else ""}' for at, (text, label, _) in enumerate(TEXTS)]
    source = write_source(tmp_path, "a.csv", "\n".join(["text,label", *rows, '" ",praise']))
    (tmp_path / "more.txt").write_text(f"A line of the archive\n{TEXTS[0][0]}\n", encoding="utf-8")
    facts = evokd.init_domain(tmp_path / "new", source=source, pool=tmp_path / "more.txt")
    assert facts["data"] == {"seeds": 9, "validation": 0, "test": 0, "pool": 4}
    assert "unlabelled texts left out: 1 repeated, or among the seeds" in facts["notes"]
    assert "rows without a text, left out: 1" in facts["notes"]


def test_texts_alone_are_the_pool_of_the_labels_wanted(tmp_path: Path) -> None:
    source = write_source(tmp_path, "a.txt", "".join(f"{text}\n" for text, *_ in TEXTS))
    facts = evokd.init_domain(tmp_path / "new", source=source, label_names=["yes", "7", "a: b"])
    assert facts["data"] == {"seeds": 9, "validation": 0, "test": 0, "pool": 12}
    domain = evokd.load_domain(tmp_path / "new")
    assert domain.codec.labels == ("yes", "7", "a: b")
    assert all(row.text.startswith("Replace this text") for row in domain.seeds)


@pytest.mark.parametrize("task", ["classification", "ner"])
@pytest.mark.parametrize("names", [[], ["first_one", "second"]])
def test_an_example_to_edit_passes_the_check(tmp_path: Path, task: str, names: list[str]) -> None:
    facts = evokd.init_domain(tmp_path / "new", task=task, label_names=names)
    assert min(facts["labels"].values()) == 3
    assert evokd.check(tmp_path / "new")["labels"] == list(facts["labels"])
