"""Rows of data files with entities: two forms read into one, and written.

The forms are {"tokens", "tags"} and {"text", "entities": [{"start", "end", "label"}]} with places in characters.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from evokd.messages.spans import Span, span_fault, split_words
from evokd.student.protocol import Answer
from evokd.student.tasks.base import LabeledExample, Row
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.student.tasks.ner.tags import OUTSIDE, Scheme, TagError, recognise, spans_to_tags, tags_to_spans, to_bio
from evokd.student.tasks.row_checks import RowFault, advise, check_keys, check_text, has_half_pair, kind

_TOKENS = ("tokens", "tags")
_TEXT = ("text", "entities")


def harmonise_tags(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Write the tags of a whole file as BIO.

    Rows whose "tags" are no list are left to `read_entity_row`.

    Args:
        rows: all rows of the file.

    Returns:
        The rows in their order, and a note if the tags were of another scheme.

    Raises:
        RowFault: a tag does not fit, with the line of its row and the number of its token.
    """
    tagged = [number for number, (_, row) in enumerate(rows) if isinstance(row.get("tags"), list)]
    try:
        scheme = recognise([rows[number][1]["tags"] for number in tagged])
    except TagError as exc:
        line, row = rows[tagged[exc.sequence]]
        raise RowFault(_place(row.get("tokens"), exc.token) + str(exc), token=exc.token, line=line) from exc
    if scheme is Scheme.BIO:
        return rows, []
    read = list(rows)
    for number in tagged:
        line, row = rows[number]
        read[number] = (line, {**row, "tags": to_bio(row["tags"], scheme)})
    return read, [f"tags are {scheme}; read as BIO"]


def read_entity_row(row: dict[str, Any], labels: Sequence[str]) -> LabeledExample:
    """Read {"tokens", "tags"} in BIO or {"text", "entities"}; "note" is allowed and ignored.

    Args:
        row: the row.
        labels: the types an entity can have.

    Returns:
        The text and a list of {"start", "end", "label"}, sorted by position. Tokens make a text joined by one space.

    Raises:
        RowFault: what is wrong and how to mend it, where the fault lies in one token.
        ValueError: the same for all other faults.
    """
    has_tokens, has_text = any(key in row for key in _TOKENS), any(key in row for key in _TEXT)
    if has_tokens and has_text:
        raise ValueError('the row mixes two forms; keep "tokens" and "tags", or "text" and "entities"')
    if has_tokens:
        check_keys(row, needed=_TOKENS, allowed=("note",))
        return _read_tokens(row["tokens"], row["tags"], labels)
    if "entities" not in row:
        forms = 'needs "tokens" and "tags", or "text" and "entities"'
        hint = "; for a label per text set task: classification" if "label" in row else ""
        raise ValueError(f"the row has no entities; it {forms}, in a .jsonl or .conll file{hint}")
    check_keys(row, needed=_TEXT, allowed=("note",))
    return _read_text(row["text"], row["entities"], labels)


def write_entity_row(text: str, gold: Answer) -> dict[str, Any]:
    """Give {"text", "entities"} as `read_entity_row` reads it."""
    return {"text": text, "entities": to_gold(to_spans(gold))}


def to_tokens(text: str, gold: Answer) -> dict[str, Any]:
    """Give {"tokens", "tags"}: the words of `split_words` with BIO tags.

    Raises:
        ValueError: an entity does not begin and end with a word.
    """
    words = split_words(text)
    return {"tokens": [text[start:end] for start, end in words], "tags": spans_to_tags(words, to_spans(gold))}


