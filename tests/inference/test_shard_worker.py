"""A worker on a machine of a cluster, without the cluster: what it looks at, what it writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evokd.inference import asking
from evokd.inference.shard_input import cut_input, digest_input
from evokd.inference.shard_plan import (
    ColumnFacts,
    InputFacts,
    ShardFolder,
    ShardPlan,
    StudentFacts,
    digest_folder,
    name_shards,
)
from evokd.inference.shard_worker import ShardWorker, check_node, open_worker
from evokd.messages import InputError
from evokd.student.protocol import Prediction
from tests.inference.students import write_student

TEXTS = ["a one", "b two", None, "a three", "b four"]


class Echo:
    """A student whose answer is the first word."""

    def __init__(self, log: Path, **_: Any) -> None: ...

    async def warm_up(self) -> None: ...

    async def predict(self, folder: Path, texts: list[str], fast: bool, int8: bool) -> list[Prediction]:
        return [Prediction(answer=text.split()[0], confidence=0.75, scores={}) for text in texts]

    async def close(self) -> None: ...


@pytest.fixture
def plan(tmp_path: Path) -> ShardPlan:
    """A plan of three shards, which lies in the folder `out`."""
    student, source = write_student(tmp_path / "student"), tmp_path / "rows.jsonl"
    rows = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    facts = {"file": str(source), "bytes": source.stat().st_size, "sha256": digest_input(source), "format": "jsonl"}
    parts = cut_input(source, "jsonl", 2)
    made = ShardPlan(
        input=InputFacts.model_validate({**facts, "text_column": None, "rows": 5, "texts": 4}),
        student=StudentFacts(folder=str(student), sha256=digest_folder(student), int8=False),
        columns=ColumnFacts(prefix="p_", reject=None, scores=False),
        shards=name_shards(parts, "jsonl"),
    )
    return ShardFolder.open(tmp_path / "out").settle(made)


@pytest.fixture
def worker(plan: ShardPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShardWorker]:
    monkeypatch.setattr(asking, "StudentClient", Echo)
    opened = open_worker({"out": str(tmp_path / "out"), "device": "cpu", "threads": 1})
    yield opened
    if opened._process is not None:
        opened._process.__exit__(None, None, None)


def test_every_row_is_written_with_its_answer_in_its_place(
    plan: ShardPlan, worker: ShardWorker, tmp_path: Path
) -> None:
    for shard in plan.shards:
        assert list(worker.do(shard.file, "answer", shard.model_dump())) == [{"result": {"file": shard.file}}]
    lines = [
        json.loads(line)
        for shard in plan.shards
        for line in (tmp_path / "out" / shard.file).read_text(encoding="utf-8").splitlines()
    ]
    assert [(line["id"], line["text"]) for line in lines] == list(enumerate(TEXTS))
    assert [line["p_label"] for line in lines] == ["a", "b", None, "a", "b"]
    assert [list(line) for line in lines] == [list(lines[0])] * 5


def test_a_file_that_is_there_is_left_as_it_is(plan: ShardPlan, worker: ShardWorker, tmp_path: Path) -> None:
    first, *_ = plan.shards
    (tmp_path / "out" / first.file).write_text("mine", encoding="utf-8")
    list(worker.do(first.file, "answer", first.model_dump()))
    assert (tmp_path / "out" / first.file).read_text(encoding="utf-8") == "mine"
    assert worker._process is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("out/_manifest.json", "does not see the folder"),
        ("rows.jsonl", "does not see the input"),
        ("student/evokd.json", "does not see the student"),
    ],
)
def test_a_machine_that_sees_something_else_is_refused(plan: ShardPlan, tmp_path: Path, change: str, said: str) -> None:
    body = {"out": str(tmp_path / "out")}
    check_node(body)
    path = tmp_path / change
    if path.name == "_manifest.json":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match=said):
        check_node(body)
