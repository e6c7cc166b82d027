"""The texts of a run as a data set and as CoNLL: lineage, privacy, and that others can read them back."""

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml

import evokd
from evokd.messages import InputError
from evokd.release.conll import write_conll
from evokd.release.dataset import Collection, DataSplit, collect
from evokd.student.data import read_examples
from evokd.student.tasks.registry import codec
from tests.graph.toy import SHIPPED, read_rows
from tests.student.conftest import LABELS
from tests.student.training.test_train import write_sentences


def read_head(folder: Path) -> dict[str, Any]:
    head: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    return head


def test_a_data_set_holds_the_lineage_of_written_texts(done_runs: Path, tmp_path: Path) -> None:
    run = evokd.open_run("done", done_runs)
    done = evokd.export(run, "dataset", tmp_path / "out", licence="cc-by-4.0")
    rows = read_rows(tmp_path / "out" / "data" / "train.jsonl")
    accepted = [sample for sample in run.samples() if sample.state == "accepted"]
    assert [row["id"] for row in rows] == [sample.id for sample in accepted]
    assert done.told[0] == f"train {len(rows)} rows, as JSON lines and Parquet"
    calls = {call.id: call for call in run.calls()}
    names = {weakness["id"]: weakness["name"] for weakness in run.weaknesses()}
    for row, sample in zip(rows, accepted, strict=True):
        assert (row["text"], row["label"], row["intended"]) == (sample.text, sample.label, sample.intended)
        assert (row["disputed"], row["reviewed_by"], row["origin"]) == (sample.disputed, None, "written")
        assert row["weakness_name"] == (names[sample.weakness] if sample.weakness else None)
        assert row["prompt_hash"] == calls[sample.label_call or sample.draft_call].prompts
    assert any(row["weakness_name"] for row in rows)
    assert pyarrow.parquet.read_table(tmp_path / "out" / "data" / "train.parquet").to_pylist() == rows
    assert not list((tmp_path / "out" / "data").glob("test*"))


def test_a_card_says_what_the_hub_reads(done_runs: Path, tmp_path: Path) -> None:
    evokd.export("done", "dataset", tmp_path / "out", licence="cc-by-4.0", runs_dir=done_runs)
    head = read_head(tmp_path / "out")
    assert (head["license"], head["language"], head["task_categories"]) == ("cc-by-4.0", "en", ["text-classification"])
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "A rehearsal, no data of a language model" in card
    assert "classification-generator v" in card


def test_own_rows_are_taken_in_when_asked_for(done_runs: Path, tmp_path: Path) -> None:
    evokd.export("done", "dataset", tmp_path / "out", with_own_rows=True, runs_dir=done_runs)
    for split in ("validation", "test"):
        rows = read_rows(tmp_path / "out" / "data" / f"{split}.jsonl")
        wanted = {(row["text"], row["label"]) for row in read_rows(SHIPPED / f"{split}.jsonl")}
        assert rows
        assert {(row["text"], row["label"]) for row in rows} <= wanted
        assert {row["origin"] for row in rows} == {"own"}
        assert pyarrow.parquet.read_table(tmp_path / "out" / "data" / f"{split}.parquet").num_rows == len(rows)
    train = read_rows(tmp_path / "out" / "data" / "train.jsonl")
    assert {row["origin"] for row in train} == {"written", "own"}
    assert len({row["id"] for row in train}) == len(train)
    assert [file["split"] for file in read_head(tmp_path / "out")["configs"][0]["data_files"]] == [
        "train",
        "validation",
        "test",
    ]


ROWS = [
    {"id": "a", "text": "x", "label": "animal", "origin": "real"},
    {"id": "b", "text": "y", "label": "machine", "origin": "written"},
]


def test_real_texts_stay_private() -> None:
    private = collect(ROWS, {"seeds": [{"text": "z", "label": "animal"}]}, with_own_rows=False)
    assert ([row["id"] for row in private.splits[0].rows], private.held_back) == (["b"], 1)
    shared = collect(ROWS, {"seeds": [{"text": "z", "label": "animal"}], "test": None}, with_own_rows=True)
    assert [row["id"] for row in shared.splits[0].rows] == ["a", "b", "seeds-1"]
    assert shared.not_recorded == ["test"]
    with pytest.raises(InputError, match="all 1 texts of this run are your own"):
        collect(ROWS[:1], {}, with_own_rows=False)


def test_conll_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    examples = write_sentences(24, 5)
    rows = [{"text": row.text, "entities": row.gold, "masked": []} for row in examples]
    rows.append({"text": "the cat", "entities": [], "masked": [[4, 7]]})
    told = write_conll(Collection([DataSplit("train", rows)], 3, []), tmp_path / "out")
    assert told == [
        "train.conll: 24 texts (1 left out, parts of their answers being disputed)",
        "3 real texts of yours are left out; --with-own-rows takes them in",
    ]
    found = read_examples(tmp_path / "out" / "train.conll", codec("ner", LABELS))
    assert [(row.text, row.gold) for row in found] == [(row.text, row.gold) for row in examples]


def test_what_a_model_wrote_stays_text_in_a_card(done_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(done_runs, tmp_path / "runs")
    database = sqlite3.connect(tmp_path / "runs" / "done" / "ledger.db")
    with database:
        database.execute("UPDATE weaknesses SET name = ?", ("| <script>x</script>\n# [a](http://b) ```\x1b[31m",))
    database.close()
    evokd.export("done", "dataset", tmp_path / "out", runs_dir=tmp_path / "runs")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "script" in card
    assert not re.search(r"(?<!\\)<script|\n# \[a\]|(?<!\\)\]\(http|\x1b", card)
    assert card.count("```") == 2
