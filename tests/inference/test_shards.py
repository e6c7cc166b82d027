"""Parts of an input, the plan that holds them together, and the files with their answers; without a cluster."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from evokd.inference.answers import AnswerColumns
from evokd.inference.input_rows import read_input
from evokd.inference.shard_input import InputPart, cut_input, digest_input, read_part
from evokd.inference.shard_plan import (
    ColumnFacts,
    InputFacts,
    ShardFolder,
    ShardPlan,
    StudentFacts,
    digest_folder,
    name_shards,
)
from evokd.inference.shard_writer import count_rows, make_schema, write_shard
from evokd.messages import EvokdError, InputError
from evokd.student.reading.layout import Layout
from evokd.student.reading.source import file_source

PLAIN = [
    *("\ufeffwhere is it", "  ", "", "PAR1 is no file here", "BZh neither", "yes O", "no O"),
    *('{"looks": "like json"}', "a\u2028b", "last without an end"),
]


def read_whole(path: Path, form: str) -> list[Any]:
    return list(read_input(file_source(path), form, Layout(), None))


def read_parts(path: Path, form: str, size: int) -> list[Any]:
    return [row for part in cut_input(path, form, size) for row in read_part(path, form, None, part)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parts_of_plain_lines_are_the_rows_of_the_whole(tmp_path: Path, size: int, end: str) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(end.join(PLAIN).encode())
    rows = read_whole(path, "lines")
    assert [row.number for row in rows] == [1, 4, 5, 6, 7, 8, 9, 10]
    assert read_parts(path, "lines", size) == rows


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_parts_of_json_lines_are_the_rows_of_the_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"text": "a", "n": 1}, {"n": 2, "text": None}, {"text": "\u00e4\u2028\U0001f600", "more": [1, {"x": None}]}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join([lines[0], "", *lines[1:]]), encoding="utf-8")
    assert read_parts(path, "jsonl", size) == read_whole(path, "jsonl")
    assert [row.fields for row in read_whole(path, "jsonl")] == rows


def write_table(path: Path, groups: int) -> pyarrow.Table:
    table = pyarrow.table(
        {
            "text": [f"row {number}" for number in range(25)],
            "price": [Decimal(f"{number}.10") for number in range(25)],
            "when": [datetime(2026, 1, number + 1, tzinfo=UTC) for number in range(25)],
            "note": [None] * 20 + ["late"] * 5,
        }
    )
    parquet.write_table(table, path, row_group_size=groups)
    return table


@pytest.mark.parametrize("groups", [4, 7, 100])
@pytest.mark.parametrize("size", [1, 5, 10, 100])
def test_parts_of_parquet_are_the_rows_of_the_whole(tmp_path: Path, groups: int, size: int) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, groups)
    rows = read_whole(path, "parquet")
    assert len(rows) == 25
    assert read_parts(path, "parquet", size) == rows


def test_a_part_that_has_changed_is_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\nthree\nfour\n", encoding="utf-8")
    _, second = cut_input(path, "lines", 2)
    path.write_text("one\ntwo\nTHREE\nfour\n", encoding="utf-8")
    with pytest.raises(InputError, match="lines from 3 on are not those that were there at the start"):
        list(read_part(path, "lines", None, second))


def make_plan(path: Path, parts: list[InputPart], **changes: Any) -> ShardPlan:
    facts: dict[str, Any] = {
        "file": str(path),
        "bytes": 1,
        "sha256": "i",
        "format": "jsonl",
        "text_column": None,
        "rows": 4,
        "texts": 4,
    }
    student = {"folder": "/s", "sha256": "s", "int8": False}
    columns = {"prefix": "predicted_", "reject": None, "scores": False}
    sections = [
        {key: changes.get(key, value) for key, value in section.items()} for section in (facts, student, columns)
    ]
    return ShardPlan(
        input=InputFacts.model_validate(sections[0]),
        student=StudentFacts.model_validate({**sections[1], "sha256": changes.get("student", "s")}),
        columns=ColumnFacts.model_validate(sections[2]),
        shards=name_shards(parts, "jsonl"),
    )


def test_a_folder_that_was_begun_goes_on_with_its_own_parts(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\nc\nd\n", encoding="utf-8")
    folder = ShardFolder.open(tmp_path / "out")
    first = folder.settle(make_plan(path, cut_input(path, "lines", 2)))
    write_shard(folder.path / "part-00000.jsonl", [{"n": 1}])
    again = ShardFolder.open(tmp_path / "out").settle(make_plan(path, cut_input(path, "lines", 1)))
    assert again == first
    assert [shard.file for shard in first.shards] == ["part-00000.jsonl", "part-00001.jsonl"]
    (folder.path / ".part-00001.0a.partial").write_text("half", encoding="utf-8")
    assert [shard.file for shard in folder.list_missing(first)] == ["part-00001.jsonl"]
    folder.sweep()
    assert sorted(item.name for item in folder.path.iterdir()) == ["_manifest.json", "part-00000.jsonl"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "other"}, "another input (i, now other)"),
        ({"student": "other"}, "another student (s, now other)"),
        ({"prefix": "p_"}, "another prefix (predicted_, now p_)"),
        ({"reject": 0.5}, "another reject (None, now 0.5)"),
        ({"text_column": "Body"}, "another text_column (None, now Body)"),
        ({"int8": True}, "another int8 (False, now True)"),
    ],
)
def test_a_folder_goes_on_with_nothing_else(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    parts = [InputPart(0, 2, 1, "p")]
    folder = ShardFolder.open(tmp_path / "out")
    folder.settle(make_plan(tmp_path, parts))
    write_shard(folder.path / "part-00000.jsonl", [{"n": 1}])
    with pytest.raises(InputError) as caught:
        folder.settle(make_plan(tmp_path, parts, **changes))
    assert said in str(caught.value)
    assert "name another folder" in str(caught.value)


def test_a_folder_in_which_nothing_is_answered_yet_takes_another_plan(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\nc\nd\n", encoding="utf-8")
    folder = ShardFolder.open(tmp_path / "out")
    folder.settle(make_plan(path, cut_input(path, "lines", 4)))
    smaller = make_plan(path, cut_input(path, "lines", 1), sha256="other")
    assert folder.settle(smaller) == smaller == folder.read()


def test_a_folder_with_other_files_is_refused_and_so_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    for path, said in ((tmp_path, "holds other files (mine.txt)"), (tmp_path / "mine.txt", "is a file")):
        with pytest.raises(InputError) as caught:
            ShardFolder.open(path)
        assert said in str(caught.value)
    with pytest.raises(InputError, match="name a folder"):
        ShardFolder.open(tmp_path / "new.jsonl")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvokdError, match="remove the folder"):
        ShardFolder.open(tmp_path / "out").read()


def test_shards_of_parquet_keep_the_types_of_the_input_also_where_a_column_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = write_table(path, 7)
    columns = AnswerColumns(("a", "b"), "predicted_")
    schema = make_schema(path, table.column_names, columns, has_labels=True)
    answer = {"label": "a", "confidence": 1.0, "second_label": None, "second_confidence": None}
    answer["scores"] = {"a": 1.0, "b": 0.0}
    named = {f"predicted_{key}": value for key, value in answer.items()}
    (tmp_path / "out").mkdir()
    for number, part in enumerate(cut_input(path, "parquet", 10)):
        rows = [{**row.fields, **named} for row in read_part(path, "parquet", None, part)]
        write_shard(tmp_path / "out" / f"part-{number}.parquet", rows, schema)
    together = parquet.read_table(tmp_path / "out")
    assert together.select(table.column_names) == table
    assert together["predicted_scores"].to_pylist() == [{"a": 1.0, "b": 0.0}] * 25
    assert sum(count_rows(file) for file in (tmp_path / "out").iterdir()) == 25


def test_entities_have_one_schema_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, 100)
    schema = make_schema(path, ["text"], AnswerColumns(("PER",), "p_", reject=0.5), has_labels=False)
    entity = {"start": 0, "end": 3, "label": "PER", "text": "row", "score": 0.9}
    rows = [
        {
            "text": "row 1",
            "p_entities": [entity],
            "p_unsure_entities": [],
            "p_confidence": 0.9,
            "p_scores": {"PER": 0.9},
        },
        {"text": "row 2", "p_entities": [], "p_unsure_entities": [], "p_confidence": None, "p_scores": None},
    ]
    write_shard(tmp_path / "part.parquet", rows, schema)
    assert parquet.read_table(tmp_path / "part.parquet")["p_entities"].to_pylist() == [[entity], []]


def test_the_digest_of_a_folder_knows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a", encoding="utf-8")
    first = digest_folder(tmp_path)
    assert digest_folder(tmp_path) == first
    (tmp_path / "one").rename(tmp_path / "two")
    assert digest_folder(tmp_path) != first
    assert len(digest_input(tmp_path / "two")) == 64
