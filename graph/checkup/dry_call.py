"""One paid call per role, with the smallest request of a first cycle: what the endpoint makes of it.

Nothing enters a run: the calls are recorded in a ledger that is thrown away.
"""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from evokd.agents import analyst, generator, labeler
from evokd.agents.labeler import Guidance
from evokd.agents.llm.attempt import TeacherError
from evokd.agents.llm.budget import BudgetLimit, BudgetSpent
from evokd.agents.llm.call_recorder import PROMPT_CUT
from evokd.agents.llm.client import Teacher
from evokd.graph.forecast import Forecast
from evokd.graph.setup.plan import Plan
from evokd.messages import CallRecord, Case, Example, FeedbackPacket, InputError
from evokd.messages.finding import Finding
from evokd.prompts.loader import ROLES
from evokd.student.protocol import Answer
from evokd.tracing.ledger import Ledger

TEXTS = 4
"""Texts that the Generator writes, the Labeler labels and the Analyst sees."""
_SPAN = "dry-call"
_BROKEN = ("cut_off", "filtered", PROMPT_CUT)


@dataclass(frozen=True)
class DryCall:
    """What became of the call of a role."""

    role: str
    model: str
    requests: tuple[CallRecord, ...]
    """All that was sent: a server that refuses a form of the request is asked in another one."""
    error: str = ""
    """Why there is no reply."""

    def to_json(self) -> dict[str, Any]:
        """The call as JSON."""
        last = self.requests[-1] if self.requests else None
        costs = [record.cost_usd for record in self.requests if record.status != "error"]
        return {
            "role": self.role,
            "model": self.model,
            "requests": len(self.requests),
            "mode": last.ability if last else None,
            "finish": _describe_finish(last) if last and not self.error else None,
            "mended": [flag for flag in last.flags if flag not in _BROKEN] if last else [],
            "faults": list(last.faults) if last else [],
            "input_tokens": sum(record.input_tokens for record in self.requests),
            "output_tokens": sum(record.output_tokens for record in self.requests),
            "estimated": any(record.estimated for record in self.requests),
            "cost_usd": None if None in costs or not costs else sum(cost for cost in costs if cost is not None),
            "seconds": round(sum(record.seconds for record in self.requests), 2),
            "reply": last.raw if last and not self.error else None,
            "error": self.error or None,
        }

    def find(self) -> list[Finding]:
        """What the call says about a run."""
        place = self.requests[-1].endpoint if self.requests else ""
        if self.error:
            mend = "mend this first: a run would stop at its first call"
            return [Finding("error", "dry_call_failed", place, f"{self.role}: {self.error}", mend)]
        return [*self._find_cut(place), *self._find_faults(place)]

    def _find_cut(self, place: str) -> list[Finding]:
        if not any(PROMPT_CUT in record.flags for record in self.requests):
            return []
        text = f"{self.role}: the server reads less of the prompt than it was sent; it probably cuts off the beginning"
        mend = "give the model a longer context (Ollama: OLLAMA_CONTEXT_LENGTH, or num_ctx in a Modelfile)"
        return [Finding("warning", "prompt_cut", place, text, mend)]

    def _find_faults(self, place: str) -> list[Finding]:
        faults = self.requests[-1].faults if self.requests else []
        if not faults:
            return []
        text = f"the {self.role}'s reply cannot be used as it is: {faults[0][:300]}"
        mend = "a run asks again (teacher.max_reprompts), which costs tokens; a more capable model may do better"
        return [Finding("warning", "dry_call_faulty", place, text, mend)]


def refuse_dry_calls(plan: Plan) -> None:
    """Refuse dry calls without a language model.

    Raises:
        InputError: there is none to ask.
    """
    if not plan.has_teacher or plan.settings.teacher.is_embedded():
        raise InputError(
            "--dry-call: there is no language model to ask; name one with --teacher MODEL (and --base-url)"
        )


