"""Unlabelled texts are read from every kind of file, and what is broken is told by its line."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.student.lines import Line, read_lines
from evokd.student.reading.layout import Layout


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


WHOLE = {
    "lines.txt": ("\ufeffone\r\n\n  \ntwo, and more\n", [(1, "one"), (4, "two, and more")]),
    "rows.jsonl": (
        '{"text": "one", "label": "x"}\n\n{"tokens": ["a", "b", 3]}\n{"text": ""}\n',
        [(1, "one"), (3, "a b 3")],
    ),
    "joined.txt": ("\ufeff\ufeffone\n\ufefftwo\n\u200b\n\x01\u00ad\n", [(1, "one"), (2, "two")]),
    "tagged.txt": ("they say O\nand then nothing\n", [(1, "they say O"), (2, "and then nothing")]),
    "table.csv": ('id,text\n1,"one, ""two"""\n\n2,"over\nlines"\n', [(2, 'one, "two"'), (4, "over\nlines")]),
    "column.csv": ("text\none\n\ntwo\n", [(2, "one"), (4, "two")]),
    "semicolons.csv": ("text;label\none, or;x\n", [(2, "one, or")]),
    "tabs.csv": ("label\ttext\nx\tone, or\n", [(2, "one, or")]),
    "table.tsv": ("text\tlabel\none, or\tx\n", [(2, "one, or")]),
    "old_mac.csv": ("text,label\rone,x\rtwo,y\r", [(2, "one"), (3, "two")]),
    "tagged.conll": ("Robin B-person\nleft O\n\nEly B-place\n", [(1, "Robin left"), (4, "Ely")]),
    "tokens.conll": ("Robin\nleft\n\nEly\n", [(1, "Robin left"), (4, "Ely")]),
    "counted.conllu": ("1 Robin NNP\n2 left VBD\n\n1 Ely NNP\n", [(1, "Robin left"), (4, "Ely")]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_texts_come_with_the_line_where_they_stand(tmp_path: Path, name: str) -> None:
    content, lines = WHOLE[name]
    assert list(read_lines(write(tmp_path, name, content))) == [Line(*line) for line in lines]


def test_rows_of_a_parquet_file(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"text": ["one", None, " ", "two"], "id": [1, 2, 3, 4]}), path)
    assert list(read_lines(path)) == [Line(1, "one"), Line(4, "two")]
    parquet.write_table(pyarrow.table({"tokens": [["one", "two"], None, ["three"]], "tags": [[0, 0], None, [1]]}), path)
    assert list(read_lines(path)) == [Line(1, "one two"), Line(3, "three")]
    parquet.write_table(pyarrow.table({"body": ["one"]}), path)
    with pytest.raises(InputError, match="no column is called \"text\" \\(found 'body'\\)"):
        list(read_lines(path))
    with pytest.raises(InputError, match="not a readable parquet file"):
        list(read_lines(write(tmp_path, "broken.parquet", "no")))


def test_a_null_is_a_row_without_a_text_in_json_lines_as_in_a_table(tmp_path: Path) -> None:
    layout = Layout()
    path = write(tmp_path, "rows.jsonl", '{"text": "x"}\n{"text": null}\n{"text": ""}\n')
    assert [line.text for line in read_lines(path, layout)] == ["x"]
    assert layout.notes == ["2 rows without a text passed over, the first at line 2"]


