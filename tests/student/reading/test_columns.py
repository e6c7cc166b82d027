from collections.abc import Mapping
from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.student.data import read_examples, read_partly_labelled
from evokd.student.lines import Line, read_lines
from evokd.student.reading.columns import LABEL_NAMES, TEXT_NAMES, guess_name
from evokd.student.reading.layout import Layout
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.registry import codec

CODEC = codec("classification", ["billing", "bug"])
NAMES = {"text": "Body", "label": "Queue"}
READ = [LabeledExample("paid, twice", "billing"), LabeledExample("it crashes", "bug")]
FILES = {
    "commas.csv": 'id,Body,Queue\n7,"paid, twice",billing\n8,it crashes,bug\n',
    "semicolons.csv": "Queue;Body;when\nbilling;paid, twice;May\nbug;it crashes;June\n",
    "tabs.tsv": "Body\tQueue\npaid, twice\tbilling\nit crashes\tbug\n",
    "shadowed.csv": 'text,Body,Queue,label\nx,"paid, twice",billing,y\nx,it crashes,bug,y\n',
    "rows.jsonl": '{"id": 7, "Body": "paid, twice", "Queue": "billing"}\n{"Queue": "bug", "Body": "it crashes"}\n',
}


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", FILES)
def test_mapped_columns_are_read_and_others_passed_over(tmp_path: Path, name: str) -> None:
    path, layout = write(tmp_path, name, FILES[name]), Layout()
    assert read_examples(path, CODEC, layout=layout, columns=NAMES) == READ
    told = layout.tell()
    assert "text (column 'Body')" in told
    assert "label (column 'Queue')" in told
    unread = {"commas.csv": "passed over: 'id'", "semicolons.csv": "'when'", "shadowed.csv": "'text', 'label'"}
    assert unread.get(name, "") in told
    assert [line.text for line in read_lines(path, text_column="Body")] == [row.text for row in READ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"Body": 5, "Queue": "bug"}\n', '"Body" must be a string, not a number; write it in quotes'),
        ('{"Body": " ", "Queue": "bug"}\n', '"Body" is empty; write a text or remove the row'),
        ('{"text": 5, "label": "bug"}\n', '"text" must be a string, not a number; write it in quotes'),
    ],
)
def test_faults_name_a_mapped_column_as_the_file_does(tmp_path: Path, content: str, told: str) -> None:
    path = write(tmp_path, "rows.jsonl", content)
    with pytest.raises(InputError) as caught:
        read_examples(path, CODEC, columns=NAMES, or_known=True)
    assert str(caught.value) == f"{path}:1: {told}"
    if "5" in content:
        with pytest.raises(InputError, match="is a number, not a text") as caught:
            list(read_lines(path, text_column="Body", or_text=True))
        assert str(caught.value).startswith(f"{path}:1: {told.split()[0]} is")


def test_rows_without_keys_are_told_without_an_empty_list(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", "{}\n")
    with pytest.raises(InputError, match="to read as text; its columns are none"):
        list(read_lines(path, text_column="Body"))
    with pytest.raises(InputError) as caught:
        read_partly_labelled(path, CODEC, {})
    assert "its columns are" not in str(caught.value)


def test_mapped_columns_of_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path, layout = tmp_path / "rows.parquet", Layout()
    rows = {"Body": ["paid, twice", "it crashes"], "Queue": ["billing", "bug"], "id": [1, 2]}
    parquet.write_table(pyarrow.table(rows), path)
    assert read_examples(path, CODEC, layout=layout, columns=NAMES) == READ
    assert layout.passed_over == ["'id'"]
    assert [line.text for line in read_lines(path, text_column="Body")] == [row.text for row in READ]
    with pytest.raises(InputError, match=r"no column 'Bodi' to read as text \(did you mean 'Body'\?\)"):
        list(read_lines(path, text_column="Bodi"))


def test_mapped_keys_of_entities(tmp_path: Path) -> None:
    task = codec("ner", ["person"])
    rows = '{"words": ["Robin", "left"], "ner": ["B-person", "O"], "id": 1}\n'
    path = write(tmp_path, "rows.jsonl", rows)
    read = read_examples(path, task, columns={"tokens": "words", "tags": "ner"})
    assert read == [LabeledExample("Robin left", [{"start": 0, "end": 5, "label": "person"}])]


def test_names_that_are_not_mapped_are_read_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "Body,label,note\nit crashes,bug,n\n")
    assert read_examples(path, CODEC, columns={"text": "Body"}) == READ[1:]


