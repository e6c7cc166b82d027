"""Answer a whole file on a Ray cluster, into a folder of files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from evokd.api.students import Student
from evokd.api.texts import Input
from evokd.inference.on_ray import Answered, answer_on_ray
from evokd.inference.prediction import check_names
from evokd.inference.shard_input import FORMATS, cut_input, digest_input
from evokd.inference.shard_plan import (
    ColumnFacts,
    InputFacts,
    ShardFolder,
    ShardPlan,
    StudentFacts,
    digest_folder,
    name_shards,
)
from evokd.jobs.ray_cluster import RayOptions
from evokd.messages import InputError

SHARD_ROWS = 5_000
"""Rows of a file, unless told otherwise: seconds to minutes of work, which is what a machine that goes away costs."""

_LOOKED_AT = 1_000
"""Rows whose columns are looked at before any work; those of Parquet are all alike."""


@dataclass(frozen=True)
class ShardOptions:
    """How the answers are cut and written."""

    rows: int = SHARD_ROWS
    """Lines of the input per file."""
    prefix: str = "predicted_"
    """What the names of the answer's columns begin with."""
    reject: float | None = None
    """Confidence below which an answer is "unsure", 0 to 1."""
    scores: bool = False
    """Whether the probabilities of all labels are written."""

    def __post_init__(self) -> None:
        """Refuse what would write over columns of the input, or cut it into nothing.

        Raises:
            InputError: names the option.
        """
        if not self.prefix:
            raise InputError("prefix: give one letter or more, so that no column of the input is written over")
        if self.rows < 1:
            raise InputError(f"rows: {self.rows} lines of the input per file are too few; give 1 or more")


def predict_on_ray(
    student: Student,
    rows: Input,
    out: Path,
    ray: RayOptions = RayOptions(),  # noqa: B008 - it cannot be changed
    options: ShardOptions = ShardOptions(),
    *,
    jobs: int | None = None,
    on_event: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> Answered:
    """Answer all rows of a file, every row once; what is there already is not answered again.

    Args:
        student: who answers.
        rows: the rows; see `open_input`.
        out: folder for `part-00000.jsonl` and so on (.parquet, where the input is), in the order of the input.
        ray: which cluster; its machines share the input, the student's folder and `out`.
        options: how the answers are cut and written.
        jobs: workers at most; None: one per core of the cluster.
        on_event: called with `kept`, `cluster`, `planned`, `started`, `done`, `failed`, `repeated`, `unfit`, `waiting`.

    Raises:
        EvokdError: a part could not be answered; the same call goes on.
        InputError: the rows cannot be cut, the folder holds something else, or a machine cannot answer.
    """
    path = check_shardable(rows)
    check_names(list(islice(rows, _LOOKED_AT)), student.make_columns(options.prefix, options.reject, options.scores))
    folder = ShardFolder.open(out)
    parts = cut_input(path, rows.form, options.rows)
    plan = ShardPlan(
        input=InputFacts(
            file=str(path.absolute()),
            bytes=path.stat().st_size,
            sha256=digest_input(path),
            format=rows.form,
            text_column=rows.text_column,
            rows=rows.count,
            texts=rows.texts,
        ),
        student=StudentFacts(
            folder=str(student.folder.absolute()),
            sha256=digest_folder(student.folder),
            int8=student.trained.int8,
        ),
        columns=ColumnFacts(prefix=options.prefix, reject=options.reject, scores=options.scores),
        shards=name_shards(parts, rows.form),
    )
    return answer_on_ray(student.trained, folder, plan, ray, jobs, on_event)


def check_shardable(rows: Input) -> Path:
    """Give the file of rows that can be cut by their place.

    Raises:
        InputError: they come from a stream, or their format has no positions.
    """
    if rows.source.path is None:
        raise InputError(f"--on ray: {rows.name} cannot be read by several machines; name a file")
    if rows.form not in FORMATS:
        fault = f"rows of {rows.layout.format} cannot be cut by their place"
        raise InputError(
            f"--on ray: {rows.name}: {fault}; save them as .jsonl, .parquet or .txt, or leave --on ray out"
        )
    return rows.source.path
