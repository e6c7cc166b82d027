import csv
import json
from pathlib import Path
from typing import Any

import pytest

from evokd.inference.writers import OutputFile, check_output, check_rows
from evokd.messages import EvokdError, InputError

ROWS: list[dict[str, Any]] = [
    {"id": 7, "text": 'said "no", twice\nand left', "p": None, "list": [{"a": 1}]},
    {"id": 8, "text": "", "p": 0.5, "list": None},
]


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> None:
    with OutputFile(path, ["p"]) as file:
        for row in rows:
            file.write([row])


def test_json_lines_hold_the_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()] == ROWS


@pytest.mark.parametrize(("ending", "mark"), [("csv", ","), ("tsv", "\t")])
def test_a_table_is_read_back(tmp_path: Path, ending: str, mark: str) -> None:
    path = tmp_path / f"a.{ending}"
    write(path)
    with path.open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file, delimiter=mark)
    assert (first["id"], first["text"], first["p"]) == ("7", ROWS[0]["text"], "")
    assert json.loads(first["list"]) == [{"a": 1}]
    assert (second["text"], second["p"], second["list"]) == ("", "0.5", "")


def test_parquet_keeps_numbers_and_lists(tmp_path: Path) -> None:
    from pyarrow import parquet

    write(tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == ROWS


def write_and_stop(path: Path) -> None:
    with OutputFile(path, []) as file:
        file.write(ROWS)
        raise KeyboardInterrupt


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_later_key_has_no_column_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a later row has the key 'new', for which the table has no column"):
        write(tmp_path / "a.csv", [{"id": 1}, {"id": 2, "new": 3}])
    assert list(tmp_path.iterdir()) == []


def test_types_that_parquet_cannot_mix_are_told(tmp_path: Path) -> None:
    with pytest.raises(EvokdError, match="cannot be written as Parquet"):
        write(tmp_path / "a.parquet", [{"id": 1}, {"id": {"a": "b"}}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("odd", [{"a": "b"}, 10**30])
def test_what_parquet_cannot_hold_is_refused_beforehand(tmp_path: Path, odd: object) -> None:
    rows: list[dict[str, object]] = [{"id": 1}, {"id": odd}]
    with pytest.raises(InputError, match=r"a\.parquet: these rows cannot be written as Parquet"):
        check_rows(tmp_path / "a.parquet", rows)
    check_rows(tmp_path / "a.jsonl", rows)
    check_rows(tmp_path / "a.parquet", [{"id": 1}, {"other": "x"}])


def test_a_table_has_the_named_columns_first(tmp_path: Path) -> None:
    with OutputFile(tmp_path / "a.csv", ["text", "id", "p"]) as file:
        file.write([{"text": "x", "p": 1}, {"text": "y", "id": 2, "p": 3}])
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "text,id,p\nx,,1\ny,2,3\n"


BAD = {"a.xlsx": "unknown kind of file", "a": "unknown kind of file", "no/a.csv": "there is no folder"}


@pytest.mark.parametrize("name", BAD)
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=BAD[name]):
        check_output(tmp_path / name)


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_output(tmp_path / "a.csv")
