"""Rows of a table as texts with their answers, in the one form that a domain's files have."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evokd.intake.cells import CHOICES, is_choices, read_list, read_scores
from evokd.intake.label_names import name_numbers
from evokd.intake.recognise import MOST_NAMED_LABELS, Columns, is_free_text
from evokd.intake.table import Table
from evokd.messages import NO_LABEL, SET_SEPARATOR
from evokd.student.tasks.row_checks import has_half_pair, is_blank, kind

_WHOLE = re.compile(r"^\s*(\d{1,4})\.0\s*$")
"""A whole number as pandas writes it in a column with holes."""
_NO_LABELS = {"nan", "null", "n/a", "na", "none", "-", "?", "unlabeled", "unlabelled", "todo"}
_NO_LABELS |= {"#n/a", "#ref!", "#value!", "#name?", "#null!", "#num!", "#div/0!"}  # what formulas come to that fail

_LONGEST_LABEL = 200


@dataclass
class Converted:
    """Rows in the form of the data files, and what became of the others."""

    labelled: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    unlabelled: list[tuple[int, str]] = field(default_factory=list)
    """Number and text of rows without an answer."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was changed or left out -> how often."""


def convert_rows(table: Table, columns: Columns, label_names: list[str] | None) -> Converted:
    """Bring the rows of a table into {"text", "label"}, {"text", "labels"}, {"text", "entities"} or {"tokens", "tags"}.

    Args:
        table: the table.
        columns: what is read.
        label_names: names of labels or tags that are numbers, in order.

    Raises:
        InputError: a row cannot be read; names it.
    """
    converted = Converted()
    answer = columns.tags or columns.sets or columns.label
    mark = _find_mark(table, columns.sets) if columns.sets is not None else None
    names = name_numbers(table, answer, label_names, columns.tags is not None) if answer is not None else {}
    if label_names and answer is not None and not names and table.values(answer):
        fault = f"--label-names names numbers, but {answer!r} holds words"
        raise table.refuse(f"{fault}; leave it out, or name another column with --label-column")
    for number, row in table.rows:
        text = _read_text(table, number, row, columns)
        if text is None:
            converted.counts["without a text, left out"] += 1
            continue
        if columns.sets is not None:
            labelled = _read_set(table, number, columns.sets, row.get(columns.sets), mark, names)
        else:
            labelled = _read_answer(table, number, row, columns, names, converted.counts)
        if labelled is None:
            converted.unlabelled.append((number, text))
            if columns.sets is not None:
                empty = f"with an empty cell in {columns.sets!r}, left unlabelled; {NO_LABEL} says that none applies"
                converted.counts[empty] += 1
        else:
            converted.labelled.append((number, {"text": text, **labelled} if "tokens" not in labelled else labelled))
    if columns.sets is not None:
        _check_sets(table, columns.sets, [label for _, row in converted.labelled for label in row["labels"]])
    if columns.label is not None:
        _check_labels(table, columns.label, [row["label"] for _, row in converted.labelled])
    blank = sum(row.get("entities", [0]) == [] for _, row in converted.labelled)
    if blank:
        converted.counts["texts with an empty list of entities, read as naming none"] = blank
    return converted


def _read_text(table: Table, number: int, row: Mapping[str, Any], columns: Columns) -> str | None:
    value = row.get(columns.tokens or columns.text or "text")
    if columns.tokens is not None:
        value = " ".join(value) if value else None
    if value is None or (isinstance(value, str) and is_blank(value)):
        return None
    if not isinstance(value, str):
        raise table.refuse(f"the text in {columns.text!r} is {kind(value)}; write it in quotes", number)
    if has_half_pair(value):
        raise table.refuse("the text holds half a surrogate pair; write the character itself", number)
    return value


def _read_answer(
    table: Table,
    number: int,
    row: Mapping[str, Any],
    columns: Columns,
    names: Mapping[int, str],
    counts: Counter[str],
) -> dict[str, Any] | None:
    """Read the answer of a row; None where it has none."""
    value = row.get(columns.answer) if columns.answer is not None else None
    if value is None:
        return None
    if columns.tags is not None:
        if not isinstance(value, list):
            raise table.refuse(f"{columns.tags!r} is {kind(value)}; give a list with a tag for every token", number)
        tags = [_name_tag(table, number, tag, names) for tag in value] if names else value
        return {"tokens": row.get(columns.tokens or "tokens"), "tags": tags}
    if columns.spans is not None:
        if not isinstance(value, list):
            raise table.refuse(f"{columns.spans!r} is {kind(value)}; give a list of spans", number)
        text = str(row.get(columns.text or "text"))
        return {"entities": [_read_span(table, number, text, item, counts) for item in value]}
    return _read_label(table, number, columns.label or "label", value, names)


