import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.messages import InputError
from evokd.messages.spans import Span
from evokd.student.data import read_examples, write_jsonl
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.ner.rows import to_tokens, write_entity_row
from evokd.student.tasks.registry import codec
from tests.annotated import LABELS, annotated, as_iob1, as_iobes, chunks, tagged

CODEC = codec("classification", ["bug", "billing"])
ENTITIES = codec("ner", ["person", "place"])
GOOD = '{"text": "it crashes", "label": "bug"}\n'

FAULTS = {
    "broken_json": ("a.jsonl", GOOD + '{"text": "x", \n', ":2: broken JSON at column"),
    "not_an_object": ("a.jsonl", GOOD + "[1]\n", ":2: not a JSON object"),
    "missing_text": ("a.jsonl", '{"label": "bug"}', ':1: key "text" is missing'),
    "missing_label": ("a.jsonl", GOOD + "\n" + '{"text": "x"}', ':3: key "label" is missing'),
    "unknown_key": ("a.jsonl", '{"text": "x", "label": "bug", "lable": 1}', ":1: unknown key 'lable'"),
    "text_type": ("a.jsonl", '{"text": 3, "label": "bug"}', ':1: "text" must be a string, not a number'),
    "label_type": (
        "a.jsonl",
        '{"text": "x", "label": ["bug"]}',
        ':1: "label" must be a string, not a list; write one label',
    ),
    "label_null": ("a.jsonl", '{"text": "x", "label": null}', ':1: "label" must be a string, not null; write one'),
    "empty_text": ("a.jsonl", '{"text": " \\n", "label": "bug"}', ':1: "text" is empty'),
    "surrogate": ("a.jsonl", '{"text": "\\ud800", "label": "bug"}', ":1: "),
    "unknown_label_near": (
        "a.jsonl",
        '{"text": "x", "label": "Biling"}',
        ":1: unknown label 'Biling'; did you mean 'bil",
    ),
    "unknown_label_far": ("a.jsonl", '{"text": "x", "label": "zzz"}', "'zzz'; known labels: bug, billing"),
    "empty_file": ("a.jsonl", "", ": holds no rows"),
    "blank_lines_only": ("a.jsonl", "\n \n", ": holds no rows"),
    "unknown_kind": ("a.txt", GOOD, ": unknown kind of data file; use .jsonl, .csv, .tsv, .parquet"),
    "csv_header": ("a.csv", "it crashes,bug\n", ':1: the header lacks "text"'),
    "csv_header_twice": ("a.csv", "text,text\n", ":1: a column is named twice"),
    "csv_cells": ("a.csv", "text,label\nno, it crashes,bug\n", ":2: 3 cells where the header has 2"),
    "csv_quotes": ("a.csv", 'text,label\n"it "crashes,bug\n', ":2: broken CSV"),
    "csv_unknown_label": (
        "a.csv",
        'text,label\n"two\nlines",bug\nx,bugs\n',
        ":4: unknown label 'bugs'; did you mean 'bug'",
    ),
    "csv_header_only": ("a.csv", "text,label\n", ": holds no rows"),
    "columns_for_labels": ("a.conll", "it O\n", ':1: key "text" is missing; a row needs "text", "label"'),
}