BROKEN = {
    "tokens as lines": (
        "train.txt",
        "-DOCSTART- -X- O\n\nAnna NNP B-PER\nleft VBD O\n",
        r"train\.txt:1: each line looks like a",
    ),
    "an old Mac's lines": ("lines.txt", "one\rtwo\rthree\n", r"lines\.txt:1: a lone carriage return inside a line"),
    "rows in a cell": (
        "rows.tsv",
        'text\tlabel\n"no end\tbug\nand\tbug\nan end"\tbug\n',
        r"rows\.tsv:2: a quoted cell takes in whole rows; double",
    ),
    "no object": ("rows.jsonl", '{"text": "x"}\n["x"]\n', r"rows\.jsonl:2: not a JSON object; write"),
    "no text": ("rows.jsonl", '{"text": 5}\n', r'rows\.jsonl:1: "text" is a number, not a text; write it in quotes'),
    "no key": ("rows.jsonl", '{"text": "x"}\n{"n": 1}\n', r"rows\.jsonl:2: no text; write"),
    "another key": (
        "rows.jsonl",
        '{"id": "7", "Body": "x"}\n',
        r"rows\.jsonl:1: no text; write .*; its keys are 'id', 'Body'; .* columns: \{text: Body\}; for predict",
    ),
    "broken JSON": ("rows.jsonl", '{"text": "x"}\n{"text": \n', r"rows\.jsonl:2: broken JSON"),
    "half a pair": ("rows.jsonl", '{"text": "\\ud83d"}\n', r"rows\.jsonl:1: .*half a surrogate pair"),
    "no column": (
        "table.csv",
        "id,body\n1,x\n",
        r"table\.csv:1: .* its columns are 'id', 'body'; say which",
    ),
    "a text for a header": ("table.csv", "this is a text already\n", r"table\.csv:1: the header lacks \"text\""),
    "no header": ("table.csv", "cancel it\nI waited\n", r"table\.csv:1: the header lacks .* save plain lines as \.txt"),
    "a cell is missing": ("table.csv", "id,text\n1\n", r"table\.csv:2: 1 cell where the header has 2"),
    "a cell too many": ("table.csv", "text,id\nso, it broke,1\n", r"table\.csv:2: 3 cells where the header has 2"),
    "broken CSV": ("table.csv", 'id,text\n1,"x" y\n', r"table\.csv:2: broken CSV"),
    "a column is missing": ("c.conll", "it O\n\nx\n", r"c\.conll:3: 1 column where the first token has 2"),
    "nested": (
        "rows.jsonl",
        "[" * 100_000,
        r"rows\.jsonl:1: unreadable JSON \(it is nested too deeply\); a line is one",
    ),
    "not UTF-8": ("lines.txt", b"one\nf\xfcr\n", r"lines\.txt:2: byte 0xfc at offset 5 is not UTF-8"),
    "unknown kind": ("lines.pdf", "x", r"lines\.pdf: unknown kind of file for unlabelled texts; use \.txt"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_faults_are_told_by_file_and_line(tmp_path: Path, fault: str) -> None:
    name, content, told = BROKEN[fault]
    with pytest.raises(InputError, match=told):
        list(read_lines(write(tmp_path, name, content)))


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_lines(tmp_path / "lines.txt"))
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        list(read_lines(tmp_path / "folder.txt"))


def as_json(number: int) -> str:
    return json.dumps({"text": f"text {number}"}) + "\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [("l.txt", "text {}\n".format), ("l.jsonl", as_json), ("l.csv", "text {}\n".format)],
)
def test_lines_are_read_one_by_one(tmp_path: Path, name: str, line: Callable[[int], str]) -> None:
    rows = "".join(line(number) for number in range(2_000))
    header = "text\n" if name.endswith("csv") else ""
    path = write(tmp_path, name, (header + rows).encode() + b"\xff\n" * 200_000)
    first = list(islice(read_lines(path), 100))
    assert [text for _, text in first] == [f"text {number}" for number in range(100)], "the broken end is not reached"


@pytest.mark.parametrize(
    "table",
    ["text,Label\none,a\ntwo,b\n", "id,text,score,score\nx,one,1,2\ny,two,3,4\n", "index,text\nA1,one\nA2,two\n"],
    ids=["capitals", "doubled", "numbers that are none"],
)
def test_columns_that_are_not_read_cannot_be_faulty(tmp_path: Path, table: str) -> None:
    (tmp_path / "a.csv").write_text(table, encoding="utf-8")
    assert [line.text for line in read_lines(tmp_path / "a.csv")] == ["one", "two"]


def test_a_doubled_column_of_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,text\none,two\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv:1: a column is named twice"):
        list(read_lines(tmp_path / "a.csv"))