def test_a_pool_without_the_mapped_column_is_read_by_text(tmp_path: Path) -> None:
    path = write(tmp_path, "pool.csv", "text;Queue\nit crashes;bug\n")
    assert list(read_lines(path, text_column="Body", or_text=True)) == [Line(2, "it crashes")]
    with pytest.raises(InputError, match="no column 'Body' to read as text; its columns are 'text', 'Queue'"):
        list(read_lines(path, text_column="Body"))


def test_a_labelled_file_with_none_of_the_mapped_columns_is_read_by_the_usual_names_unless_one_may_be_meant(
    tmp_path: Path,
) -> None:
    path, layout = write(tmp_path, "rows.csv", "text,label\nit crashes,bug\n"), Layout()
    body, slip = {"text": "Body"}, {"text": "Text"}
    assert read_examples(path, CODEC, layout=layout, columns=body, or_known=True, but_no_slip=True) == READ[1:]
    assert layout.notes == ["holds no column 'Body'; read by the usual names"]
    with pytest.raises(InputError, match=r"no column 'Text' .*did you mean 'text'"):
        read_examples(path, CODEC, columns=slip, or_known=True, but_no_slip=True)


FAULTS: dict[str, tuple[str, str, Mapping[str, str], str]] = {
    "misspelt": (
        "a.csv",
        "Body,Queue\nx,bug\n",
        {"text": "Boddy"},
        "text (did you mean 'Body'?); its columns are 'Body',",
    ),
    "capitals": ("a.csv", "BODY,Queue\nx,bug\n", {"text": "body"}, "(did you mean 'BODY'?)"),
    "of labels": (
        "a.csv",
        "Body;Queue\nx;bug\n",
        {"text": "Body", "label": "Kind"},
        "no column 'Kind' to read as label",
    ),
    "doubled": ("a.csv", "Body,Body,Queue\nx,y,bug\n", NAMES, "a column is named twice ('Body')"),
    "key of a later row": ("a.jsonl", FILES["rows.jsonl"] + '{"Body": "x"}\n', NAMES, "a.jsonl:3: no column 'Queue'"),
    "texts as labels": (
        "a.csv",
        "Body;Queue\nx;bug\n",
        {"text": "Body", "label": "Body"},
        "the column 'Body' was to be read both as text and as label",
    ),
    "labels not mapped": ("a.csv", "Body,Queue\nx,bug\n", {"text": "Body"}, 'key "label" is missing'),
    "labels misspelt": (
        "a.csv",
        "Body,Label\nx,bug\n",
        {"text": "Body"},
        "unknown column 'Label'; did you mean 'label'?",
    ),
    "nothing mapped": ("a.csv", "Body;Queue\nx;bug\n", {}, "such as columns: {text: Body, label: Queue}"),
    "nothing mapped in JSON": (
        "a.jsonl",
        '{"Body": "x", "Queue": "bug"}\n',
        {},
        "columns are Body, Queue; name the column",
    ),
    "a column too many": ("a.csv", "id,text,label\n1,x,bug\n", {}, "or name the columns to read under data.columns"),
}


@pytest.mark.parametrize(("name", "content", "columns", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(tmp_path: Path, name: str, content: str, columns: Mapping[str, str], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        read_examples(write(tmp_path, name, content), CODEC, columns=columns)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_usual_names_are_guessed_whatever_their_capitals() -> None:
    assert guess_name(["id", "Message", "Queue"], TEXT_NAMES) == "Message"
    assert guess_name(["id", "Message", "Queue"], LABEL_NAMES) == "Queue"
    assert guess_name(["a", "b"], TEXT_NAMES) is None
