"""Have a language model draft the description and the label meanings of a new domain, from its rows."""

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from evokd.agents.domain_drafter import DomainDraft, draft_domain
from evokd.agents.llm.attempt import TeacherError
from evokd.agents.llm.budget import BudgetLimit, BudgetSpent
from evokd.agents.llm.client import Teacher, resolve_key
from evokd.agents.llm.memory_store import MemoryStore
from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.api.blocking import call_blocking
from evokd.intake.new_domain import NewDomain
from evokd.messages import DomainEvidence, Example, InputError
from evokd.messages.escape import clean
from evokd.student.tasks.base import LabeledExample

_PER_LABEL = 4
"""Rows of each label that are shown."""
_MOST_ROWS = 60
_TEXTS = 12
"""Unlabelled texts that are shown."""
_LONGEST = 600
"""Characters of the longest text that is shown."""
_REASON = 240
"""Characters of a reason that are told."""
_MOST_TOKENS = 60_000
"""Tokens, read and written, after which no further attempt is made."""


def read_teacher(model: str, base_url: str | None) -> TeacherSettings:
    """Make the settings of the teacher that drafts, and check that it can be called.

    Raises:
        InputError: the address is unusable, there is no key for it, or the teacher is an embedded one.
    """
    try:
        settings = TeacherSettings.model_validate(
            {
                "model": model,
                "base_url": base_url,
                "timeout": 120.0,
                "retries": 2,
                "max_reprompts": 1,
                "limits": {"patience": 20.0},
            }
        )
    except ValidationError as exc:
        raise InputError(f"--base-url: {exc.errors()[0]['msg'].removeprefix('Value error, ')}") from exc
    if settings.is_embedded():
        raise InputError(f"--teacher {model}: it cannot draft; name a language model, or leave --teacher out")
    resolve_key(settings.role("analyst"), os.environ)
    return settings


def add_draft(domain: NewDomain, settings: TeacherSettings, seed: int) -> NewDomain:
    """Put a drafted description and drafted meanings into a domain; where there is no usable reply, a note says so.

    Only seeds and unlabelled texts are shown, never a row of validation or test.
    """
    store = MemoryStore()
    evidence = _choose_rows(domain, seed)
    try:
        draft = call_blocking(lambda: asyncio.run(_ask(domain, settings, store, evidence, seed)))
        fault = store.calls[-1].faults[:1] if store.calls else []
        reason = fault[0] if fault else "the reply could not be used"
    except (TeacherError, BudgetSpent) as exc:
        draft, reason = None, str(exc)
    cost = _tell_cost(store)
    if draft is None:
        advice = "description and meanings are left for you to write"
        return replace(
            domain, notes=[*domain.notes, f"no draft from {settings.model}: {clean(reason, _REASON)}; {advice}{cost}"]
        )
    lacking = [label for label in domain.meanings if label not in draft.meanings]
    notes = [f"drafted from {len(evidence.rows)} seeds and {len(evidence.texts)} unlabelled texts{cost}"]
    notes += [f"no meaning was drafted for {', '.join(lacking[:8])}"] if lacking else []
    return replace(
        domain,
        description=draft.description,
        meanings={**domain.meanings, **draft.meanings},
        drafted=frozenset(draft.meanings),
        drafted_by=settings.model,
        notes=[*domain.notes, *notes],
    )


async def _ask(
    domain: NewDomain, settings: TeacherSettings, store: MemoryStore, evidence: DomainEvidence, seed: int
) -> DomainDraft | None:
    teacher = Teacher(settings, store, run=BudgetLimit(_MOST_TOKENS))
    try:
        return await draft_domain(teacher, domain.codec.name, domain.language, evidence, seed)
    finally:
        await teacher.close()


def _choose_rows(domain: NewDomain, seed: int) -> DomainEvidence:
    """Choose rows of every label, and unlabelled texts, none of them long."""
    rng = random.Random(seed)
    seeds = [] if domain.has_placeholders else [row for row in domain.seeds if len(row.text) <= _LONGEST]
    rng.shuffle(seeds)
    chosen: dict[int, LabeledExample] = {}
    for label in domain.codec.labels:
        holding = [row for row in seeds if label in domain.codec.labels_in(row.gold)]
        chosen.update((id(row), row) for row in holding[:_PER_LABEL])
    rows = list(chosen.values())[:_MOST_ROWS]
    return DomainEvidence(
        labels=list(domain.codec.labels),
        rows=[Example(text=row.text, gold=domain.codec.to_wire(row.text, row.gold)) for row in rows],
        texts=_sample([text for text in domain.pool if len(text) <= _LONGEST], rng),
    )


def _sample(texts: Sequence[str], rng: random.Random) -> list[str]:
    return rng.sample(texts, min(_TEXTS, len(texts)))


def _tell_cost(store: MemoryStore) -> str:
    read, written = sum(call.input_tokens for call in store.calls), sum(call.output_tokens for call in store.calls)
    if not read + written:
        return ""
    prices = [call.cost_usd for call in store.calls]
    cost = "price unknown" if None in prices else f"{store.spent(None)[1]:.4f} USD"
    calls = "1 call" if len(store.calls) == 1 else f"{len(store.calls)} calls"
    return f" ({calls}, {read:,} tokens read, {written:,} written, {cost})"
