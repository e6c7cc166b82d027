"""Rows of a corpus file: a text with its label, or with its entities, in either of two spellings."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.messages import NO_ENTITY, InputError
from evokd.messages.files import read_utf8
from evokd.messages.json_faults import describe_json_fault
from evokd.messages.spans import Span, span_fault, split_words

_FORMS = (
    '{"text": "...", "label": "..."}, {"text": "...", "labels": [...]}, '
    '{"text": "...", "entities": [{"start", "end", "label"}]} or '
    '{"tokens": [...], "tags": [...]}'
)
_TO_BIO = "convert to BIO: B- at the first token of every entity, I- at its others, O elsewhere"


@dataclass(frozen=True)
class CorpusRow:
    """A text of the corpus and its right answer: a label, a set of labels, or the entities in order of place."""

    text: str
    answer: str | frozenset[str] | tuple[Span, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the text serves, each once."""
        if isinstance(self.answer, str):
            return (self.answer,)
        if isinstance(self.answer, frozenset):
            return tuple(sorted(self.answer))
        return tuple(dict.fromkeys(span.label for span in self.answer))

    @property
    def spans(self) -> tuple[Span, ...]:
        """The entities; none where the answer is a label, or a set of them."""
        return self.answer if isinstance(self.answer, tuple) else ()

    @property
    def kind(self) -> str:
        """What the answer is, in words."""
        return {str: "a label", frozenset: "a list of labels"}.get(type(self.answer), "entities")


def read_corpus_rows(path: Path) -> list[CorpusRow]:
    """Read a .jsonl corpus; all its rows are of one kind, with a label, a list of labels or entities.

    Raises:
        InputError: the file cannot be read, or a row is not as it should be; says which line.
    """
    located = ((f"{path}:{number}", line) for number, line in read_corpus_lines(path))
    return cut_rows(str(path), ((where, parse_corpus_object(line, where)) for where, line in located))


def cut_rows(name: str, located: Iterable[tuple[str, dict[str, Any]]]) -> list[CorpusRow]:
    """Read rows that are parsed already; all are of one kind, with a label or with entities.

    Args:
        name: what they come from, for faults.
        located: the rows, each with its place, `file:line`.

    Raises:
        InputError: a row is not as it should be; says which.
    """
    rows: list[CorpusRow] = []
    for where, fields in located:
        row = _read_row(fields, where)
        if rows and row.kind != rows[0].kind:
            raise InputError(f"{where}: a row with {row.kind} among rows with {rows[0].kind}; keep one kind in a file")
        rows.append(row)
    if not rows:
        raise InputError(f"{name}: the corpus is empty; write rows like {_FORMS}")
    return rows


def read_corpus_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines of a UTF-8 file that are not blank, with their numbers from 1.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    # Not splitlines(): a JSON string may hold U+2028 and the like, which do not end a line.
    for number, line in enumerate(read_utf8(path, missing="cannot be read: no such file").split("\n"), start=1):
        if line.strip():
            yield number, line