async def make_dry_calls(plan: Plan) -> list[DryCall]:
    """Make the calls, one after another; a role that fails does not keep the others from being asked."""
    with tempfile.TemporaryDirectory(prefix="evokd-dry-call-") as folder:
        ledger = Ledger(Path(folder) / "ledger.db")
        try:
            return [await _call(plan, ledger, role) for role in ROLES]
        finally:
            ledger.close()


async def _call(plan: Plan, ledger: Ledger, role: str) -> DryCall:
    settings, budget = plan.settings.teacher.model_copy(update={"max_reprompts": 0}), plan.settings.budget
    records: list[CallRecord] = []
    ledger.on_call = records.append
    # one for each role: a client that has failed once makes no other call
    teacher = Teacher(settings, ledger, run=BudgetLimit(budget.tokens, budget.usd))
    error = ""
    try:
        await _ASK[role](plan, teacher)
    except (TeacherError, BudgetSpent) as exc:
        error = str(exc)
    finally:
        await teacher.close()
    return DryCall(role, plan.settings.teacher.role(role).model or "", tuple(records), error)


async def _ask_analyst(plan: Plan, teacher: Teacher) -> None:
    await analyst.analyze(teacher, plan.briefing, make_packet(plan), _SPAN, plan.settings.seed)


async def _ask_generator(plan: Plan, teacher: Teacher) -> None:
    lesson = Forecast(plan).smallest_lesson(TEXTS)
    await generator.write(teacher, plan.briefing, lesson, 1, _SPAN, plan.settings.seed)


async def _ask_labeler(plan: Plan, teacher: Teacher) -> None:
    texts = {f"d{number}": text for number, text in enumerate(_choose_texts(plan), start=1)}
    codec, shown = plan.domain.codec, plan.domain.seeds[: plan.settings.curriculum.label_examples]
    examples = [Example(text=row.text, gold=codec.to_wire(row.text, row.gold)) for row in shown]
    guidance = Guidance(examples=examples, guide=plan.domain.guide or {})
    await labeler.label(teacher, plan.briefing, texts, 1, _SPAN, plan.settings.seed, guidance)


_ASK: dict[str, Callable[[Plan, Teacher], Awaitable[None]]] = {
    "analyst": _ask_analyst,
    "generator": _ask_generator,
    "labeler": _ask_labeler,
}


def _choose_texts(plan: Plan) -> list[str]:
    """Texts for the Labeler: unlabelled ones if there are any, as in a first cycle."""
    lines = [item.text for item in plan.domain.pool] or [row.text for row in plan.domain.seeds]
    return lines[:TEXTS]


def make_packet(plan: Plan) -> FeedbackPacket:
    """Make a packet about errors that no student has made: there is none yet."""
    codec, labels = plan.domain.codec, plan.domain.codec.labels
    cases = []
    for number, row in enumerate(islice(plan.domain.validation or plan.domain.seeds, TEXTS)):
        wrong = _answer_wrongly(row.gold, labels, plan.briefing.form.has_sets)
        cases.append(
            Case(
                id=f"v{number + 1}",
                text=row.text,
                gold=codec.to_wire(row.text, row.gold),
                predicted=codec.to_wire(row.text, wrong),
                confidence=0.6,
                verdict="right" if codec.key(wrong) == codec.key(row.gold) else "wrong",
                **codec.case_fields(row.text, row.gold, wrong),
            )
        )
    return FeedbackPacket(
        cycle=1,
        task=codec.name,
        labels=dict(plan.domain.file.labels),
        report=[],
        confusions=[],
        weaknesses=[],
        cases=cases,
    )


def _answer_wrongly(gold: Answer, labels: Sequence[str], has_sets: bool) -> Answer:
    """The next label; a set without its first label, or of the first label alone; or no entity at all."""
    if has_sets:
        return [str(label) for label in gold[1:]] if gold else [labels[0]]
    return labels[(labels.index(gold) + 1) % len(labels)] if isinstance(gold, str) else []


def _describe_finish(record: CallRecord) -> str:
    if "cut_off" in record.flags:
        return "cut off at the limit of tokens"
    return "stopped by a filter" if "filtered" in record.flags else "complete"
