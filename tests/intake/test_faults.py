"""What is wrong with a file is told in one line that says where and how to mend it, and nothing is left behind."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.api.domain_making import init_domain
from evokd.messages import InputError

GOOD = "text,label\nit crashes on start,bug\nwho pays for this,billing\nit is late again,bug\n"
TEXT = "Robin left Ely early"


def rows(*made: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in made)


def spans(*items: Any, text: str = TEXT) -> str:
    return rows({"text": text, "entities": list(items)})


def studio(value: Any) -> str:
    return json.dumps([{"data": {"text": TEXT}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}])


def free(count: int) -> str:
    return "text,label\n" + "".join(f"text number {n} of many,remark {n}\n" for n in range(count))


MANY = "text,label\n" + "".join(f"text number {n} of many,label {n % 250}\n" for n in range(1_500))
DOUBLED = "text,label\n" + "it crashes,bug\nit crashes,billing\nit is fine now,billing\nit is slow today,billing\n"
Given = dict[str, Any]
FAULTS: dict[str, tuple[str | None, str | bytes, Given, list[str]]] = {
    # the file
    "no such file": (None, "", {"source": "gone.csv"}, ["gone.csv: no such file", "check the path"]),
    "a folder": (None, "", {"source": "."}, ["is a folder; name a file in it"]),
    "empty": ("a.csv", "", {}, ["a.csv: the file is empty"]),
    "blank lines alone": ("a.csv", "\n\n", {}, ["holds no rows"]),
    "a header alone": ("a.csv", "text,label\n", {}, ["holds no rows"]),
    "unknown ending": ("a.docx", "x", {}, ["unknown kind of file", ".csv", ".xlsx"]),
    "no ending": ("rows", GOOD, {}, ["unknown kind of file"]),
    "binary": ("a.csv", b"\x00\x01\x02\x03", {}, ["a.csv:1: holds a NUL byte"]),
    "a picture": ("a.csv", b"\x89PNG\r\n\x1a\n\x00", {}, ["a.csv:1:", "not UTF-8"]),
    "cp1252": ("a.csv", "text,label\ncafé is closed,bug\n".encode("cp1252"), {}, ["a.csv:2: byte 0xe9", "UTF-8"]),
    "UTF-16": ("a.csv", GOOD.encode("utf-16"), {}, ["a.csv:1:", "save the file with encoding UTF-8"]),
    "packed": ("a.csv", b"\x1f\x8b\x08\x00", {}, ["packed with gzip; unpack it first"]),
    "a workbook named .csv": ("a.csv", b"PK\x03\x04rest", {}, ["as .xlsx and .docx are; save it as CSV"]),
    "a broken workbook": ("a.xlsx", b"PK\x03\x04rest", {}, ["not a readable workbook", "save it again"]),
    "a broken Parquet file": ("a.parquet", "no", {}, ["not a readable parquet file"]),
    "spaCy's binary form": ("a.spacy", b"\x00", {}, [".spacy files are not read; save it as JSON lines"]),
    # tables
    "a row too long": ("a.csv", GOOD + "a,b,c\n", {}, ["a.csv:5: 3 cells where the header has 2", "double quotes"]),
    "a row too short": ("a.csv", GOOD + "a\n", {}, ["a.csv:5: 1 cell where", "leave a cell empty"]),
    "an open quote": ("a.csv", GOOD + '"never closed,bug\n', {}, ["a.csv:5:", "never closed"]),
    "no header": ("a.csv", "it has been broken for two weeks,bug\nx y z,bug\n", {}, ["a.csv:1:", "not a header"]),
    "a numbered header": ("a.csv", "1,2\nit crashes,bug\n", {}, ["a.csv:1:", "write the names of the columns"]),
    "a column twice": ("a.csv", "text,text\na b c,d\n", {}, ["a.csv:1: a column is named twice ('text')"]),
    "one column": ("a.csv", "text\nit crashes again\nwho pays for it\n", {}, ["no labels were found", "--label-names"]),
    # columns
    "an unknown text column": ("a.csv", GOOD, {"text_column": "txt"}, ["--text-column: no column 'txt'", "'text'?"]),
    "an unknown label column": (
        "a.csv",
        GOOD,
        {"label_column": "Label"},
        ["no column 'Label' (did you mean 'label'?)"],
    ),
    "two columns of texts": (
        "a.csv",
        "one,two,label\nit crashes on start,it is very late now,bug\nwho pays for that,you do not pay it,ok\n",
        {},
        ["which column holds the texts is not clear", "'one' ('it crashes on start')", "name it with --text-column"],
    ),
    "two columns of labels": (
        "a.csv",
        "text,queue,topic\nit crashes on start,a,x\nwho pays for that,b,y\nit is late again,a,y\n",
        {},
        ["which column holds the labels is not clear", "'queue' ('a, b')", "--label-column"],
    ),
    "no texts": ("a.csv", "id,n\n1,2\n3,4\n", {}, ["a.csv: no column seems to hold texts", "'id' ('1')"]),
    "rows of nothing": ("a.jsonl", "{}\n{}\n", {}, ["a.jsonl: its rows hold nothing; give each of them a text"]),
    "text is a number": (
        "a.jsonl",
        rows({"text": 5, "label": "b"}),
        {"text_column": "text"},
        ["a.jsonl:1:", "a number"],
    ),
    # labels
    "free text as label": (
        "a.csv",
        free(80),
        {"label_column": "label"},
        ["80 different values in 80 rows", "no label"],
    ),
    "nearly all distinct": ("a.csv", free(25), {"label_column": "label"}, ["25 different values", "--label-column"]),
    "one label": ("a.csv", "text,label\na b c,x\nd e f,x\n", {"label_column": "label"}, ["one label alone ('x')"]),
    "lines in a label": ("a.csv", GOOD + 'a b c,"x\ny"\n', {"label_column": "label"}, ["a.csv:5:", "several lines"]),
    "a sign in a label": ("a.csv", GOOD + "a b c,x\x07y\n", {"label_column": "label"}, ["a.csv:5:", "cannot be seen"]),
    "several labels": (
        "a.jsonl",
        rows({"text": "a b c", "label": ["x"]}, {"text": "d e f", "label": ["x", "y"]}),
        {"label_column": "label"},
        ["a.jsonl:2: 2 labels for one text ('x', 'y'); keep the one"],
    ),
    "twins": ("a.csv", "text,label\na b c,e\u0301\nd e f,\u00e9\n", {}, ["two forms that look the same"]),
    "every text in doubt": ("a.csv", DOUBLED, {}, ["every text of the label 'bug' occurs with another label"]),
    "numbers without names": (
        "a.csv",
        "text,label\nit crashes,0\nwho pays,1\nit is late,0\n",
        {},
        ["the labels in 'label' are numbers (0 to 1)", "--label-names sports,politics"],
    ),
    "too few names": (
        "a.csv",
        "text,label\nit crashes,0\nwho pays,2\nit is late,1\n",
        {"label_names": ["a", "b"]},
        ["2 in 'label' has no name: 2 are given, for 0 to 1"],
    ),
    "a label too long": ("a.csv", GOOD + f"a b c,{'x' * 300}\n", {}, ["a.csv:5: a label of 300 characters"]),
    "one column for both": ("a.csv", GOOD, {"text_column": "text", "label_column": "text"}, ["name two columns"]),
    "names for words": ("a.csv", GOOD, {"label_names": ["a", "b"]}, ["'label' holds words; leave it out"]),
    "too many labels": ("a.csv", MANY, {"label_column": "label"}, ["250 different values in 1,500 rows"]),
    "a name twice": ("a.csv", GOOD, {"label_names": ["a", "a"]}, ["--label-names: 'a' is there twice"]),
    "an empty name": ("a.csv", GOOD, {"label_names": ["a", " "]}, ["--label-names: a name is empty"]),
    # entities
    "numbered tags": (
        "a.jsonl",
        rows({"tokens": ["Robin", "left"], "ner_tags": [1, 0]}),
        {},
        ["the tags in 'ner_tags' are numbers (0 to 1)", "--label-names O,B-PER,I-PER"],
    ),
    "an unknown tag": (
        "a.jsonl",
        rows({"tokens": ["Robin", "left"], "ner_tags": [7, 0]}),
        {"label_names": ["O", "B-PER", "I-PER"]},
        ["7 in 'ner_tags' has no name"],
    ),
    "a tag without prefix": ("a.jsonl", rows({"tokens": ["Robin"], "tags": ["PER"]}), {}, ["a.jsonl:1:", "no prefix"]),
    "outside the text": ("a.jsonl", spans([0, 5, "x"], [15, 90, "x"]), {}, ["a.jsonl:1:", "15-90", "characters"]),
    "overlapping": ("a.jsonl", spans([0, 10, "x"], [6, 14, "y"]), {}, ["a.jsonl:1:", "overlaps", "keep one"]),
    "inside a word": ("a.jsonl", spans([0, 3, "x"]), {}, ["a.jsonl:1:", "'Rob' cuts a word"]),
    "turned round": ("a.jsonl", spans([5, 0, "x"]), {}, ["a.jsonl:1:", "start must be less than end"]),
    "no number": ("a.jsonl", spans({"start": "0", "end": 5, "label": "x"}), {}, ["the start of a span is '0'"]),
    "no label": ("a.jsonl", spans({"start": 0, "end": 5}), {}, ["the label of a span is null"]),
    "two labels": ("a.jsonl", spans({"start": 0, "end": 5, "label": ["x", "y"]}), {}, ["a span has 2 labels"]),
    "no entity": ("a.jsonl", spans(), {"task": "ner"}, ["no labels were found"]),
    "other words": (
        "a.json",
        studio({"start": 0, "end": 5, "text": "Robyn", "labels": ["x"]}),
        {},
        ["a.json: item 1: the span 0-5 is 'Robin' in the text, but 'Robyn' in its annotation"],
    ),
    "no spans for ner": ("a.csv", GOOD, {"task": "ner", "label_column": "label"}, ["'label' holds no spans such as"]),
    "tokens without tags": ("a.conll", "Robin\nleft\n\n", {}, ["a.conll:1: only one column"]),
    "tags of another width": ("a.conll", "Robin B-x\nleft a O\n\n", {}, ["a.conll:2: 3 columns"]),
    # JSON
    "broken JSON": ("a.json", '[{"text": "a b",\n "label" "x"}]', {}, ["a.json:2: broken JSON at column 10"]),
    "a broken line": ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": \n', {}, ["a.jsonl:2: broken JSON"]),
    "no objects": ("a.json", "[1, 2]", {}, ['a.json: item 1: no object; write {"text"']),
    "a number": ("a.json", "5", {}, ["holds no list of objects"]),
    "a key twice": ("a.jsonl", '{"text": "a", "text": "b"}\n', {}, ['the key "text" is there twice']),
    "too deep": ("a.json", "[" * 100_000, {}, ["a.json", "JSON"]),
    "half a pair": (
        "a.jsonl",
        '{"text": "a \\ud800 b", "label": "x"}\n{"text": "c", "label": "y"}\n',
        {},
        ["surrogate"],
    ),
    "a task of Label Studio": ("a.json", '[{"data": 5, "annotations": []}]', {}, ['item 1: "data" is no object']),
    # the order
    "an unknown task": ("a.csv", GOOD, {"task": "nerr"}, ["--task nerr: unknown task (did you mean 'ner'?)"]),
    "no pool": ("a.csv", GOOD, {"pool": "gone.txt"}, ["gone.txt: no such file"]),
    "a pool of many columns": (
        "a.csv",
        "one,two\nit crashes on start,it is very late now\nwho pays for that,you do not pay it\n",
        {"source": None, "pool": "a.csv"},
        ["which column holds the texts is not clear", "call that of the texts text"],
    ),
    "columns of no file": (None, "", {"text_column": "Body"}, ["give it with --from FILE"]),
    "a name with blanks": ("a.csv", GOOD, {"name": "my tickets"}, ["'my tickets' cannot be", "such as my_tickets"]),
    "a name that is taken": ("a.csv", GOOD, {"name": "taken"}, ["taken: is there already, and nothing is overwritten"]),
    "nowhere to put it": ("a.csv", GOOD, {"name": "gone/new"}, ["gone: no such folder to put new into"]),
}


@pytest.mark.parametrize(("name", "content", "given", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
    content: str | bytes,
    given: Given,
    told: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    if name is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        init_domain(**{"name": "new", **({"source": name} if name else {}), **given})
    message = str(caught.value)
    for part in told:
        assert part in message
    assert "\n" not in message
    assert len(message) < 1_000
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("package", ["openpyxl", "pyarrow"])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    name = {"openpyxl": "a.xlsx", "pyarrow": "a.parquet"}[package]
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("x", "y")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(InputError, match=rf"needs the package {package}; install it \(pip install 'evokd\["):
        init_domain(tmp_path / "new", source=tmp_path / name)


def break_check(_: Path) -> None:
    raise InputError("refused")


@pytest.mark.parametrize("failing", [break_check])
def test_a_folder_that_the_check_refuses_never_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Callable[[Path], None]
) -> None:
    monkeypatch.setattr("evokd.api.domain_making.load_domain", failing)
    with pytest.raises(InputError, match="refused"):
        init_domain(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_rare_label_that_looks_misspelt_is_named(tmp_path: Path) -> None:
    rows = [f"the loan number {n} ends today,renewal\nlift number {n} is stuck,building\n" for n in range(8)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows) + "Extend it,renewl\n", encoding="utf-8")
    notes = init_domain(tmp_path / "new", source=tmp_path / "a.csv")["notes"]
    assert [note for note in notes if "misspelt" in note] == [
        "'renewl' (1) looks like a misspelt 'renewal' (8); if it is, correct it in your file and run init again"
    ]
