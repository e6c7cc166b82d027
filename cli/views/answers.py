"""Answers in the terminal: a label, an entity, entities marked in their text, and the mistakes in them."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from evokd.api.record import Answer, Sample
from evokd.cli.markup import literal
from evokd.messages import NO_LABEL, Case, CaseError, Confusion, Entity, ErrorCount, Gold, is_label_set, list_labels
from evokd.messages.spans import Span, mark

CUT = 150
MARKED_CUT = 300
_COUNTED = {"boundary": "wrong ends of", "type": "wrong type for", "missed": "missed", "invented": "invented"}


def mark_answer(text: str, answer: Answer) -> str:
    """Mark the entities of an answer in their text; a label stays as it is, a set of labels is joined."""
    if isinstance(answer, str):
        return answer
    if is_label_set(answer):
        return ", ".join(list_labels(answer))
    return mark(text, [Span(item["start"], item["end"], item["label"]) for item in answer if isinstance(item, dict)])


def tell_answer(answer: Answer, text: str = "") -> str:
    """Write a label as it is; mark the entities of an answer in their text."""
    return f"[cyan]{literal(mark_answer(text, answer), CUT if isinstance(answer, str) else MARKED_CUT)}[/]"


def tell_confusion(item: Confusion, labels: Collection[str]) -> str:
    """Write how often one label was taken for another, or by itself missed or given where it does not apply.

    Args:
        item: the confusion.
        labels: of the domain; where none is called so, `NO_LABEL` is no label.
    """
    if item.gold == NO_LABEL and NO_LABEL not in labels:
        return f"{item.count} x {tell_answer(item.predicted)} given wrongly"
    if item.predicted == NO_LABEL and NO_LABEL not in labels:
        return f"{item.count} x {tell_answer(item.gold)} missed"
    return f"{item.count} x {tell_answer(item.gold)} taken for {tell_answer(item.predicted)}"


def _tell_gold(gold: Gold) -> str:
    """Write the answer of a case: a label, or a list of labels or entities."""
    if isinstance(gold, str):
        return tell_answer(gold)
    if not gold:
        return tell_answer(NO_LABEL)
    return ", ".join(tell_answer(item) if isinstance(item, str) else _tell_entity(item) for item in gold)


def _tell_entity(entity: Entity | None) -> str:
    return tell_answer(f"{entity.text} ({entity.label})") if entity is not None else ""


def tell_case(case: Case, limit: int = CUT) -> str:
    """Write a case of a feedback packet with the student's answer; `limit`: characters of a text without entities."""
    sure = f"({case.confidence:.2f} sure)"
    if case.marked:
        marked = f"[dim]{case.id}[/] \u201c{literal(case.marked, MARKED_CUT)}\u201d"
        if case.verdict == "right":
            return f"{marked}, as the student said {sure}"
        return f"{marked}: {_tell_mistakes(case.errors)} {sure}"
    labelled = f"[dim]{case.id}[/] \u201c{literal(case.text, limit)}\u201d is {_tell_gold(case.gold)}"
    if case.verdict == "right":
        return f"{labelled}, as the student said {sure}"
    return f"{labelled}, not {_tell_gold(case.predicted)} {sure}"


def _tell_mistakes(errors: Sequence[CaseError]) -> str:
    """Write the mistakes in a text: the right entity, and the student's."""
    return "; ".join(map(_tell_mistake, errors))


def _tell_mistake(error: CaseError) -> str:
    gold, predicted = _tell_entity(error.gold), _tell_entity(error.predicted)
    if error.kind == "missed":
        return f"missed {gold}"
    if error.kind == "invented":
        return f"invented {predicted}"
    return f"{error.kind}: {gold} read as {predicted}"


def tell_error_count(error: ErrorCount) -> str:
    """Write how often one kind of mistake was made."""
    return f"{error.count} x {_COUNTED[error.kind]} {tell_answer(error.label)}"


def tell_sample(sample: Sample, limit: int = CUT) -> str:
    """Write a sample in a line: text, answer, and the student's answer before it was trained on it.

    Args:
        sample: the sample.
        limit: characters of a text without entities.
    """
    label = _best_answer(sample)
    exam = ""
    if sample.exam:
        said = sample.exam["answer"]
        exam = ", as the student said" if said == label else f", the student said {tell_answer(said, sample.text)}"
    head = f"[dim]{sample.id} {sample.difficulty}".rstrip() + "[/]"
    if label is None:
        return f"{head} \u201c{literal(sample.text, limit)}\u201d [dim](not labelled)[/]{exam}"
    if isinstance(label, str) or is_label_set(label):
        return f"{head} \u201c{literal(sample.text, limit)}\u201d {tell_answer(label)}{exam}"
    open_part = f" [dim]({len(sample.masked)} disputed, not learned from)[/]" if sample.masked else ""
    return f"{head} \u201c{tell_answer(label, sample.text)}\u201d{open_part}{exam}"


def _best_answer(sample: Sample) -> Answer | None:
    """The label of a sample; before it has one, the intended label, or the Labeler's first candidate."""
    answers: list[Answer | None] = [sample.label, sample.intended, *(sample.candidates or ())]
    return next((answer for answer in answers if answer is not None), None)


def list_fields(sample: Sample) -> dict[str, str]:
    """Write every field of a sample as plain text; entities are marked in the text."""
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in vars(sample).items()
    }
    if not isinstance(_best_answer(sample), list) or is_label_set(_best_answer(sample)):
        return fields
    if sample.intended is not None:
        fields["intended"] = mark_answer(sample.text, sample.intended)
    if sample.candidates:
        fields["candidates"] = " | ".join(mark_answer(sample.text, answer) for answer in sample.candidates)
    if sample.label is not None:
        fields["label"] = mark_answer(sample.text, sample.label)
    fields["masked"] = "; ".join(sample.text[start:end] for start, end in sample.masked) or "nothing"
    if sample.exam is not None:
        answer = sample.exam["answer"]
        fields["exam"] = f"{mark_answer(sample.text, answer)} ({sample.exam['confidence']:.2f} sure)"
        fields["mistakes"] = (
            _compare(sample, answer) if isinstance(answer, list) and sample.label is not None else "unknown"
        )
    return fields


def _compare(sample: Sample, answer: Sequence[Any]) -> str:
    """List the entities that only one of label and student's answer has, outside masked parts."""
    differences = [
        f"{word} {sample.text[item['start'] : item['end']]} ({item['label']})"
        for word, items, others in (("lacks", sample.label, answer), ("gave", answer, sample.label))
        for item in items
        if item not in others and not any(item["start"] < end and start < item["end"] for start, end in sample.masked)
    ]
    return "; ".join(differences) or "none"
