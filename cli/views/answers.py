"""Tell answers in the terminal: a label, an entity, entities marked in their text, and the mistakes in them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evokd.messages.spans import Span, mark
from evokd.tracing.ledger import Sample
from evokd.tracing.text import literal

CUT = 150
MARKED_CUT = 300
_COUNTED = {"boundary": "wrong ends of", "type": "wrong type for", "missed": "missed", "invented": "invented"}


def mark_answer(text: str, answer: Any) -> str:
    """Mark the entities of an answer in their text."""
    return mark(text, [Span(item["start"], item["end"], item["label"]) for item in answer])


def tell_answer(answer: Any, text: str = "") -> str:
    """Tell a label, an entity, or spans of a text."""
    if isinstance(answer, str):
        told, cut = answer, CUT
    elif isinstance(answer, Mapping):
        told, cut = f"{answer['text']} ({answer['label']})", CUT
    else:
        told, cut = mark_answer(text, answer), MARKED_CUT
    return f"[cyan]{literal(told, cut)}[/]"


def tell_case(case: Mapping[str, Any]) -> str:
    """Tell a case of a feedback packet and what the student made of it."""
    if "marked" in case:
        told = f"[dim]{case['id']}[/] \u201c{literal(case['marked'], MARKED_CUT)}\u201d"
        sure = f"({case['confidence']:.2f} sure)"
        if case["verdict"] == "right":
            return f"{told}, as the student said {sure}"
        return f"{told}: {_tell_mistakes(case.get('errors', []))} {sure}"
    told = f"[dim]{case['id']}[/] \u201c{literal(case['text'], CUT)}\u201d is {tell_answer(case['gold'])}"
    if case["verdict"] == "right":
        return f"{told}, as the student said ({case['confidence']:.2f} sure)"
    return f"{told}, not {tell_answer(case['predicted'])} ({case['confidence']:.2f} sure)"


def _tell_mistakes(errors: Sequence[Mapping[str, Any]]) -> str:
    """Tell the mistakes inside a text: what was meant, what the student made of it."""
    told = []
    for error in errors:
        gold, predicted = (tell_answer(error[side]) if error[side] else "" for side in ("gold", "predicted"))
        told.append(
            {"missed": f"missed {gold}", "invented": f"invented {predicted}"}.get(
                error["kind"], f"{error['kind']}: {gold} read as {predicted}"
            )
        )
    return "; ".join(told)


def tell_error_count(item: Mapping[str, Any]) -> str:
    """Tell how often one kind of mistake was made."""
    return f"{item['count']} x {_COUNTED[item['kind']]} {tell_answer(item['label'])}"


def tell_sample(sample: Sample) -> str:
    """Tell a sample in a line: its text and answer, and what the student answered before it learned it."""
    label = _best_answer(sample)
    exam = ""
    if sample.exam:
        said = sample.exam["answer"]
        exam = ", as the student said" if said == label else f", the student said {tell_answer(said, sample.text)}"
    head = f"[dim]{sample.id} {sample.difficulty}".rstrip() + "[/]"
    if label is None:
        return f"{head} \u201c{literal(sample.text, CUT)}\u201d [dim](not labelled)[/]{exam}"
    if isinstance(label, str):
        return f"{head} \u201c{literal(sample.text, CUT)}\u201d {tell_answer(label)}{exam}"
    open_part = f" [dim]({len(sample.masked)} disputed, not learned from)[/]" if sample.masked else ""
    return f"{head} \u201c{tell_answer(label, sample.text)}\u201d{open_part}{exam}"


def _best_answer(sample: Sample) -> Any:
    """The label of a sample; before it has one, what it was written for, or what the Labeler thinks likeliest."""
    if sample.label is not None:
        return sample.label
    return sample.intended if sample.intended is not None else next(iter(sample.candidates or ()), None)


def list_fields(sample: Sample) -> dict[str, str]:
    """Write every field of a sample in plain letters; entities are marked in the text."""
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in vars(sample).items()
    }
    if not isinstance(_best_answer(sample), list):
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
        fields["mistakes"] = _compare(sample, answer) if sample.label is not None else "unknown"
    return fields


def _compare(sample: Sample, answer: Sequence[Mapping[str, Any]]) -> str:
    """List the entities that only the label has, and those that only the student's answer has, outside masked parts."""
    told = [
        f"{word} {sample.text[item['start'] : item['end']]} ({item['label']})"
        for word, items, others in (("lacks", sample.label, answer), ("gave", answer, sample.label))
        for item in items
        if item not in others and not any(item["start"] < end and start < item["end"] for start, end in sample.masked)
    ]
    return "; ".join(told) or "none"
