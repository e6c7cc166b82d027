"""Drive a planned backtest: what is done is read, what is missing is made by workers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from evokd.experiments.execution import FullDataBaseline, find_ceiling, find_curve, make_ceiling
from evokd.experiments.results import Outcome
from evokd.experiments.spec import Experiment, ExperimentRun
from evokd.experiments.worker_pool import Interrupted, JobFailure, PoolJob, Tell, WorkerPool
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.stopping import exit_code
from evokd.messages import EvokdError, InputError
from evokd.tracing.files import make_folder


class RunsFailed(EvokdError):
    """Some cells could not be done; the others are."""


class TeacherFailed(RunsFailed):
    """The teacher could not be reached, so nothing more was tried."""

    exit_code: ClassVar[int] = 3


@dataclass(frozen=True)
class Results:
    """What a backtest has brought up to now."""

    outcomes: Sequence[Outcome]
    ceilings: Mapping[tuple[str, int], Mapping[str, Any]]
    """Domain and seed -> the full-shot student, where there is one."""
    failures: Sequence[JobFailure]

    def check(self) -> None:
        """Raise where something could not be done.

        Raises:
            CellsFailed: names the first failure, and how to go on.
        """
        if self.failures:
            first = self.failures[0]
            kind = (
                TeacherFailed
                if any(failure.code == TeacherFailed.exit_code for failure in self.failures)
                else RunsFailed
            )
            raise kind(
                f"{len(self.failures)} of the runs and full-shot trainings failed, first {first.piece.name}:"
                f" {first.message}; the same command tries them again"
            )


def drive(backtest: Experiment, out: Path, jobs: int, full_shot: int | None, tell: Tell) -> Results:
    """Do what is missing, and collect everything.

    Args:
        backtest: the planned cells.
        out: its folder.
        jobs: processes at most.
        full_shot: of how many seeds the student of the whole corpus is trained for comparison; 0: of none, None: of
            all.
        tell: called with events; see `WorkerPool`. First comes `planned` with the number of pieces and of those done.

    Raises:
        InputError: the folder cannot be made, or holds a domain.
        Interrupted: Ctrl-C; the same command goes on.
        ResumeError: another process works in this folder.
    """
    if (out / "domain.yaml").exists():
        raise InputError(f"--out {out}: is the folder of a domain; name another one")
    make_folder(out, "--out")
    with RunFolder(out).lock():
        ceilings = _ceilings(backtest, full_shot)
        pieces = [_ceiling_piece(item) for item in ceilings.values() if find_ceiling(out, item) is None]
        pieces += [_cell_piece(cell) for cell in backtest.cells if find_curve(out, cell) is None]
        total = len(backtest.cells) + len(ceilings)
        tell({"event": "planned", "total": total, "done": total - len(pieces), "jobs": min(jobs, len(pieces))})
        try:
            failures = WorkerPool(out, jobs, tell).work(pieces)
        except KeyboardInterrupt as exc:
            left = sum(find_curve(out, cell) is None for cell in backtest.cells)
            told = f"interrupted: {len(backtest.cells) - left} of {len(backtest.cells)} cells are done"
            raise Interrupted(f"{told}; go on with the same command", exit_code(exc)) from exc
        return _collect(backtest, out, ceilings, failures)


def _ceilings(backtest: Experiment, seeds: int | None) -> dict[tuple[str, int], FullDataBaseline]:
    """One per domain and each of the first seeds, where the domain has a corpus."""
    chosen = sorted({cell.seed for cell in backtest.cells})[:seeds]
    found: dict[tuple[str, int], FullDataBaseline] = {}
    for cell in backtest.cells:
        domain = backtest.domains[cell.folder]
        if domain.corpus_rows and cell.seed in chosen:
            found.setdefault((cell.domain, cell.seed), make_ceiling(cell, domain))
    return found


def _ceiling_piece(ceiling: FullDataBaseline) -> PoolJob:
    name = f"{ceiling.domain} full-shot s{ceiling.seed}"
    return PoolJob(ceiling.id, "ceiling", ceiling.folder, name, asdict(ceiling))


def _cell_piece(cell: ExperimentRun) -> PoolJob:
    told = f" t{cell.typicality:g} n{cell.noise:g}" if any(cell.condition) else ""
    return PoolJob(cell.id, "cell", cell.folder, f"{cell.domain} {cell.column} s{cell.seed}{told}", asdict(cell))


def _collect(
    backtest: Experiment,
    out: Path,
    ceilings: Mapping[tuple[str, int], FullDataBaseline],
    failures: Sequence[JobFailure],
) -> Results:
    full = {key: found for key, item in ceilings.items() if (found := find_ceiling(out, item)) is not None}
    outcomes = []
    for cell in backtest.cells:
        curve = find_curve(out, cell)
        if curve is not None:
            ceiling = full.get((cell.domain, cell.seed))
            outcomes.append(Outcome(cell, curve["points"], ceiling, curve["totals"], curve["stop_reason"]))
    return Results(outcomes, full, failures)
