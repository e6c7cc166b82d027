"""What a run would use and cost, and what a careful engineer would say about it, before anything is paid for."""

from typing import Any

from evokd.graph.checkup.findings import advise_pool, find_data_faults, find_teacher_faults
from evokd.graph.checkup.statistics import Places, measure_splits
from evokd.graph.endpoints import Endpoint, probe_endpoints
from evokd.graph.estimate import estimate_run
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.label_advice import advise_words
from evokd.graph.setup.plan import Plan
from evokd.messages.finding import sort_findings
from evokd.prompts.loader import ROLES

NO_TEACHER = "a run needs one: --teacher MODEL (with a key or --base-url)"


def describe_domain(plan: Plan, loaded: Domain | None = None) -> dict[str, Any]:
    """Facts of a planned run: data, prompts, student, teacher, budget, estimate; and findings about them.

    Asks the teacher's address for its list of models, which costs nothing.

    Args:
        plan: the plan.
        loaded: the domain before the plan moved rows between its splits, so that findings name their files.
    """
    settings, domain = plan.settings, plan.domain
    splits, places = measure_splits(plan), Places(loaded or domain)
    endpoints = probe_endpoints(settings.teacher) if plan.has_teacher else []
    findings = sort_findings([*find_teacher_faults(endpoints), *find_data_faults(plan, splits, places)])
    notes = [*domain.notes, *plan.sight.notes]
    told = {finding.note for finding in findings}
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
            "pool": len(domain.pool),
        },
        "files": [{"split": file.split, "path": str(file.path), **file.layout.facts()} for file in domain.files],
        "findings": [finding.to_json() for finding in findings],
        "statistics": {split.split: split.to_json() for split in splits},
        "notes": notes,
        "remarks": [note for note in notes if note not in told],
        "sight": dict(plan.sight.splits),
        "advice": [*advise_words(domain), *(["; ".join(advice)] if advice else [])],
        "prompts": dict(plan.briefing.versions),
        "own_prompts": list(plan.briefing.domain_prompts),
        "preset": plan.preset,
        "student": settings.student.base,
        "teacher": _describe_teacher(plan, endpoints),
        "budget": settings.budget.model_dump(mode="json"),
        "stop": settings.stop.model_dump(mode="json"),
        "estimate": estimate_run(plan).tell(),
    }


def _describe_teacher(plan: Plan, endpoints: list[Endpoint]) -> list[dict[str, Any]]:
    """Models and addresses with the roles that use them."""
    teacher = plan.settings.teacher
    if not plan.has_teacher:
        return [{"model": "none", "address": None, "roles": list(ROLES), "state": NO_TEACHER}]
    if teacher.is_embedded():
        return [{"model": teacher.model, "address": None, "roles": list(ROLES), "state": "in process"}]
    return [
        {
            "model": endpoint.settings.model,
            "address": endpoint.address,
            "roles": list(endpoint.roles),
            "state": endpoint.state.said,
        }
        for endpoint in endpoints
    ]