def parse_corpus_object(line: str, where: str) -> dict[str, Any]:
    """Read a line that holds a JSON object.

    Raises:
        InputError: it does not; begins with `where`.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: not JSON {describe_json_fault(exc)}; each line holds one JSON object") from exc
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected a JSON object, got {line.strip()[:60]!r}")
    return row


def _read_row(row: dict[str, Any], where: str) -> CorpusRow:
    known = (("tokens", "tags"), ("text", "entities"), ("text", "labels"), ("text", "label"))
    forms = [keys for keys in known if keys[1] in row]
    if "tokens" in row and ("tokens", "tags") not in forms:
        raise InputError(f"{where}: tags: expected one tag per token, got nothing")
    if len(forms) > 1:
        named = " and ".join(keys[1] for keys in forms)
        raise InputError(f"{where}: {named} in one row; a row is one of {_FORMS}")
    keys = forms[0] if forms else ("text", "label")
    unknown = sorted(row.keys() - {*keys, "note"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: unknown key; a row has {keys[0]}, {keys[1]} and perhaps note")
    if keys[0] == "tokens":
        return _read_tagged(row.get("tokens"), row["tags"], where)
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: text: expected a text that is not empty, got {text!r}")
    if keys[1] == "entities":
        return CorpusRow(text, _read_entities(text, row["entities"], where))
    if keys[1] == "labels":
        return CorpusRow(text, _read_set(row["labels"], where))
    label = row.get("label")
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{where}: label: expected a label that is not empty, got {label!r}")
    return CorpusRow(text, label)


def _read_set(labels: object, where: str) -> frozenset[str]:
    if not isinstance(labels, list) or not all(isinstance(label, str) and label.strip() for label in labels):
        raise InputError(f"{where}: labels: expected a list of labels, got {labels!r}")
    if len(set(labels)) < len(labels):
        raise InputError(f"{where}: labels: a label is given twice in {labels!r}; keep one")
    return frozenset(labels)


def _read_entities(text: str, entities: object, where: str) -> tuple[Span, ...]:
    if not isinstance(entities, list):
        raise InputError(f'{where}: entities: expected a list of {{"start", "end", "label"}}, got {entities!r}')
    spans = [_read_entity(text, entity, f"{where}: entities.{at}") for at, entity in enumerate(entities)]
    fault = span_fault(text, spans, split_words(text))
    if fault:
        raise InputError(f"{where}: {fault}")
    return tuple(sorted(spans))


def _read_entity(text: str, entity: object, where: str) -> Span:
    if not isinstance(entity, dict) or not entity.keys() >= {"start", "end", "label"}:
        raise InputError(f"{where}: expected an object with start, end and label, got {entity!r}")
    unknown = sorted(entity.keys() - {"start", "end", "label", "text"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: unknown key; an entity has start, end, label and perhaps text")
    for key in ("start", "end"):
        if type(entity[key]) is not int:
            raise InputError(f"{where}: {key}: expected a number of characters, got {entity[key]!r}")
    if not isinstance(entity["label"], str) or entity["label"].strip() in ("", NO_ENTITY):
        raise InputError(f"{where}: label: expected an entity type, got {entity['label']!r}")
    span = Span(entity["start"], entity["end"], entity["label"])
    said = entity.get("text", text[span.start : span.end])
    if said != text[span.start : span.end]:
        raise InputError(f"{where}: text: {said!r} is not what stands there, {text[span.start : span.end]!r}")
    return span


def _read_tagged(tokens: object, tags: object, where: str) -> CorpusRow:
    if not isinstance(tokens, list) or not tokens:
        raise InputError(f"{where}: tokens: expected a list of tokens that is not empty, got {tokens!r}")
    if not isinstance(tags, list) or len(tags) != len(tokens):
        count = len(tags) if isinstance(tags, list) else repr(tags)
        raise InputError(f"{where}: tags: expected one per token, {len(tokens)} tokens and {count} tags")
    for at, token in enumerate(tokens):
        if not isinstance(token, str) or token.split() != [token]:
            raise InputError(f"{where}: tokens.{at}: expected a word without white space, got {token!r}")
    return CorpusRow(" ".join(tokens), _read_tags(tokens, tags, where))


def _read_tags(tokens: Sequence[str], tags: Sequence[object], where: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    inside: str | None = None
    start = 0
    for at, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        prefix, dash, label = tag.partition("-") if isinstance(tag, str) else ("", "", "")
        end = start + len(token)
        if prefix == "B" and label.strip():
            spans.append(Span(start, end, label))
        elif prefix == "I" and dash and label == inside:
            spans[-1] = spans[-1]._replace(end=end)
        elif tag != "O":
            raise InputError(f"{where}: tags.{at}: {tag!r} is no BIO tag that fits here; {_TO_BIO}")
        inside = None if tag == "O" else label
        start = end + 1
    return tuple(spans)
