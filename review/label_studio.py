"""A review as tasks of Label Studio, with the teacher's answer as prediction, and its JSON export.

Label Studio counts characters as browsers do, in which some characters (emoji) count twice; the words of an entity,
which the export repeats, say which way was meant.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from evokd.messages import InputError, list_labels, name_set
from evokd.messages.escape import clean
from evokd.messages.json_faults import describe_json_fault
from evokd.review.marking import list_entities
from evokd.review.pending import Opinion, Pending, ReviewItem, check_answer
from evokd.review.rows import FileRow, RowError
from evokd.tracing.rows import Answer

_ANSWER, _DECISION, _TEXT = "answer", "decision", "text"
"""Names of the controls and of the text, by which predictions and annotations refer to them."""


def write(pending: Pending) -> str:
    """Write the tasks as one JSON list; `describe_controls` gives the labelling configuration of their project."""
    tasks = [_to_task(pending, item) for item in pending.items]
    return json.dumps(tasks, ensure_ascii=False, indent=1) + "\n"


def describe_controls(pending: Pending) -> str:
    """The labelling configuration of a project that shows these tasks: XML, as Label Studio's settings take it."""
    tag, inner = ("Labels", "Label") if pending.has_entities else ("Choices", "Choice")
    several = ' choice="multiple"' if pending.has_sets else ""
    options = "".join(f"    <{inner} value={quoteattr(label)}/>\n" for label in pending.codec.labels)
    return (
        "<View>\n"
        f'  <Text name="{_TEXT}" value="$text"/>\n'
        f'  <{tag} name="{_ANSWER}" toName="{_TEXT}"{several}>\n{options}  </{tag}>\n'
        f'  <Choices name="{_DECISION}" toName="{_TEXT}" choice="single">\n'
        '    <Choice value="refuse"/>\n    <Choice value="skip"/>\n  </Choices>\n'
        "</View>\n"
    )


def _to_task(pending: Pending, item: ReviewItem) -> dict[str, Any]:
    data = {
        "text": item.text,
        "evokd_id": item.id,
        "why": item.why,
        "weakness": item.weakness or "",
        "opinions": [_tell_opinion(pending, item, opinion) for opinion in item.opinions],
    }
    task: dict[str, Any] = {"data": data}
    if item.proposed is not None:
        task["predictions"] = [{"model_version": "teacher", "result": _write_answer(pending, item.text, item.proposed)}]
    decision = item.decision
    if decision is not None and decision.answer is not None:
        annotation = {"completed_by": {"email": decision.reviewer}, "created_at": decision.time}
        task["annotations"] = [{**annotation, "result": _write_answer(pending, item.text, decision.answer)}]
    elif decision is not None:
        annotation = {"completed_by": {"email": decision.reviewer}, "created_at": decision.time}
        task["annotations"] = [{**annotation, "result": [_choose(_DECISION, decision.action)]}]
    return task


def _tell_opinion(pending: Pending, item: ReviewItem, opinion: Opinion) -> str:
    if isinstance(opinion.answer, str):
        return f"{opinion.who}: {opinion.answer}"
    if pending.has_sets:
        return f"{opinion.who}: {name_set(opinion.answer)}"
    entities = list_entities(opinion.answer)
    words = [f"{item.text[entity['start'] : entity['end']]} ({entity['label']})" for entity in entities]
    return f"{opinion.who}: {', '.join(words) or 'no entity'}"


def _choose(control: str, *values: str) -> dict[str, Any]:
    return {"from_name": control, "to_name": _TEXT, "type": "choices", "value": {"choices": list(values)}}


def _write_answer(pending: Pending, text: str, answer: Answer) -> list[dict[str, Any]]:
    if isinstance(answer, str):
        return [_choose(_ANSWER, answer)]
    if pending.has_sets:
        return [_choose(_ANSWER, *list_labels(answer))] if answer else []
    return [
        {
            "from_name": _ANSWER,
            "to_name": _TEXT,
            "type": "labels",
            "value": {
                "start": _to_browser(text, item["start"]),
                "end": _to_browser(text, item["end"]),
                "text": text[item["start"] : item["end"]],
                "labels": [item["label"]],
            },
        }
        for item in list_entities(answer)
    ]


def _to_browser(text: str, place: int) -> int:
    """A place in characters, as browsers count them: UTF-16 units."""
    return len(text[:place].encode("utf-16-le")) // 2


