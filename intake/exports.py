"""What labelling tools export, brought to flat rows: {"text", "label"} or {"text", "entities"}.

Sources: Label Studio (labelstud.io/guide/export), spaCy's JSON training format (spacy.io/api/data-formats#json-input),
Prodigy (prodi.gy/docs/api-interfaces). doccano's rows are flat already.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from evokd.intake.cells import CHOICES, is_choices
from evokd.intake.table import Table
from evokd.student.reading.columns import TEXT_NAMES, guess_name

_SPAN_TYPES = ("labels", "hypertextlabels")


def flatten(table: Table) -> Table:
    """Bring the rows of an export to flat ones; rows that are flat come back as they are.

    Raises:
        InputError: an annotation is broken; names the row.
    """
    keys = set(table.columns)
    if "data" in keys and keys & {"annotations", "completions"}:
        return _convert(table, "Label Studio", partial(_flatten_label_studio, _choose_key(table)))
    if any(is_choices(value) for _, row in table.rows for value in row.values()):
        return _open_choices(table)
    if "paragraphs" in keys:
        return _spread(table)
    if "answer" in keys and ("spans" in keys or "accept" in keys or "_task_hash" in keys):
        return _convert(table, "Prodigy", _flatten_prodigy)
    return table


def _convert(
    table: Table, name: str, convert: Callable[[Table, int, dict[str, Any], Counter[str]], dict[str, Any] | None]
) -> Table:
    counts: Counter[str] = Counter()
    rows = [(number, convert(table, number, row, counts)) for number, row in table.rows]
    notes = [f"{count:,} {what}" for what, count in counts.items()]
    kept = [(number, row) for number, row in rows if row is not None]
    return replace(table, format=f"{name}, {table.format}", rows=kept, notes=[*table.notes, *notes])


# -------------------------------------------------------------------------------------------------- Label Studio


def _choose_key(table: Table) -> Callable[[Any], str]:
    """Choose the column of a question's choices: "label" where there is one question, or else the question's name."""
    questions = set()
    for _, row in table.rows:
        for annotation in _objects(row.get("annotations", row.get("completions"))):
            for result in _objects(annotation.get("result")):
                if isinstance(result.get("value"), dict) and CHOICES in result["value"]:
                    questions.add(str(result.get("from_name")))
    if len(questions) < 2:
        return lambda question: "label"
    return lambda question: f"{question} (choices)" if question in ("text", "entities") else str(question)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _open_choices(table: Table) -> Table:
    """Make lists of the choices of JSON-MIN, which writes a single one as a text."""
    columns = [name for name in table.columns if any(is_choices(row.get(name)) for _, row in table.rows)]
    rows = []
    for number, row in table.rows:
        opened = dict(row)
        for name in columns:
            value = row.get(name)
            if value:
                opened[name] = value[CHOICES] if is_choices(value) else [value]
        rows.append((number, opened))
    return replace(table, format=f"Label Studio's JSON-MIN, {table.format}", rows=rows)


def _flatten_label_studio(
    key_of: Callable[[Any], str], table: Table, number: int, row: dict[str, Any], counts: Counter[str]
) -> dict[str, Any] | None:
    data = row.get("data")
    if not isinstance(data, dict):
        raise table.refuse('"data" is no object; export as JSON or JSON-MIN from Label Studio', number)
    texts = [key for key, value in data.items() if isinstance(value, str)]
    key = guess_name(texts, TEXT_NAMES) or (texts[0] if len(texts) == 1 else None)
    if key is None:
        raise table.refuse(f'"data" has no key for the text (found {", ".join(data)[:80]}); call it text', number)
    given = row.get("annotations", row.get("completions")) or []
    if not isinstance(given, list):
        raise table.refuse('"annotations" is no list; export as JSON or JSON-MIN from Label Studio', number)
    whole = [item for item in given if isinstance(item, dict) and not item.get("was_cancelled")]
    if not whole:
        return {"text": data[key]}
    answers = [_read_results(table, number, item.get("result"), key_of) for item in whole]
    if any(answer != answers[0] for answer in answers[1:]):
        counts["tasks with several annotations that differ; the first of each is read"] += 1
    return {"text": data[key], **answers[0]}


def _read_results(table: Table, number: int, results: Any, key_of: Callable[[Any], str]) -> dict[str, Any]:
    if not isinstance(results, list):
        raise table.refuse('"result" of an annotation is no list; export again from Label Studio', number)
    answer: dict[str, Any] = {}
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            continue
        if isinstance(value.get(CHOICES), list):
            answer.setdefault(key_of(result.get("from_name")), []).extend(value[CHOICES])
        elif result.get("type") in _SPAN_TYPES or "labels" in value:
            answer.setdefault("entities", []).append(value)
    return answer or {"entities": []}


# ------------------------------------------------------------------------------------------------ Prodigy and spaCy


def _flatten_prodigy(table: Table, number: int, row: dict[str, Any], counts: Counter[str]) -> dict[str, Any] | None:
    if row.get("answer") != "accept":
        counts["rows without the answer accept are left out"] += 1
        return None
    flat = {"text": row.get("text")}
    if isinstance(row.get("accept"), list):
        return {**flat, "label": row["accept"]}
    return {**flat, **{key: row[key] for key in ("spans", "label") if key in row}}


def _spread(table: Table) -> Table:
    """Make a row of every paragraph of spaCy's JSON training format."""
    rows = []
    for number, document in table.rows:
        paragraphs = document.get("paragraphs")
        if not isinstance(paragraphs, list):
            raise table.refuse('"paragraphs" is no list; see the JSON format of spaCy', number)
        for paragraph in paragraphs:
            rows += [(number, row) for row in _read_paragraph(table, number, paragraph)]
    return replace(table, format=f"spaCy, {table.format}", rows=rows)


def _read_paragraph(table: Table, number: int, paragraph: Any) -> list[dict[str, Any]]:
    if not isinstance(paragraph, dict):
        raise table.refuse("a paragraph is no object; see the JSON format of spaCy", number)
    cats = paragraph.get("cats")
    if isinstance(cats, list) and cats:
        chosen = {cat.get("label"): cat.get("value", 0) for cat in cats if isinstance(cat, dict)}
        return [{"text": paragraph.get("raw"), "cats": chosen}]
    rows = []
    for sentence in _list(table, number, paragraph, "sentences"):
        tokens = _list(table, number, sentence, "tokens")
        words = [str(token["orth"]) for token in tokens if str(token.get("orth", "")).strip()]
        tags = [token.get("ner") or "O" for token in tokens if str(token.get("orth", "")).strip()]
        if "-" in tags:
            raise table.refuse("a token has the tag '-' (unknown); give every token its tag, or O", number)
        rows.append({"tokens": words, "tags": tags})
    return rows


def _list(table: Table, number: int, node: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = node.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise table.refuse(f'"{key}" is no list of objects; see the JSON format of spaCy', number)
    return items
