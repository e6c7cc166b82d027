"""Answer a whole input on a Ray cluster: a file per part, each written once, whatever goes away meanwhile.

Not Ray Data: its checkpoints of `map_batches` read the whole input and all ids again to go on, and need a column of
ids. Here a part is a job, its file is the record that it is done, and nothing about single rows is kept in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evokd.inference.asking import TrainedStudent
from evokd.inference.shard_plan import Shard, ShardFolder, ShardPlan
from evokd.inference.shard_writer import count_rows
from evokd.jobs.node import NodeProgram
from evokd.jobs.pool import Interrupted, JobFailure, PoolJob, Tell
from evokd.jobs.ray_cluster import RayOptions, open_cluster
from evokd.jobs.ray_pool import RayPool
from evokd.messages import EvokdError, InputError

_ROOM = "evokd.inference.shard_worker"
_THREADS = 1
"""Cores of a worker: several workers of one core answer more than one of several cores."""


@dataclass(frozen=True)
class Answered:
    """A folder in which every row has its answer."""

    rows: int
    texts: int
    shards: int
    done_before: int
    """Shards that were there already."""


def answer_on_ray(
    student: TrainedStudent, folder: ShardFolder, plan: ShardPlan, ray: RayOptions, limit: int | None, tell: Tell
) -> Answered:
    """Answer the parts that are missing, and check that every row is there once.

    Args:
        student: who answers.
        folder: where the shards lie.
        plan: what the command wants; a folder that was begun goes on with its own parts.
        ray: which cluster.
        limit: workers at most; None: one per core of the cluster.
        tell: called with events; see `JobPool`. `planned` has `shards`, `done` and `processes`; `kept` says that the
            folder has its `shards`, where the command would make `wanted`.

    Raises:
        EvokdError: a part could not be answered; the same command goes on.
        Interrupted: Ctrl-C; the same command goes on.
        InputError: a machine cannot answer, or another process writes into the folder.
    """
    with _lock(folder):
        wanted, plan = len(plan.shards), folder.settle(plan)
        if len(plan.shards) != wanted:
            tell({"event": "kept", "shards": len(plan.shards), "wanted": wanted})
        folder.sweep()
        missing = folder.list_missing(plan)
        done = len(plan.shards) - len(missing)
        if missing:
            planned = {"event": "planned", "shards": len(plan.shards), "done": done}
            try:
                failures = _work(student, folder, missing, ray, limit, tell, planned)
            except KeyboardInterrupt as exc:
                there = len(plan.shards) - len(folder.list_missing(plan))
                progress = f"{there:,} of {len(plan.shards):,} parts are done"
                code = getattr(exc, "exit_code", 130)
                raise Interrupted(f"interrupted: {progress}; go on with the same command", code) from exc
            finally:
                folder.sweep()
            if failures:
                first = failures[0]
                many = f"{len(failures)} of {len(plan.shards)} parts failed"
                raise EvokdError(f"{many}, first {first.job.name}: {first.message}; the same command tries them again")
        _check_whole(folder, plan)
    return Answered(plan.input.rows, plan.input.texts, len(plan.shards), done)


def _work(
    student: TrainedStudent,
    folder: ShardFolder,
    missing: Sequence[Shard],
    ray: RayOptions,
    limit: int | None,
    tell: Tell,
    planned: Mapping[str, Any],
) -> list[JobFailure]:
    with open_cluster(ray) as cluster:
        tell({"event": "cluster", "message": cluster.describe()})
        pool = RayPool(cluster, _make_program(student, folder), limit, _THREADS, tell)
        tell({**planned, "processes": min(pool.size, len(missing))})
        return pool.work([_make_job(shard) for shard in missing])


def _make_program(student: TrainedStudent, folder: ShardFolder) -> NodeProgram:
    body = {"out": str(folder.path), "device": student.device, "threads": _THREADS, "log": "the log of the student"}
    return NodeProgram(f"{_ROOM}:check_node", f"{_ROOM}:open_worker", body, str(Path.cwd()))


def _make_job(shard: Shard) -> PoolJob:
    return PoolJob(shard.file, "answer", "answers", shard.file, shard.model_dump())


def _check_whole(folder: ShardFolder, plan: ShardPlan) -> None:
    """Count the rows of all shards.

    Raises:
        EvokdError: they are not those of the input.
    """
    rows = sum(count_rows(folder.path / shard.file) for shard in plan.shards)
    if rows != plan.input.rows:
        fault = f"holds {rows:,} rows, the input has {plan.input.rows:,}"
        raise EvokdError(f"{folder.path}: {fault}; a file in it was changed: remove the folder and answer anew")


@contextmanager
def _lock(folder: ShardFolder) -> Iterator[None]:
    try:
        with FileLock(folder.path / ".lock", timeout=0):
            yield
    except Timeout as exc:
        raise InputError(f"--output {folder.path}: another process writes into it; wait for it or stop it") from exc
