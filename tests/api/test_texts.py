"""Texts to predict are read as data files are, and standard input by what stands in it."""

import io
import os
import threading
from pathlib import Path

import pytest

from evokd.api.texts import Input, open_input
from evokd.messages import InputError

TABLE = 'text,label\n"late, and broken",faulty\nI want to cancel,cancel\n'
TEXTS = ["late, and broken", "I want to cancel"]
FILES = {
    "a.csv": TABLE,
    "a.tsv": "label\ttext\nfaulty\tlate, and broken\ncancel\tI want to cancel\n",
    "a.jsonl": '{"text": "late, and broken", "label": "faulty"}\n{"tokens": ["I", "want", "to", "cancel"]}\n',
    "a.json": '{"text": "late, and broken"}\n{"text": "I want to cancel"}\n',
    "a.conll": "late, O\nand O\nbroken O\n\nI O\nwant O\nto O\ncancel O\n",
    "a.txt": "late, and broken\n\nI want to cancel\n",
    "letters": "late, and broken\nI want to cancel\n",
    "export.log": TABLE,
}


def texts_of(found: Input) -> list[str]:
    return [row.text for row in found if row.text is not None]


def read_file(path: Path, form: str | None = None) -> list[str]:
    return texts_of(open_input(str(path), io.BytesIO(), form))


def read_stdin(content: str, form: str | None = None) -> tuple[list[str], list[str]]:
    found = open_input("-", io.BytesIO(content.encode()), form)
    return texts_of(found), found.describe()


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_everywhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    assert read_file(tmp_path / name) == TEXTS


