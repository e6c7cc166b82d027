"""What a run would use and cost, before anything is written or paid for."""

import os
from typing import Any

from evokd.agents.llm.client import resolve_key
from evokd.agents.llm.ping import ping
from evokd.agents.llm.teacher_settings import OPENAI_URL
from evokd.graph.estimate import estimate_run
from evokd.graph.setup.label_advice import advise_words
from evokd.graph.setup.plan import Plan
from evokd.prompts.loader import ROLES

NO_TEACHER = "a run needs one: --teacher MODEL (with a key or --base-url)"
FEW_LINES = 150
"""With fewer unlabelled texts than this, the check advises adding some."""


def describe_domain(plan: Plan) -> dict[str, Any]:
    """Facts of a planned run: data, prompts, student, teacher, budget, estimate.

    Asks the teacher's address for its list of models, which costs nothing.
    """
    settings, domain = plan.settings, plan.domain
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
        "notes": [*domain.notes, *plan.sight.notes],
        "sight": dict(plan.sight.splits),
        "advice": [*advise_words(domain), *_advise(plan)],
        "prompts": dict(plan.briefing.versions),
        "own_prompts": list(plan.briefing.domain_prompts),
        "preset": plan.preset,
        "student": settings.student.base,
        "teacher": _describe_teacher(plan),
        "budget": settings.budget.model_dump(mode="json"),
        "stop": settings.stop.model_dump(mode="json"),
        "estimate": estimate_run(plan).tell(),
    }


def _advise(plan: Plan) -> list[str]:
    """What would improve a run most, as measured with language models (docs/benchmarks.md)."""
    source, lines, wanted = plan.settings.curriculum.source, len(plan.domain.pool), plan.settings.budget.samples
    if source == "write" or plan.settings.rows.pool == 0:
        return []
    if not lines:
        return [
            "there are no unlabelled texts; a few hundred of your own help most: put them into a file, one per line,"
            f" and name it in {plan.domain.folder / 'domain.yaml'} under data.pool"
        ]
    if source == "pool" and wanted is not None and lines < wanted:
        return [f"the pool holds {lines} texts, so this run ends before its {wanted} samples; add lines to data.pool"]
    if lines < FEW_LINES:
        return [f"unlabelled texts: {lines}; a few hundred help most, so add lines to data.pool"]
    return []


def _describe_teacher(plan: Plan) -> list[dict[str, Any]]:
    """Models and addresses with the roles that use them."""
    teacher = plan.settings.teacher
    if not plan.has_teacher:
        return [{"model": "none", "address": None, "roles": list(ROLES), "state": NO_TEACHER}]
    if teacher.is_embedded():
        return [{"model": teacher.model, "address": None, "roles": list(ROLES), "state": "in process"}]
    teachers: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    for role in ROLES:
        role_settings = teacher.role(role)
        endpoint = (role_settings.model, role_settings.base_url)
        if endpoint not in teachers:
            state = ping(role_settings, resolve_key(role_settings, os.environ))
            teachers[endpoint] = {
                "model": role_settings.model,
                "address": role_settings.base_url or OPENAI_URL,
                "roles": [],
                "state": state,
            }
        teachers[endpoint]["roles"].append(role)
    return list(teachers.values())
