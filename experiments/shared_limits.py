"""One limit on the calls to an address for all runs of an experiment, held by the process that drives it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from evokd.agents.llm.limiter_server import serve_limiters
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.jobs.pool import PoolJob

_KEY = "limiters"
"""Where the body of a job says whom to ask for leave: beside the run, of which it is no part."""


@contextmanager
def limit_together(jobs: Sequence[PoolJob], host: str, workers: int) -> Iterator[list[PoolJob]]:
    """Hold the limiters of all runs that call a language model, until the block ends; gives the jobs to hand out.

    Args:
        jobs: runs, and what calls no teacher.
        host: address of this machine at which the workers find it.
        workers: runs at once.

    Raises:
        EvokdError: this machine cannot be asked at that address.
    """
    if not any(map(_calls_a_model, jobs)):
        yield list(jobs)
        return
    with serve_limiters(host, workers) as address:
        yield [_add_address(job, address) if _calls_a_model(job) else job for job in jobs]


def _calls_a_model(job: PoolJob) -> bool:
    return job.kind == "run" and not TeacherSettings.model_validate(job.body["settings"]["teacher"]).is_embedded()


def _add_address(job: PoolJob, address: LimiterAddress) -> PoolJob:
    return replace(job, body={**job.body, _KEY: asdict(address)})


def split_address(body: Mapping[str, Any]) -> tuple[dict[str, Any], LimiterAddress | None]:
    """Part what a run is from whom it asks for leave; None: nobody."""
    run = {key: value for key, value in body.items() if key != _KEY}
    address = body.get(_KEY)
    return run, None if address is None else LimiterAddress(**address)