def token_places(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Find (start, end) of each token, in characters, in the text of the tokens joined by one space."""
    ends = accumulate(tokens, lambda end, token: end + 1 + len(token), initial=-1)
    return [(end - len(token), end) for token, end in zip(tokens, list(ends)[1:], strict=True)]


def _read_tokens(tokens: Any, tags: Any, labels: Sequence[str]) -> LabeledExample:
    for name, values in (("tokens", tokens), ("tags", tags)):
        if not isinstance(values, list):
            raise ValueError(f'"{name}" must be a list of strings, not {kind(values)}; use a .jsonl or .conll file')
    if not tokens and not tags:
        raise ValueError('"tokens" is empty; write at least one token or remove the row')
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens but {len(tags)} tags; give every token one tag")
    for number, token in enumerate(tokens):
        fault = _token_fault(token)
        if fault:
            raise RowFault(_place(tokens, number) + fault, token=number)
    places = token_places(tokens)
    try:
        spans = tags_to_spans(places, tags)
    except TagError as exc:
        raise RowFault(_place(tokens, exc.token) + str(exc), token=exc.token) from exc
    for number, tag in enumerate(tags):
        if tag != OUTSIDE and tag[2:] not in labels:
            fault = f"unknown label {tag[2:]!r} in tag {tag!r}; {advise(tag[2:], labels)}"
            raise RowFault(_place(tokens, number) + fault, token=number)
    return LabeledExample(text=" ".join(tokens), gold=to_gold(spans))


def _token_fault(token: Any) -> str | None:
    if not isinstance(token, str):
        return f"it must be a string, not {kind(token)}; write it in quotes"
    if not token:
        return "it is empty; remove it and its tag"
    if any(char.isspace() for char in token):
        return "it holds white space; split it there, each part with a tag"
    if has_half_pair(token):
        return "it holds half a surrogate pair (\\ud800 to \\udfff); write the character itself"
    return None


def _place(tokens: Any, number: int) -> str:
    """Begin a fault with the token it lies in, counted from 1 as lines are."""
    known = isinstance(tokens, list) and number < len(tokens) and isinstance(tokens[number], str)
    return f"token {number + 1}{f' {tokens[number]!r}' if known else ''}: "


def _read_text(text: Any, entities: Any, labels: Sequence[str]) -> LabeledExample:
    text = check_text(text)
    if not isinstance(entities, list):
        raise ValueError(f'"entities" must be a list, not {kind(entities)}; use a .jsonl or .conll file')
    spans: list[Span] = []
    for number, entity in enumerate(entities, start=1):
        try:
            spans.append(_read_entity(text, entity, labels))
        except ValueError as exc:
            raise ValueError(f"entity {number} of {len(entities)}: {exc}") from exc
    fault = span_fault(text, spans, split_words(text))
    if fault:
        raise ValueError(fault)
    return LabeledExample(text=text, gold=to_gold(spans))


def _read_entity(text: str, entity: Any, labels: Sequence[str]) -> Span:
    if not isinstance(entity, dict):
        raise ValueError(f'it must be an object, not {kind(entity)}; write {{"start": 0, "end": 5, "label": ...}}')
    check_keys(entity, needed=("start", "end", "label"), allowed=("text",), what="an entity")
    for name in ("start", "end"):
        value = entity[name]
        if not isinstance(value, int) or isinstance(value, bool):
            shown = f"the fraction {value}" if isinstance(value, float) else kind(value)
            raise ValueError(f'"{name}" must be a whole number, not {shown}; count characters from 0')
    label = entity["label"]
    if not isinstance(label, str):
        raise ValueError(f'"label" must be a string, not {kind(label)}; write it in quotes')
    if label not in labels:
        raise ValueError(f"unknown label {label!r}; {advise(label, labels)}")
    if not isinstance(entity.get("text", ""), str):
        raise ValueError(f'"text" must be a string, not {kind(entity["text"])}; write the words or leave it out')
    span = Span(entity["start"], entity["end"], label)
    if "text" in entity and 0 <= span.start < span.end <= len(text):
        surface = text[span.start : span.end]
        if entity["text"] != surface:
            fault = f'"text" is {entity["text"]!r} but the row has {surface!r} at {span.start}-{span.end}'
            raise ValueError(f'{fault}; mend "start" and "end" (in characters, not bytes) or leave "text" out')
    return span
