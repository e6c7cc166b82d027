"""The runs of an experiment on a Ray cluster: what the machines need to know, and the pool that hands out the jobs."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.experiments.spec import Experiment, ExperimentRun
from evokd.experiments.worker_pool import LOG
from evokd.jobs.node import NodeProgram
from evokd.jobs.pool import Tell
from evokd.jobs.ray_cluster import RayOptions, open_cluster
from evokd.jobs.ray_pool import RayPool

_ROOM = "evokd.experiments.node_worker"


@contextmanager
def open_ray_pool(
    experiment: Experiment, out: Path, options: RayOptions, limit: int | None, tell: Tell
) -> Iterator[RayPool]:
    """Open a cluster, look at its machines, and make a pool of workers on it.

    Args:
        experiment: the planned runs.
        out: the experiment's folder, which all machines share.
        options: which cluster.
        limit: workers at most; None: as many as there is room for.
        tell: called with events; first comes `cluster` with a line that says what was opened.

    Raises:
        EvokdError: a machine does not answer.
        InputError: there is no cluster, or a machine of it cannot make these runs.
    """
    with open_cluster(options) as cluster:
        tell({"event": "cluster", "message": cluster.describe()})
        token = out / f".shared-{secrets.token_hex(8)}"
        token.write_text("The machines of a cluster look whether they see this file.\n", encoding="utf-8", newline="\n")
        try:
            program = _make_program(experiment.runs, out.absolute(), token.name)
            workers = limit_workers(experiment.runs, limit)
            yield RayPool(cluster, program, workers, count_threads(experiment.runs), tell)
        finally:
            token.unlink(missing_ok=True)


def _make_program(runs: Sequence[ExperimentRun], out: Path, token: str) -> NodeProgram:
    one_per_domain = {run.folder: run for run in runs}
    body: dict[str, Any] = {
        "out": str(out),
        "log": str(out / LOG),
        "token": token,
        "runs": [asdict(run) for run in one_per_domain.values()],
        "keys": list_keys(runs),
    }
    return NodeProgram(f"{_ROOM}:check_node", f"{_ROOM}:open_worker", body, str(Path.cwd()))


def count_threads(runs: Sequence[ExperimentRun]) -> int:
    """Count the cores that a run computes on; those of an experiment have one unless told otherwise."""
    return max(int(run.settings["student"]["threads"] or 1) for run in runs)


def limit_workers(runs: Sequence[ExperimentRun], limit: int | None) -> int | None:
    """Give how many workers there may be at most; each needs one of the calls that an address takes at once."""
    teachers = [TeacherSettings.model_validate(run.settings["teacher"]) for run in runs]
    calls = [teacher.concurrency for teacher in teachers if not teacher.is_embedded()]
    limits = [*calls, *([] if limit is None else [limit])]
    return min(limits, default=None)


def list_keys(runs: Sequence[ExperimentRun]) -> list[str]:
    """List the environment variables with keys that the runs use here, so that every machine must have them.

    The keys themselves are not sent: a cluster shows its jobs' environment to everybody who may look at it.
    """
    names: dict[str, None] = {}
    for run in runs:
        teacher = TeacherSettings.model_validate(run.settings["teacher"])
        if not teacher.is_embedded():
            names |= dict.fromkeys(teacher.role(role).api_key_env or "" for role in type(teacher.roles).model_fields)
    return [name for name in names if os.environ.get(name)]
