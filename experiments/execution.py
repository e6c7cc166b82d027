"""Do one job of an experiment in this process: a run with its learning curve, or a training on the full data."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.experiments.learning_curve import FILE, read_result, score_versions, write_curve
from evokd.experiments.spec import MAY_DIFFER, ExperimentRun, counted_versions, digest_parts
from evokd.graph.context import cycle_name
from evokd.graph.open_context import RunOverrides
from evokd.graph.runner import resume_run, start_run
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.plan import Plan, plan_settings
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.simulated_teacher import make_corpus
from evokd.messages import EvokdError
from evokd.student.protocol import StudentProtocol, TrainExample, TrainJob
from evokd.student.similar_texts import normalise
from evokd.tracing.events import Listener
from evokd.tracing.files import write_json
from evokd.tracing.summary import read_summary

if TYPE_CHECKING:
    from evokd.simulator.corpus import Corpus

_BASELINES = "ceilings"
"""Folder of the full-data baselines. Folders of experiments that were begun earlier have this name."""


@dataclass(frozen=True)
class FullDataBaseline:
    """A student of a domain and seed, trained on the seeds and the whole corpus without noise, test texts left out."""

    id: str
    folder: str
    domain: str
    seed: int
    run: ExperimentRun
    """Any run with that student."""


def plan_experiment_run(run: ExperimentRun, domain: Domain) -> Plan:
    """Plan a run again, on a domain that has been read."""
    return plan_settings(domain, run.preset, [ConfigSource(run.id, run.settings)])


def read_curve(out: Path, run: ExperimentRun) -> dict[str, Any] | None:
    """Read the learning curve of a run; None while the run is not done."""
    return read_result(out / "runs" / run.id / FILE, "points")


@dataclass
class DomainCache:
    """A domain that all runs on it share: read once, its corpus indexed once."""

    domain: Domain
    corpus: "Corpus | None" = None

    def overrides(self, plan: Plan, student: StudentProtocol, limiters: LimiterAddress | None) -> RunOverrides:
        """What a run takes from here instead of making it: the student, and the corpus unless it names another."""
        shares_corpus = plan.settings.teacher.is_rehearsal() and plan.settings.rehearsal.corpus is None
        if shares_corpus and self.corpus is None:
            self.corpus = make_corpus(replace(self.domain, seeds=()))
        corpus = self.corpus if shares_corpus else None
        return RunOverrides(student, keep_versions=True, corpus=corpus, limiters=limiters)


def execute_run(
    run: ExperimentRun,
    cache: DomainCache,
    out: Path,
    student: StudentProtocol,
    listeners: tuple[Listener, ...] = (),
    limiters: LimiterAddress | None = None,
) -> dict[str, Any]:
    """Start a run, or resume it, and write its learning curve; a finished run is only read.

    The students are large, so they are deleted once they are scored.

    Args:
        run: what to do.
        cache: its domain.
        out: the experiment's folder.
        student: trains and answers.
        listeners: called with the run's events.
        limiters: where its calls are limited together with those of other runs.
    """
    curve = read_curve(out, run)
    if curve is not None:
        return curve
    folder = RunFolder(out / "runs" / run.id)
    plan = plan_experiment_run(run, cache.domain)
    summary = _read_scorable_summary(folder)
    if summary is None:
        overrides = cache.overrides(plan, student, limiters)
        if folder.config.is_file():
            summary = resume_run(folder, listeners, overrides=overrides, domain=str(cache.domain.folder))
        else:
            summary = start_run(plan, out / "runs", run.id, listeners, overrides)
    points = asyncio.run(score_versions(summary, folder, plan.domain, student))
    head = {
        "cell": run.id,  # the name of this key in files of earlier versions
        "metric": run.metric,
        "stop_reason": summary["stop_reason"],
        "totals": summary["totals"],
        "seeds": len(plan.domain.seeds),
        "validation": len(plan.domain.validation),
    }
    record = write_curve(folder.path, head, points)
    for path in (folder.work, folder.student):
        shutil.rmtree(path, ignore_errors=True)
    return record


def _read_scorable_summary(folder: RunFolder) -> Mapping[str, Any] | None:
    """The summary of a finished run; None, with the folder gone, where its students are no longer there."""
    summary = read_summary(folder.summary)
    if summary is not None and not _has_all_versions(summary, folder):
        shutil.rmtree(folder.path)
        return None
    return summary


def _has_all_versions(summary: Mapping[str, Any], folder: RunFolder) -> bool:
    promoted = [cycle["cycle"] for cycle in summary["cycles"] if cycle["gate"]["promoted"]]
    return all(folder.version(cycle_name(cycle)).is_dir() for cycle in (0, *promoted))


def plan_baseline(run: ExperimentRun, domain: Domain) -> FullDataBaseline:
    """Name the baseline of a run; runs with the same student, seed and data share one."""
    student = {key: value for key, value in run.settings["student"].items() if f"student.{key}" not in MAY_DIFFER}
    parts = {
        "student": student,
        "seed": run.seed,
        "shots": run.settings["rows"]["shots"],
        "data": dict(domain.fingerprint),
        "corpus": run.settings["rehearsal"]["corpus"],
        "versions": counted_versions(),
    }
    name = f"{run.domain[:40]}-s{run.seed}-{digest_parts(parts)}"
    return FullDataBaseline(name, run.folder, run.domain, run.seed, run)


def read_baseline(out: Path, baseline: FullDataBaseline) -> dict[str, Any] | None:
    """Read the scores of a baseline; None while it is not trained."""
    return read_result(out / _BASELINES / f"{baseline.id}.json", "test")


def train_baseline(baseline: FullDataBaseline, domain: Domain, out: Path, student: StudentProtocol) -> dict[str, Any]:
    """Train a student on the seeds and the whole corpus except test texts, and score it on test data.

    Raises:
        EvokdError: the domain has no corpus.
    """
    done = read_baseline(out, baseline)
    if done is not None:
        return done
    plan = plan_experiment_run(baseline.run, domain)
    if not plan.domain.corpus_rows:
        raise EvokdError(f"{plan.domain.folder}: no corpus to train on")
    record = asyncio.run(_train_baseline(plan, out / _BASELINES / baseline.id, student))
    (out / _BASELINES).mkdir(parents=True, exist_ok=True)
    write_json(out / _BASELINES / f"{baseline.id}.json", record)
    return record


async def _train_baseline(plan: Plan, work: Path, student: StudentProtocol) -> dict[str, Any]:
    domain = plan.domain
    test_texts = {normalise(row.text) for row in domain.test}
    by_text = {row.text: row for row in (*reversed(domain.corpus_rows), *domain.seeds)}
    rows = [row for row in by_text.values() if normalise(row.text) not in test_texts]
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
        predictions = await student.predict(work, [example.text for example in domain.test])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    gold = [example.gold for example in domain.test]
    scores = domain.codec.evaluate(gold, [prediction.answer for prediction in predictions])
    return {
        "samples": len(rows),
        "tune": result.tune,
        "steps": result.steps,
        "test": {name: round(value, 6) for name, value in scores.metrics.items()},
        "labels": {line.label: round(line.f1, 6) for line in scores.report},
    }
