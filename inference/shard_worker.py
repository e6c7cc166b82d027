"""Answers parts of an input on a machine of a cluster; the student is loaded once, in a process of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evokd.inference.asking import AnsweringProcess, TrainedStudent
from evokd.inference.prediction import answer_rows
from evokd.inference.shard_input import read_part
from evokd.inference.shard_plan import Shard, ShardFolder, ShardPlan, digest_folder
from evokd.inference.shard_writer import make_schema, write_shard
from evokd.messages import InputError


def check_node(body: Mapping[str, Any]) -> None:
    """See whether this machine has the same folder, input and student.

    Args:
        body: `out`, the folder of shards; `plan`, the digest of its plan.

    Raises:
        InputError: says what is missing or different here.
    """
    folder = ShardFolder(Path(body["out"]))
    if not folder.manifest.is_file():
        raise InputError(f"does not see the folder {folder.path}; choose an --output that all machines share")
    plan = _read_plan(folder)
    source, student = Path(plan.input.file), Path(plan.student.folder)
    if not source.is_file() or source.stat().st_size != plan.input.bytes:
        raise InputError(f"does not see the input {source} as it is here; share it between all machines")
    if not student.is_dir() or digest_folder(student) != plan.student.sha256:
        raise InputError(f"does not see the student {student} as it is here; share it between all machines")


def _read_plan(folder: ShardFolder) -> ShardPlan:
    plan = folder.read()
    if plan is None:
        raise InputError(f"{folder.manifest}: is not there any more")
    return plan


def open_worker(body: Mapping[str, Any]) -> "ShardWorker":
    """Start the process that answers.

    Args:
        body: see `check_node`; `device` and `threads`, where the student computes.
    """
    return ShardWorker(ShardFolder(Path(body["out"])), body["device"], body["threads"])


class ShardWorker:
    """Answers one shard after another."""

    def __init__(self, folder: ShardFolder, device: Any, threads: int) -> None:
        self._folder = folder
        self._plan = plan = _read_plan(folder)
        self._student = TrainedStudent(Path(plan.student.folder), device, threads, plan.student.int8)
        facts = plan.columns
        self._columns = self._student.make_columns(facts.prefix, facts.reject, facts.scores)
        self._has_labels = self._student.has_labels
        self._process: AnsweringProcess | None = None

    def do(self, job_id: str, kind: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Answer a shard; one that is there already is left as it is."""
        shard = Shard.model_validate(body)
        path = self._folder.path / shard.file
        if not path.exists():
            write_shard(path, *self._answer(shard))
        yield {"result": {"file": shard.file}}

    def _answer(self, shard: Shard) -> tuple[list[dict[str, Any]], Any]:
        """Answer the rows of a shard; returns them and, for Parquet, their schema."""
        facts = self._plan.input
        source = Path(facts.file)
        given = list(read_part(source, facts.format, facts.text_column, shard.part))
        if self._process is None:
            self._process = AnsweringProcess().__enter__()  # it ends with this process
        student = replace(self._student, process=self._process)
        empty = dict.fromkeys(self._columns.names(self._has_labels))
        rows = [
            {**item.row.fields, **empty, **item.columns}
            for part in answer_rows(student, given, self._columns)
            for item in part
        ]
        if self._plan.form != "parquet" or not given:
            return rows, None
        return rows, make_schema(source, list(given[0].fields), self._columns, self._has_labels)
