"""What a run would use and cost, and what a careful engineer would say about it, before anything is paid for."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from evokd.graph.checkup.baseline import Baseline, measure_baseline
from evokd.graph.checkup.dry_call import DryCall, make_dry_calls, refuse_dry_calls
from evokd.graph.checkup.findings import advise_pool, find_data_faults, find_teacher_faults
from evokd.graph.checkup.memory_finding import find_memory_faults
from evokd.graph.checkup.statistics import Places, measure_splits
from evokd.graph.checkup.suspects import Suspects, find_suspects
from evokd.graph.context_room import find_shortages
from evokd.graph.endpoints import Endpoint, probe_endpoints
from evokd.graph.estimate import estimate_run
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.plan import Plan
from evokd.graph.setup.prompt_lint import lint_domain
from evokd.messages.finding import Finding, sort_findings
from evokd.prompts.loader import ROLES
from evokd.student.process.client import StudentClient
from evokd.student.process.log_elsewhere import log_elsewhere

NO_TEACHER = "a run needs one: --teacher MODEL (with a key or --base-url)"


@dataclass(frozen=True)
class MoreChecks:
    """Checks that take time or money, made only if they are asked for."""

    suspects: int = 0
    """Rows whose labels look wrong that are shown at most; 0: none is looked for."""
    baseline: bool = False
    """Train the student on the labelled rows alone."""
    dry_call: bool = False
    """Make one paid call per role."""


@dataclass(frozen=True)
class _Results:
    suspects: Suspects | None = None
    baseline: Baseline | None = None
    calls: tuple[DryCall, ...] = ()


_NO_MORE = MoreChecks()


def describe_domain(plan: Plan, loaded: Domain | None = None, more: MoreChecks = _NO_MORE) -> dict[str, Any]:
    """Facts of a planned run: data, prompts, student, teacher, budget, estimate; and findings about them.

    Asks the teacher's address for its list of models, which costs nothing.

    Args:
        plan: the plan.
        loaded: the domain before the plan moved rows between its splits, so that findings name their files.
        more: checks that take time or money.

    Raises:
        InputError: a dry call without a language model.
        StudentError: the student process failed.
    """
    splits, places = measure_splits(plan), Places(loaded or plan.domain)
    endpoints = probe_endpoints(plan.settings.teacher) if plan.has_teacher else []
    can_call = not any(endpoint.state.is_hopeless for endpoint in endpoints)
    results = asyncio.run(_check_more(plan, replace(more, dry_call=more.dry_call and can_call)))
    has_answered = bool(results.calls) and not any(call.error for call in results.calls)
    found = [
        *find_teacher_faults(endpoints, has_answered),
        *_find_short_contexts(plan, endpoints),
        *(finding for call in results.calls for finding in call.find()),
        *find_data_faults(plan, splits, places),
        *find_memory_faults(plan),
        *(results.suspects.find(places) if results.suspects else ()),
    ]
    findings = sort_findings(found)
    told = {finding.note for finding in findings}
    suspects = results.suspects.to_json(more.suspects, places) if results.suspects else None
    return {
        **_describe_plan(plan),
        "findings": [finding.to_json() for finding in findings],
        "remarks": [note for note in _list_notes(plan) if note not in told],
        "statistics": {split.split: split.to_json() for split in splits},
        "teacher": _describe_teacher(plan, endpoints),
        "suspects": suspects,
        "baseline": results.baseline.to_json() if results.baseline else None,
        "dry_calls": [call.to_json() for call in results.calls] if more.dry_call else None,
        "estimate": estimate_run(plan).tell(),
    }


def _find_short_contexts(plan: Plan, endpoints: list[Endpoint]) -> Iterator[Finding]:
    for short in find_shortages(plan, endpoints):
        yield Finding("warning", "context_short", short.endpoint.address, short.tell(), short.mend())


async def _check_more(plan: Plan, more: MoreChecks) -> _Results:
    """Make the checks that were asked for; what is paid for comes last, so that no failure loses it."""
    if more.dry_call:
        refuse_dry_calls(plan)
    results = await _ask_student(plan, more) if more.suspects or more.baseline else _Results()
    return replace(results, calls=tuple(await make_dry_calls(plan))) if more.dry_call else results


async def _ask_student(plan: Plan, more: MoreChecks) -> _Results:
    settings = plan.settings.student
    with log_elsewhere() as log:
        student = StudentClient(log, device=settings.device, threads=settings.threads)
        try:
            suspects = await find_suspects(plan, student) if more.suspects else None
            baseline = await measure_baseline(plan, student) if more.baseline else None
        finally:
            await student.close()
    return _Results(suspects, baseline)


def _list_notes(plan: Plan) -> list[str]:
    return [*plan.domain.notes, *plan.sight.notes]


def _describe_plan(plan: Plan) -> dict[str, Any]:
    settings, domain = plan.settings, plan.domain
    advice = advise_pool(plan)
    return {
        "domain": domain.file.name,
        "folder": str(domain.folder),
        "task": domain.codec.name,
        "metric": domain.metric,
        "labels": list(domain.codec.labels),
        "data": {
            "seeds": len(domain.seeds),
            "validation": len(domain.validation),
            "test": len(domain.test),
            "corpus": len(domain.corpus_rows),
            "pool": domain.unlabelled,
        },
        "files": [{"split": file.split, "path": str(file.path), **file.layout.facts()} for file in domain.files],
        "notes": _list_notes(plan),
        "sight": dict(plan.sight.splits),
        "advice": ["; ".join(advice)] if advice else [],
        "prompts": dict(plan.briefing.versions),
        "own_prompts": list(plan.briefing.domain_prompts),
        "prompt_language": plan.domain.prompt_language,
        "prompt_findings": [finding.note for finding in lint_domain(plan.domain, settings.curriculum.weaknesses)],
        "preset": plan.preset,
        "student": settings.student.base,
        "budget": settings.budget.model_dump(mode="json"),
        "stop": settings.stop.model_dump(mode="json"),
    }


def _describe_teacher(plan: Plan, endpoints: list[Endpoint]) -> list[dict[str, Any]]:
    """Models and addresses with the roles that use them."""
    teacher = plan.settings.teacher
    if not plan.has_teacher:
        return [{"model": "none", "address": None, "roles": list(ROLES), "state": NO_TEACHER, "context": None}]
    if teacher.is_embedded():
        return [{"model": teacher.model, "address": None, "roles": list(ROLES), "state": "in process", "context": None}]
    return [
        {
            "model": endpoint.settings.model,
            "address": endpoint.address,
            "roles": list(endpoint.roles),
            "state": endpoint.state.said,
            "context": None if endpoint.state.context_is_default else endpoint.state.context,
        }
        for endpoint in endpoints
    ]