def _name_tag(table: Table, number: int, tag: Any, names: Mapping[int, str]) -> str:
    if isinstance(tag, int) and tag in names:
        return names[tag]
    shown = tag if isinstance(tag, int | str) else kind(tag)
    raise table.refuse(f"the tag {shown!r} is none of the numbers 0 to {len(names) - 1}; mend it", number)


def _read_label(table: Table, number: int, column: str, value: Any, names: Mapping[int, str]) -> dict[str, Any] | None:
    value = _open_cell(table, number, value)
    if isinstance(value, list):
        if len(value) > 1:
            shown = ", ".join(map(repr, value[:4]))
            raise table.refuse(
                f"{len(value)} labels for one text ({shown}); keep the one that fits best, or say --task multilabel",
                number,
            )
        value = value[0] if value else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, dict | list | bytes):
        raise table.refuse(f"{column!r} holds {kind(value)}, not a label; name another with --label-column", number)
    label = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    label = _WHOLE.sub(r"\1", label)
    if names:
        label = names.get(int(label), label) if label.strip().isdecimal() else label
    if "\n" in label.strip() or "\r" in label.strip():
        raise table.refuse(f"the label {label[:40]!r} runs over several lines; name another --label-column", number)
    if any(not sign.isprintable() for sign in label.strip()):
        raise table.refuse(f"the label {label[:40]!r} holds a sign that cannot be seen; write it without", number)
    label = " ".join(label.split())
    _check_length(table, number, label)
    return {"label": label}


def _open_cell(table: Table, number: int, value: Any) -> Any:
    """Make a list of what a cell holds where that is several values; scores per label become those that apply."""
    if isinstance(value, str):
        listed = read_list(value)
        return value if listed is None else listed
    if not isinstance(value, dict):
        return value
    if is_choices(value):
        return value[CHOICES]
    try:
        return read_scores(value)
    except ValueError as exc:
        raise table.refuse(exc, number) from exc


def _find_mark(table: Table, column: str) -> str | None:
    """Find the sign that parts the labels of a cell, and say so; None where no cell holds more than one label.

    Raises:
        InputError: two signs may do so.
    """
    cells = [value for value in table.values(column) if isinstance(value, str) and read_list(value) is None]
    marks = [mark for mark in (SET_SEPARATOR, "|") if any(mark in cell for cell in cells)]
    marks = marks or [mark for mark in (",",) if any(mark in cell for cell in cells)]
    if len(marks) > 1:
        fault = f"the cells of {column!r} hold both ';' and '|', each of which may part labels"
        raise table.refuse(f"{fault}; use one of them")
    if not marks:
        return None
    table.notes.append(f"the labels in {column!r} are parted by {marks[0]!r}")
    return marks[0]


