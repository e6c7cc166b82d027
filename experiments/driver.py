"""Drive a planned experiment: read what is done, let workers do what is missing."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from evokd.experiments.execution import FullDataBaseline, plan_baseline, read_baseline, read_curve
from evokd.experiments.on_ray import open_ray_pool
from evokd.experiments.results import Outcome
from evokd.experiments.shared_limits import limit_together
from evokd.experiments.spec import Experiment, ExperimentRun
from evokd.experiments.worker_pool import WorkerPool
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.stopping import exit_code
from evokd.jobs.pool import Interrupted, JobFailure, JobPool, PoolJob, Tell
from evokd.jobs.ray_cluster import RayOptions
from evokd.messages import EvokdError, InputError
from evokd.messages.cores import count_cores
from evokd.messages.loopback import HOST
from evokd.tracing.files import make_folder


class RunsFailed(EvokdError):
    """Some runs or full-data trainings failed; the others are done."""


class TeacherFailed(RunsFailed):
    """The teacher could not be reached, so nothing more was tried."""

    exit_code: ClassVar[int] = 3


@dataclass(frozen=True)
class Results:
    """What an experiment has brought so far."""

    outcomes: Sequence[Outcome]
    baselines: Mapping[tuple[str, int], Mapping[str, Any]]
    """Domain and seed -> the student trained on the full data, where there is one."""
    failures: Sequence[JobFailure]

    def check(self) -> None:
        """Raise if anything failed.

        Raises:
            RunsFailed: names the first failure, and how to go on.
            TeacherFailed: the same, where the teacher could not be reached.
        """
        if not self.failures:
            return
        first = self.failures[0]
        unreachable = any(failure.code == TeacherFailed.exit_code for failure in self.failures)
        error = TeacherFailed if unreachable else RunsFailed
        raise error(
            f"{len(self.failures)} of the {self._name_jobs()} failed, first {first.job.name}:"
            f" {first.message}; the same command tries them again"
        )

    def _name_jobs(self) -> str:
        failed_baselines = any(failure.job.kind == "baseline" for failure in self.failures)
        return "runs and full-shot trainings" if self.baselines or failed_baselines else "runs"


def drive(
    experiment: Experiment,
    out: Path,
    processes: int | None,
    full_shot: int | None,
    tell: Tell,
    ray: RayOptions | None = None,
) -> Results:
    """Do what is missing, and collect everything.

    Args:
        experiment: the planned runs.
        out: its folder.
        processes: how many at most; None: one per core.
        full_shot: for how many seeds a student is trained on the full data; 0: for none, None: for all.
        tell: called with events; see `JobPool`. First comes `planned` with the number of jobs and of those done.
        ray: the cluster that does the jobs; None: processes of this machine.

    Raises:
        InputError: the folder cannot be made or holds a domain, or a machine of the cluster cannot make these runs.
        Interrupted: Ctrl-C; the same command goes on.
        ResumeError: another process works in this folder.
    """
    if (out / "domain.yaml").exists():
        raise InputError(f"--out {out}: is the folder of a domain; name another one")
    make_folder(out, "--out")
    with RunFolder(out).lock():
        baselines = _plan_baselines(experiment, full_shot)
        jobs = [_baseline_job(baseline) for baseline in baselines.values() if read_baseline(out, baseline) is None]
        jobs += [_run_job(run) for run in experiment.runs if read_curve(out, run) is None]
        total = len(experiment.runs) + len(baselines)
        done = total - len(jobs)
        planned = {"event": "planned", "total": total, "baselines": len(baselines), "done": done}
        try:
            failures = _work(experiment, out, jobs, processes, ray, tell, planned)
        except KeyboardInterrupt as exc:
            done = sum(read_curve(out, run) is not None for run in experiment.runs)
            progress = f"{done} of {len(experiment.runs)} runs are done"
            raise Interrupted(f"interrupted: {progress}; go on with the same command", exit_code(exc)) from exc
        return _collect(experiment, out, baselines, failures)


def _work(
    experiment: Experiment,
    out: Path,
    jobs: Sequence[PoolJob],
    processes: int | None,
    ray: RayOptions | None,
    tell: Tell,
    planned: Mapping[str, Any],
) -> Sequence[JobFailure]:
    """Do jobs, here or on a cluster; one is opened only if there is something to do."""
    with ExitStack() as stack:
        if ray is None or not jobs:
            size, host = processes or count_cores(), HOST
            pool: JobPool = WorkerPool(out, size, tell)
        else:
            cluster_pool = stack.enter_context(open_ray_pool(experiment, out, ray, processes, tell))
            pool, size, host = cluster_pool, cluster_pool.size, cluster_pool.host
        workers = min(size, len(jobs))
        limited = stack.enter_context(limit_together(jobs, host, workers))
        tell({**planned, "processes": workers})
        return pool.work(limited)


def _plan_baselines(experiment: Experiment, count: int | None) -> dict[tuple[str, int], FullDataBaseline]:
    """One per domain and each of the first `count` seeds, where the domain has a corpus."""
    seeds = sorted({run.seed for run in experiment.runs})[:count]
    baselines: dict[tuple[str, int], FullDataBaseline] = {}
    for run in experiment.runs:
        domain = experiment.domains[run.folder]
        if domain.corpus_rows and run.seed in seeds:
            baselines.setdefault((run.domain, run.seed), plan_baseline(run, domain))
    return baselines


def _baseline_job(baseline: FullDataBaseline) -> PoolJob:
    name = f"{baseline.domain} full-shot s{baseline.seed}"
    return PoolJob(baseline.id, "baseline", baseline.folder, name, asdict(baseline))


def _run_job(run: ExperimentRun) -> PoolJob:
    condition = f" t{run.typicality:g} n{run.noise:g}" if any(run.condition) else ""
    name = f"{run.domain} {run.arm} s{run.seed}{condition}"
    return PoolJob(run.id, "run", run.folder, name, asdict(run))


def _collect(
    experiment: Experiment,
    out: Path,
    planned: Mapping[tuple[str, int], FullDataBaseline],
    failures: Sequence[JobFailure],
) -> Results:
    baselines = {}
    for key, baseline in planned.items():
        record = read_baseline(out, baseline)
        if record is not None:
            baselines[key] = record
    outcomes = []
    for run in experiment.runs:
        curve = read_curve(out, run)
        if curve is not None:
            full_data = baselines.get((run.domain, run.seed))
            outcomes.append(Outcome(run, curve["points"], full_data, curve["totals"], curve["stop_reason"]))
    return Results(outcomes, baselines, failures)
