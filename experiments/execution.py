"""Do one piece of a backtest in this process: a run with its learning curve, or the student of the whole corpus."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.experiments.learning_curve import FILE, read_result, score_versions, write_curve
from evokd.experiments.spec import MAY_DIFFER, ExperimentRun, counted_versions, digest
from evokd.graph.context import cycle_name
from evokd.graph.open_context import RunOverrides
from evokd.graph.runner import resume_run, start_run
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.plan import Plan, plan_settings
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.simulated_teacher import make_corpus
from evokd.messages import EvokdError
from evokd.student.curate import normalise
from evokd.student.protocol import Student, TrainExample, TrainJob
from evokd.tracing.events import Listener
from evokd.tracing.files import write_json
from evokd.tracing.summary import read_summary

if TYPE_CHECKING:
    from evokd.simulator.corpus import Corpus


@dataclass(frozen=True)
class FullDataBaseline:
    """The student of a domain and seed, trained without noise on the seeds and the whole corpus but for test texts."""

    id: str
    folder: str
    domain: str
    seed: int
    cell: ExperimentRun
    """Any cell with that student."""


def plan_cell(cell: ExperimentRun, domain: Domain) -> Plan:
    """Plan a cell's run again, on a domain that was read before."""
    return plan_settings(domain, cell.preset, [ConfigSource(cell.id, cell.settings)])


def find_curve(out: Path, cell: ExperimentRun) -> dict[str, Any] | None:
    """Read what a cell has left, None while it is not done."""
    return read_result(out / "runs" / cell.id / FILE, "points")


@dataclass
class DomainCache:
    """A domain as all cells on it use it: read once, its corpus indexed once."""

    domain: Domain
    corpus: "Corpus | None" = None

    def host(self, plan: Plan, student: Student) -> RunOverrides:
        """What is lent to a run."""
        own = plan.settings.teacher.is_rehearsal() and plan.settings.rehearsal.corpus is None
        if own and self.corpus is None:
            self.corpus = make_corpus(replace(self.domain, seeds=()))
        return RunOverrides(student, keep_versions=True, corpus=self.corpus if own else None)


def run_cell(
    cell: ExperimentRun, stock: DomainCache, out: Path, student: Student, listeners: tuple[Listener, ...] = ()
) -> dict[str, Any]:
    """Run a cell to its end, or on from where it was, and write its learning curve; what is done is left as it is.

    The students, which are large, are deleted once they are scored.
    """
    done = find_curve(out, cell)
    if done is not None:
        return done
    folder = RunFolder(out / "runs" / cell.id)
    summary = read_summary(folder.summary)
    if summary is not None and not _versions_are_there(summary, folder):
        shutil.rmtree(folder.path)
        summary = None
    plan = plan_cell(cell, stock.domain)
    if summary is None:
        host = stock.host(plan, student)
        if folder.config.is_file():
            summary = resume_run(folder, listeners, overrides=host, domain=str(stock.domain.folder))
        else:
            summary = start_run(plan, out / "runs", cell.id, listeners, host)
    points = asyncio.run(score_versions(summary, folder, plan.domain, student))
    head = {
        "cell": cell.id,
        "metric": cell.metric,
        "stop_reason": summary["stop_reason"],
        "totals": summary["totals"],
        "seeds": len(plan.domain.seeds),
        "validation": len(plan.domain.validation),
    }
    record = write_curve(folder.path, head, points)
    for path in (folder.work, folder.student):
        shutil.rmtree(path, ignore_errors=True)
    return record


def _versions_are_there(summary: Mapping[str, Any], folder: RunFolder) -> bool:
    promoted = [cycle["cycle"] for cycle in summary["cycles"] if cycle["gate"]["promoted"]]
    return all(folder.version(cycle_name(cycle)).is_dir() for cycle in (0, *promoted))


def make_ceiling(cell: ExperimentRun, domain: Domain) -> FullDataBaseline:
    """Name the ceiling of a cell; cells with the same student, seed and data have the same."""
    student = {key: value for key, value in cell.settings["student"].items() if f"student.{key}" not in MAY_DIFFER}
    parts = {
        "student": student,
        "seed": cell.seed,
        "shots": cell.settings["rows"]["shots"],
        "data": dict(domain.fingerprint),
        "corpus": cell.settings["rehearsal"]["corpus"],
        "versions": counted_versions(),
    }
    return FullDataBaseline(
        f"{cell.domain[:40]}-s{cell.seed}-{digest(parts)}", cell.folder, cell.domain, cell.seed, cell
    )


def find_ceiling(out: Path, ceiling: FullDataBaseline) -> dict[str, Any] | None:
    """Read a ceiling, None while it is not there."""
    return read_result(out / "ceilings" / f"{ceiling.id}.json", "test")


def train_ceiling(ceiling: FullDataBaseline, domain: Domain, out: Path, student: Student) -> dict[str, Any]:
    """Train the student on the seeds and the whole corpus but for test texts, and score it on test data.

    Raises:
        EvokdError: the domain has no corpus.
    """
    done = find_ceiling(out, ceiling)
    if done is not None:
        return done
    plan = plan_cell(ceiling.cell, domain)
    if not plan.domain.corpus_rows:
        raise EvokdError(f"{plan.domain.folder}: no corpus to train on")
    record = asyncio.run(_train_ceiling(plan, out / "ceilings" / ceiling.id, student))
    (out / "ceilings").mkdir(parents=True, exist_ok=True)
    write_json(out / "ceilings" / f"{ceiling.id}.json", record)
    return record


async def _train_ceiling(plan: Plan, work: Path, student: Student) -> dict[str, Any]:
    domain = plan.domain
    held = {normalise(row.text) for row in domain.test}
    own = {row.text: row for row in (*reversed(domain.corpus_rows), *domain.seeds)}
    rows = [row for row in own.values() if normalise(row.text) not in held]
    job = TrainJob(
        task=domain.codec.name,
        labels=list(domain.codec.labels),
        examples=[TrainExample(id=f"r{number}", text=row.text, gold=row.gold) for number, row in enumerate(rows)],
        meanings=dict(domain.file.labels),
        out=str(work),
        settings=plan.settings.student,
        seed=plan.settings.seed,
    )
    try:
        result = await student.train(job)
        found = await student.predict(work, [example.text for example in domain.test])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    scores = domain.codec.evaluate([example.gold for example in domain.test], [item.answer for item in found])
    return {
        "samples": len(rows),
        "tune": result.tune,
        "steps": result.steps,
        "test": {name: round(value, 6) for name, value in scores.metrics.items()},
        "labels": {line.label: round(line.f1, 6) for line in scores.report},
    }