def _read_set(
    table: Table, number: int, column: str, value: Any, mark: str | None, names: Mapping[int, str]
) -> dict[str, Any] | None:
    """Read all labels of a row; None where the cell is empty, which says nothing, unlike an empty list."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    value = _open_cell(table, number, value)
    if isinstance(value, str):
        value = [] if value.strip().casefold() == NO_LABEL else value.split(mark) if mark else [value]
    items = value if isinstance(value, list) else [value]
    read = [_read_label(table, number, column, item, names) for item in items if item not in (None, "")]
    labels = list(dict.fromkeys(row["label"] for row in read if row is not None))
    parted = next((label for label in labels if SET_SEPARATOR in label), None)
    if parted is not None:
        fault = f"the label {parted!r} holds {SET_SEPARATOR!r}, which parts labels in tables"
        raise table.refuse(f"{fault}; write it without", number)
    return {"labels": labels}


def _check_sets(table: Table, column: str, labels: list[str]) -> None:
    """Refuse what are no labels.

    Raises:
        InputError: they are too many, or there is none.
    """
    different = list(dict.fromkeys(labels))
    if labels and is_free_text(labels, MOST_NAMED_LABELS):
        shown = ", ".join(repr(label[:30]) for label in different[:3])
        fault = f"the column {column!r} holds {len(different):,} different labels, such as {shown}"
        raise table.refuse(f"{fault}; name another with --label-column")


def _check_length(table: Table, number: int, label: str) -> None:
    if len(label) > _LONGEST_LABEL:
        fault = f"a label of {len(label):,} characters ({label[:40]!r}...)"
        raise table.refuse(
            f"{fault}; shorten it to {_LONGEST_LABEL}, or name another column with --label-column", number
        )


def _check_labels(table: Table, column: str, labels: list[str]) -> None:
    counts = Counter(labels)
    doubtful = next((label for label in counts if label.casefold() in _NO_LABELS), None)
    if doubtful is not None:
        table.notes.append(f"{doubtful!r} is read as a label; leave the cell empty where there is none")
    joined = next((label for label in counts if _looks_joined(label, counts)), None)
    if joined is not None:
        table.notes.append(f"{joined!r} is read as one label; --task multilabel reads it as several")
    if is_free_text(labels, MOST_NAMED_LABELS):
        shown = ", ".join(repr(label[:30]) for label in list(counts)[:3])
        fault = f"the column {column!r} holds {len(counts):,} different values in {len(labels):,} rows, such as {shown}"
        raise table.refuse(f"{fault}; that is no label, so name another with --label-column")
    if len(counts) == 1:
        fault = f"the column {column!r} holds one label alone ({labels[0]!r})"
        raise table.refuse(f"{fault}; classification needs two, so add rows of another or name another --label-column")


def _looks_joined(label: str, counts: Counter[str]) -> bool:
    """Say whether a label consists of others, parted by a sign that usually parts labels."""
    parts = [part.strip() for part in re.split(r"[;|,]", label)]
    return len(parts) > 1 and all(part in counts for part in parts)


# --------------------------------------------------------------------------------------------------------- spans


def _read_span(table: Table, number: int, text: str, item: Any, counts: Counter[str]) -> dict[str, Any]:
    """Read a span of any tool: [start, end, label], or an object with start, end and label under their usual names."""
    if isinstance(item, list) and len(item) == 3:
        item = {"start": item[0], "end": item[1], "label": item[2]}
    if not isinstance(item, dict):
        raise table.refuse(f'a span is {kind(item)}; write [0, 5, "person"]', number)
    start, end = item.get("start", item.get("start_offset")), item.get("end", item.get("end_offset"))
    for name, place in (("start", start), ("end", end)):
        if not isinstance(place, int) or isinstance(place, bool):
            raise table.refuse(f"the {name} of a span is {place!r}; write a whole number, in characters from 0", number)
    label = _find_span_label(table, number, item)
    if any(sign.isspace() for sign in label):
        counts["spans whose label has blanks; written with _"] += 1
        label = "_".join(label.split())
    start, end = _place(table, number, text, item.get("text"), int(start), int(end), counts)  # type: ignore[arg-type]
    return {"start": start, "end": end, "label": label}


def _find_span_label(table: Table, number: int, item: Mapping[str, Any]) -> str:
    labels = item.get("label", item.get("type", item.get("labels", item.get("hypertextlabels"))))
    if isinstance(labels, list) and len(labels) > 1:
        raise table.refuse(f"a span has {len(labels)} labels ({labels[0]!r}, ...); keep one", number)
    label = labels[0] if isinstance(labels, list) and labels else labels
    if not isinstance(label, str) or not label.strip():
        raise table.refuse(f"the label of a span is {kind(label)}; write it in quotes", number)
    _check_length(table, number, label.strip())
    return label.strip()


def _place(
    table: Table, number: int, text: str, surface: Any, start: int, end: int, counts: Counter[str]
) -> tuple[int, int]:
    """Check a span against its words, where they are given, and take white space off its ends."""
    if isinstance(surface, str) and text[max(start, 0) : end] != surface:
        moved = _from_utf16(text, start, end)
        if moved is None or text[moved[0] : moved[1]] != surface:
            found = text[max(start, 0) : end][:40]
            fault = f"the span {start}-{end} is {found!r} in the text, but {surface[:40]!r} in its annotation"
            raise table.refuse(f"{fault}; mend start and end, in characters from 0", number)
        counts["spans counted in UTF-16 units, as browsers count; mended"] += 1
        start, end = moved
    if 0 <= start < end <= len(text):
        words = text[start:end]
        if words.strip() and words != words.strip():
            counts["spans with white space at their ends, taken off"] += 1
            start, end = start + len(words) - len(words.lstrip()), end - len(words) + len(words.rstrip())
    return start, end


def _from_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    raw = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= start <= end or end * 2 > len(raw):
        return None
    try:
        return len(raw[: start * 2].decode("utf-16-le")), len(raw[: end * 2].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None