def test_a_parquet_file(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": TEXTS, "label": ["a", "b"]}), tmp_path / "a.parquet")
    assert read_file(tmp_path / "a.parquet") == TEXTS


NAMED = {
    "a.csv": 'id;Ticket text;label\n1;"late, and broken";x\n2;I want to cancel;y\n',
    "a.jsonl": '{"Ticket text": "late, and broken"}\n{"Ticket text": "I want to cancel"}\n',
    "-": 'id,Ticket text\n1,"late, and broken"\n2,I want to cancel\n',
}


@pytest.mark.parametrize("name", NAMED)
def test_the_column_of_the_texts_can_be_named(tmp_path: Path, name: str) -> None:
    path = "-" if name == "-" else str(tmp_path / name)
    if name != "-":
        (tmp_path / name).write_text(NAMED[name], encoding="utf-8")
    found = open_input(path, io.BytesIO(NAMED[name].encode()), text_column="Ticket text")
    assert texts_of(found) == TEXTS
    with pytest.raises(InputError, match=r"did you mean 'Ticket text'|have no column 'ticket txt'"):
        open_input(path, io.BytesIO(NAMED[name].encode()), text_column="ticket txt")


@pytest.mark.parametrize("name", ["a.xlsx", "a.docx", "a.pdf", "a.zip", "a.csv.gz"])
def test_other_documents_are_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"files are not read; save its texts as \.txt"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("raw", [b"PK\x03\x04", b"%PDF-1.7", "a\n".encode("utf-16")])
def test_a_document_without_its_ending_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(InputError, match=r"is no text but|UTF-16"):
        read_file(tmp_path / "a")


STREAMS = {
    "braces": ("{first name}, where is it?\nI want to cancel\n", ["{first name}, where is it?", "I want to cancel"]),
    "quoted braces": ('{"name"} broke\nstop\n', ['{"name"} broke', "stop"]),
    "brackets": ("[urgent] stop\nstop\n", ["[urgent] stop", "stop"]),
    "numbers": ("[1]\n17\n", ["[1]", "17"]),
    "rows": ('{"text": "late, and broken"}\n{"text": "I want to cancel"}\n', TEXTS),
    "table": (TABLE, TEXTS),
    "semicolons": ("id;text\n1;late, and broken\n2;I want to cancel\n", TEXTS),
    "the word": ("text\nlabel\n", ["text", "label"]),
}
RECOGNISED = {"rows": "JSON lines: text", "table": "CSV cut at commas: text, label"}
RECOGNISED["semicolons"] = "CSV cut at semicolons: id, text"


@pytest.mark.parametrize("name", STREAMS)
def test_standard_input_is_recognised_and_said(name: str) -> None:
    content, texts = STREAMS[name]
    found, told = read_stdin(content)
    assert found == texts
    assert told[0] == f"standard input: 2 texts, read as {RECOGNISED.get(name, 'plain lines')}"


BROKEN = {
    "array": ('[{"text": "x"}]\n', "a JSON array of objects in one line"),
    "document": ('[\n  {"text": "x"}\n]\n', "one JSON array over several lines"),
    "pretty row": ('{\n  "text": "x"\n}\n', "a JSON object over several lines"),
    "cut row": ('{"text": "x\n', "broken JSON"),
    "text among rows": ('{"text": "x"}\nplain\n', "standard input:2: broken JSON"),
    "row without text": ('{"body": "x"}\n', "no text"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_standard_input_is_refused_without_advice_on_files(name: str) -> None:
    content, told = BROKEN[name]
    with pytest.raises(InputError) as caught:
        read_stdin(content)
    message = str(caught.value)
    assert message.startswith("standard input:")
    assert told in message
    assert message.endswith("for plain texts, one a line: --format lines")


NO_TEXTS = {
    "header": ("a.csv", "Body,Queue\n", "Body", "no texts; give each a row, in the column 'Body'"),
    "header of the usual name": ("a.tsv", "text\tid\n", None, "no texts; give each a row, in the column 'text'"),
    "blank cells": ("a.csv", "Body,id\n,1\n ,2\n", "Body", "no texts; the column 'Body' is empty in all of its 2 rows"),
    "an empty key": ("a.jsonl", '{"Body": ""}\n', "Body", "no texts; the key 'Body' is empty in its only row; if"),
    "nothing": ("-", "", None, "no texts; give one a line, or rows with a column or key 'text'"),
    "blank lines": ("a.txt", "\n \n", None, "no texts; give one a line"),
}


@pytest.mark.parametrize("case", NO_TEXTS)
def test_a_file_without_texts_is_told_with_the_column_that_was_asked_for(tmp_path: Path, case: str) -> None:
    name, content, column, told = NO_TEXTS[case]
    path = "-" if name == "-" else str(tmp_path / name)
    if name != "-":
        Path(path).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        open_input(path, io.BytesIO(content.encode()), text_column=column)
    assert str(caught.value).startswith(f"{'standard input' if name == '-' else path}: {told}")


def test_a_named_format_decides(tmp_path: Path) -> None:
    assert read_stdin(TABLE, "lines")[0] == TABLE.splitlines()
    assert read_stdin("late O\n\nstop O\n", "conll") == (["late", "stop"], [])
    (tmp_path / "a.txt").write_text(TABLE, encoding="utf-8")
    assert read_file(tmp_path / "a.txt", "csv") == TEXTS
    for form, told in (("xml", "unknown format; one of: lines, jsonl"), ("parquet", "name a file")):
        with pytest.raises(InputError, match=told):
            read_stdin("x", form)


ODD = {
    "table": (TABLE, "the header of a table"),
    "one column": ("text\nstop\n", "the header of a table"),
    "rows": ('{"text": "x"}\n', "JSON"),
    "fastText": ("__label__a stop\n", "a row of fastText, its label included"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_of_plain_lines_that_looks_otherwise_is_told(tmp_path: Path, name: str) -> None:
    path, (content, looks) = tmp_path / "a.txt", ODD[name]
    path.write_text(content, encoding="utf-8")
    (note,) = open_input(str(path), io.BytesIO()).describe()
    assert note == f"note: {path}: line 1 looks like {looks}; it is read as a text, as every line is"


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TABLE,))
    writer.start()
    assert read_file(path) == TEXTS
    writer.join()


def test_rows_without_a_text_are_told_and_texts_are_answered_as_they_stand() -> None:
    texts, told = read_stdin('{"text": "one"}\n{"text": ""}\n{"text": "  three "}\n')
    assert texts == ["one", "  three "]
    assert any("1 row without a text; no answer is given to it" in line for line in told)


def test_the_ending_of_a_pipe_says_its_format(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("text\nlate\nstop\n",))
    writer.start()
    assert read_file(path) == ["late", "stop"], "the header is no text"
    writer.join()


def test_a_pipe_of_parquet_is_refused_before_it_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=r"rows\.parquet: Parquet is not read from a stream; name a file"):
        read_file(tmp_path / "rows.parquet")


def test_columns_of_later_rows_are_known_before_anything_is_answered() -> None:
    found = open_input("-", io.BytesIO(b'{"text": "late"}\n{"text": "stop", "id": 2}\n'))
    assert found.columns == ("text", "id")


def test_a_number_for_a_text_is_told_as_one() -> None:
    with pytest.raises(InputError, match='standard input:2: "text" is a number, not a text; write it in quotes'):
        read_stdin('{"text": "late"}\n{"text": 12}\n')


def test_columns_without_a_name() -> None:
    assert read_stdin(",text,\n1,late,\n", "csv")[0] == ["late"]
    with pytest.raises(InputError, match="standard input:1: two columns have no name; give each of them one"):
        read_stdin(",,text\n1,2,late\n", "csv")