@pytest.mark.parametrize(("name", "content", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_examples(path, CODEC)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert expected in message
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_examples(tmp_path / "none.jsonl", CODEC)
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_examples(tmp_path / "d.jsonl", CODEC)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_wrong_encoding_is_named_with_line_and_offset(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(mark + GOOD.encode() + b'{"text": "caf\xe9"}')
    raw = path.read_bytes()
    with pytest.raises(InputError, match=f":2: byte 0xe9 at offset {raw.index(0xE9)} is not UTF-8"):
        read_examples(path, CODEC)


def test_marks_blank_lines_notes_and_odd_separators_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ok.jsonl"
    rows = '\n{"text": "one\u2028two", "label": "bug", "note": "hard"}\r\n\n' + GOOD
    path.write_bytes(b"\xef\xbb\xbf" + rows.encode())
    assert read_examples(path, CODEC) == [LabeledExample("one\u2028two", "bug"), LabeledExample("it crashes", "bug")]


def test_csv_is_read_with_quotes_and_any_column_order(tmp_path: Path) -> None:
    path = tmp_path / "ok.csv"
    path.write_bytes('\ufefflabel,text,note\r\nbilling,"paid, twice",n\r\n\r\nbug,"two\nlines",\r\n'.encode())
    assert read_examples(path, CODEC) == [LabeledExample("paid, twice", "billing"), LabeledExample("two\nlines", "bug")]


def test_parquet_without_pyarrow_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"needs the package pyarrow; install it .* or convert"):
        read_examples(path, CODEC)


def test_written_rows_are_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    write_jsonl(path, [{"text": "é\u2028", "label": "bug"}])
    assert read_examples(path, CODEC) == [LabeledExample("é\u2028", "bug")]

    def broken() -> object:
        yield {"text": "x", "label": "bug"}
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_jsonl(path, broken())  # type: ignore[arg-type]
    assert read_examples(path, CODEC) == [LabeledExample("é\u2028", "bug")]


# ------------------------------------------------------------------------------------------------------- entities

SEED = {"tokens": ["Robin", "in", "Ely"], "tags": ["B-person", "O", "B-place"]}
SPANS = {"text": "Robin in Ely.", "entities": [{"start": 0, "end": 5, "label": "person"}]}
START = "-DOCSTART- -X- O O\n\nRobin NNP B-NP B-person\nLow NNP I-NP I-person\n\n"


def tags(*written: str) -> str:
    return json.dumps({"tokens": ["a"] * len(written), "tags": written}) + "\n"


def spans(*places: Sequence[Any]) -> str:
    entities = [{"start": start, "end": end, "label": label} for start, end, label in places]
    return json.dumps({"text": "Robin in Ely.", "entities": entities}) + "\n"


ENTITY_FAULTS = {
    "both_forms": ("a.jsonl", tags("O") + json.dumps(SEED | SPANS), ":2: the row mixes two forms"),
    "another_task": ("a.jsonl", "\n" + GOOD, ":2: the row has no entities; it needs"),
    "unequal": ("a.jsonl", tags("O") + '{"tokens": ["a"], "tags": []}', ":2: 1 tokens but 0 tags; give every token"),
    "no_tokens": ("a.jsonl", tags("O") + tags(), ':2: "tokens" is empty'),
    "token_empty": ("a.jsonl", tags("O") + '{"tokens": ["a", ""], "tags": ["O", "O"]}', ":2: token 2 '': it is empty"),
    "token_space": ("a.jsonl", '\n{"tokens": ["a b"], "tags": ["O"]}', ":2: token 1 'a b': it holds white space"),
    "tag_orphan": ("a.jsonl", tags("B-person") + tags("O", "I-person"), ":2: token 2 'a': tag 'I-person' continues"),
    "tag_other_type": ("a.jsonl", tags("O") + tags("B-person", "I-place"), ":2: token 2 'a': tag 'I-place' continues"),
    "tag_other_scheme": ("a.jsonl", tags("B-person", "I-person") + tags("S-person"), ":2: token 1 'a': tag 'S-person'"),
    "tag_not_closed": ("a.jsonl", tags("S-person", "S-person") + tags("B-place", "O"), ":2: token 1 'a': the entity"),
    "tag_no_type": ("a.jsonl", tags("O") + tags("B-"), ":2: token 1 'a': tag 'B-' has no type; write"),
    "tag_no_prefix": ("a.jsonl", tags("O") + tags("person"), ":2: token 1 'a': tag 'person' has no prefix; write"),
    "tag_unknown_prefix": ("a.jsonl", tags("O") + tags("X-person"), ":2: token 1 'a': tag 'X-person' has the unknown"),
    "tag_number": ("a.jsonl", tags("O") + '{"tokens": ["a"], "tags": [1]}', ":2: token 1 'a': a tag must be a string"),
    "tag_label": (
        "a.jsonl",
        tags("O") + tags("B-persn"),
        ":2: token 1 'a': unknown label 'persn' in tag 'B-persn'; did",
    ),
    "span_label": ("a.jsonl", tags("O") + spans((0, 5, "plce")), ":2: entity 1 of 1: unknown label 'plce'; did you"),
    "span_outside": ("a.jsonl", tags("O") + spans((9, 20, "place")), ":2: entity 9-20 (place) does not lie in the"),
    "span_backwards": ("a.jsonl", tags("O") + spans((5, 0, "person")), ":2: entity 5-0 (person) holds no character"),
    "span_cuts_a_word": ("a.jsonl", tags("O") + spans((0, 4, "person")), ":2: entity 0-4 (person) 'Robi' cuts a word"),
    "span_white_space": ("a.jsonl", tags("O") + spans((0, 6, "person")), ":2: entity 0-6 (person) begins or ends with"),
    "span_fraction": ("a.jsonl", tags("O") + spans((0, 5.5, "person")), ':2: entity 1 of 1: "end" must be a whole'),
    "spans_nested": (
        "a.jsonl",
        tags("O") + spans((0, 12, "person"), (9, 12, "place")),
        ":2: entity 9-12 (place) lies inside 0-12 (person); keep one of them",
    ),
    "spans_overlap": (
        "a.jsonl",
        tags("O") + spans((0, 8, "person"), (6, 12, "place")),
        ":2: entity 6-12 (place) overlaps 0-8 (person); keep one of them",
    ),
    "spans_repeated": (
        "a.jsonl",
        tags("O") + spans((0, 5, "person"), (0, 5, "person")),
        ":2: entity 0-5 (person) repeats 0-5 (person); keep one of them",
    ),
    "csv_tokens": ("a.csv", "tokens,tags\na,O\n", ":1: a .csv file cannot hold lists such as tokens; use .jsonl or"),
    "csv_entities": ("a.csv", "text,entities\na,[]\n", ':2: "entities" must be a list, not a string; use a .jsonl'),
    "csv_label": ("a.csv", "text,label\na,person\n", ":2: the row has no entities; it needs"),
    "columns_one": ("a.conll", START + "in IN O O\nEly\n", ":7: only one column ('Ely'); write a token"),
    "columns_fewer": ("a.conll", START + "in IN O\n", ":6: 3 columns where the first token has 4; columns are cut"),
    "columns_more": ("a.conll", START + "New York NNP B-NP O\n", ":6: 5 columns where the first token has 4"),
    "columns_label": ("a.bio", START + "in IN O O\nEly NNP B-NP B-plce\n", ":7: token 2 'Ely': unknown label 'plce'"),
    "columns_tag": ("a.iob", START + "in IN O O\n\nEly NNP B-NP place\n", ":8: token 1 'Ely': tag 'place' has no pre"),
    "columns_scheme": ("a.conll", START + "in IN O O\nEly NNP B-NP I-place\n", ":7: token 2 'Ely': tag 'I-place' con"),
    "columns_behind_comments": (
        "a.conll",
        START + "in IN O O\n# id = 5\n# a remark of some length\nEly NNP B-NP B-plce\n",
        ":9: token 2 'Ely': unknown label 'plce'",
    ),
    "columns_space": ("a.conll", START + "in IN O O\nEly\u00a0City NNP O O\n", ":7: token 2 'Ely\\xa0City': it holds"),
    "columns_hash_one": ("a.conll", "a O\n#\n", ":2: only one column ('#')"),
    "columns_hash_tag": ("a.conll", "a O\n# person\n", ":2: token 2 '#': tag 'person' has no prefix"),
    "columns_empty": ("a.conll", "\n \n-DOCSTART- O\n", ": holds no rows"),
}


@pytest.mark.parametrize(("name", "content", "expected"), ENTITY_FAULTS.values(), ids=ENTITY_FAULTS.keys())
def test_a_fault_of_entities_is_one_line_with_its_place(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_examples(path, ENTITIES)
    message = str(caught.value)
    assert message.startswith(f"{path}{expected}")
    assert "\n" not in message


def found(rows: list[LabeledExample]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (row.text, [(row.text[item["start"] : item["end"]], item["label"]) for item in row.gold])
        for row in rows
        if isinstance(row.gold, list)
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["unix", "windows"])
def test_columns_are_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "a.CONLL"
    text = (
        "\ufeff# id = 1\n"
        + START
        + "# id = 2\nin  IN\tO \t O\n#\tSYM O O\n# a remark\tof more words\nEly NNP O B-place\n"
    )
    path.write_bytes((text + "-DOCSTART- -X- O O\n#9 CD O O").replace("\n", ending).encode())
    expected = [("Robin Low", [("Robin Low", "person")]), ("in # Ely", [("Ely", "place")]), ("#9", [])]
    assert found(read_examples(path, ENTITIES)) == expected


def test_a_token_that_looks_like_a_comment_is_a_token(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("#\tO\n5 O\n#\tB-person\n# sent_id=3\n", encoding="utf-8")
    assert found(read_examples(path, ENTITIES)) == [("# 5 #", [("#", "person")])]


def test_another_scheme_is_noted_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("Robin I-person\nLow I-person\n\nEly I-place\nEly B-place\n", encoding="utf-8")
    notes = ["before"]
    rows = read_examples(path, ENTITIES, notes)
    assert found(rows) == [("Robin Low", [("Robin Low", "person")]), ("Ely Ely", [("Ely", "place"), ("Ely", "place")])]
    assert notes == ["before", f"{path}: tags are IOB1; read as BIO"]
    assert read_examples(path, ENTITIES) == rows
    write_jsonl(tmp_path / "b.jsonl", [SEED, SPANS])
    assert len(read_examples(tmp_path / "b.jsonl", ENTITIES, notes)) == 2
    assert len(notes) == 2


FORMS = {
    "BIO": list,
    "IOB1": as_iob1,
    "IOBES": as_iobes,
    "BILOU": lambda written: as_iobes(written, "UBIL"),
}


@given(st.lists(tagged(), min_size=1, max_size=4), st.sampled_from(sorted(FORMS)), st.sampled_from([" ", "\t", " X\t"]))
def test_columns_of_every_scheme_survive(drawn: list[tuple[list[str], list[str]]], scheme: str, gap: str) -> None:
    ner, notes = codec("ner", LABELS), list[str]()
    blocks = [
        "".join(f"{token}{gap}{tag}\n" for token, tag in zip(tokens, FORMS[scheme](written), strict=True))
        for tokens, written in drawn
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.conll"
        path.write_text("\n".join(blocks), encoding="utf-8", newline="")
        rows = read_examples(path, ner, notes)
        write_jsonl(Path(folder) / "a.jsonl", [write_entity_row(row.text, row.gold) for row in rows])
        assert read_examples(Path(folder) / "a.jsonl", ner) == rows
    expected = [
        (" ".join(tokens), [(" ".join(tokens[first : last + 1]), label) for first, last, label in chunks(written)])
        for tokens, written in drawn
    ]
    assert found(rows) == expected
    noted = scheme != "BIO" and any(labels for _, labels in expected)
    assert [note.partition(": ")[2] for note in notes] == ([f"tags are {scheme}; read as BIO"] if noted else [])


@given(annotated())
def test_texts_survive_as_columns_and_as_lines(drawn: tuple[str, list[Span]]) -> None:
    text, places = drawn
    ner, gold = codec("ner", LABELS), [span._asdict() for span in places]
    row = to_tokens(text, gold)
    with TemporaryDirectory() as folder:
        lines, columns = Path(folder) / "a.jsonl", Path(folder) / "a.conll"
        write_jsonl(lines, [ner.write_row(text, gold)])
        assert read_examples(lines, ner) == [LabeledExample(text, gold)]
        pairs = zip(row["tokens"], row["tags"], strict=True)
        columns.write_text("".join(f"{token}\t{tag}\n" for token, tag in pairs), encoding="utf-8", newline="")
        (read,) = read_examples(columns, ner)
        assert to_tokens(read.text, read.gold) == row


def test_parquet_rows_hold_lists(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / name)
        return tmp_path / name

    assert found(read_examples(write("a.parquet", [SEED]), ENTITIES)) == [
        ("Robin in Ely", [("Robin", "person"), ("Ely", "place")])
    ]
    assert found(read_examples(write("b.parquet", [SPANS]), ENTITIES)) == [("Robin in Ely.", [("Robin", "person")])]
    faulty = write("c.parquet", [{"tokens": ["a"], "tags": ["O"]}, {"tokens": ["a"], "tags": [None]}])
    with pytest.raises(InputError, match="parquet:2: token 1 'a': a tag must be a string, not null"):
        read_examples(faulty, ENTITIES)