def _from_browser(text: str, place: int) -> int:
    return len(text.encode("utf-16-le")[: place * 2].decode("utf-16-le", "ignore"))


def parse(path: Path, text: str, pending: Pending) -> list[FileRow]:
    """Read an export: a row per annotation. A task that nobody has annotated holds no decision.

    Raises:
        InputError: the file is no export in the format JSON.
    """
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as exc:
        line = f":{exc.lineno}" if isinstance(exc, json.JSONDecodeError) else ""
        raise InputError(
            f"{path}{line}: not JSON {describe_json_fault(exc)}; export from Label Studio in the format JSON"
        ) from exc
    if not isinstance(tasks, list):
        raise InputError(f"{path}: not a list of tasks; export from Label Studio in the format JSON")
    return [row for number, task in enumerate(tasks, start=1) for row in _parse_task(number, task, pending)]


def _parse_task(number: int, task: Any, pending: Pending) -> list[FileRow]:
    place = f"task {number}"
    data = task.get("data") if isinstance(task, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(data.get("evokd_id"), str):
        fault = 'no "data" with "evokd_id"; import the file that evokd review --out wrote, and export as JSON'
        return [FileRow(place, fault=fault)]
    annotations = task.get("annotations") or []
    if not isinstance(annotations, Sequence) or not all(isinstance(item, Mapping) for item in annotations):
        return [FileRow(place, fault='"annotations" is not a list of objects')]
    text = data.get("text")
    known = FileRow(place, id=data["evokd_id"], text=text if isinstance(text, str) else None)
    return [_parse_annotation(known, annotation, pending) for annotation in annotations]


def _parse_annotation(known: FileRow, annotation: Mapping[str, Any], pending: Pending) -> FileRow:
    results = annotation.get("result") or []
    if not isinstance(results, list) or not all(isinstance(item, Mapping) for item in results):
        return FileRow(known.place, fault='"result" of an annotation is not a list of objects')
    chosen = [item for item in results if item.get("from_name") == _DECISION]
    given = [item for item in results if item.get("from_name") == _ANSWER]
    decision = "skip" if annotation.get("was_cancelled") else "correct"
    if chosen:
        decision = str((_value(chosen[0]).get("choices") or [""])[0])
    elif not given and not pending.has_entities and not pending.has_sets and decision == "correct":
        return FileRow(known.place, fault=f"{known.id}: the annotation gives no answer; choose a label, refuse or skip")
    return FileRow(
        known.place,
        id=known.id,
        text=known.text,
        decision=decision,
        reviewer=_name_annotator(annotation.get("completed_by")),
        time=str(annotation.get("created_at") or ""),
        read_answer=_reader_of(pending, given) if decision == "correct" else None,
    )


def _value(result: Mapping[str, Any]) -> Mapping[str, Any]:
    value = result.get("value")
    return value if isinstance(value, Mapping) else {}


def _name_annotator(annotator: Any) -> str:
    """Who has annotated: a mail address, or the number that Label Studio knows."""
    if isinstance(annotator, Mapping):
        return str(annotator.get("email") or annotator.get("username") or annotator.get("id") or "")
    return "" if annotator is None else f"annotator {annotator}"


def _reader_of(pending: Pending, given: Sequence[Mapping[str, Any]]) -> Callable[[str], Answer]:
    def read(text: str) -> Answer:
        if pending.has_entities:
            return check_answer(pending.codec, text, [_read_entity(text, _value(item)) for item in given])
        choices = [choice for item in given for choice in _value(item).get("choices") or []]
        if pending.has_sets:
            return check_answer(pending.codec, text, choices)
        if len(choices) != 1:
            raise RowError(f"{len(choices)} labels are chosen; a text has one")
        return check_answer(pending.codec, text, choices[0])

    return read


def _read_entity(text: str, value: Mapping[str, Any]) -> dict[str, Any]:
    labels, start, end = value.get("labels") or [], value.get("start"), value.get("end")
    if len(labels) != 1 or not isinstance(start, int) or not isinstance(end, int):
        raise RowError("an entity has one label, a start and an end")
    places = [(_from_browser(text, start), _from_browser(text, end)), (start, end)]
    words = value.get("text")
    if isinstance(words, str):
        places = [place for place in places if text[slice(*place)] == words]
        if not places:
            raise RowError(f"entity {clean(words, 60)!r} is not what stands at {start} to {end} of the text")
    return {"start": places[0][0], "end": places[0][1], "label": labels[0]}
