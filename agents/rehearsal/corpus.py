"""The labelled corpus that the rehearsal teacher answers from.

The seam for other tasks: `_read_answer` says what a row's answer is; roles compare answers with `==`.
"""

import bisect
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agents.messages import InputError
from agents.rehearsal.index import Ints, TextIndex
from agents.rehearsal.words import normalise

_KEYS = {"text", "label", "note"}


@dataclass(frozen=True)
class Row:
    """A text of the corpus and its right answer."""

    text: str
    label: str


class Corpus:
    """Rows with an index over them; of rows with the same text (normalised) the first one counts."""

    def __init__(self, rows: Iterable[Row], never: Iterable[str] = ()) -> None:
        """Index the rows.

        Args:
            rows: the labelled texts.
            never: texts that are never retrieved (the seeds), compared normalised; their labels are still known.

        Raises:
            ValueError: there is no row, or no row holds a word.
        """
        self._position: dict[str, int] = {}
        kept: list[Row] = []
        for row in rows:
            if self._position.setdefault(normalise(row.text), len(kept)) == len(kept):
                kept.append(row)
        self.rows: tuple[Row, ...] = tuple(kept)
        self.index = TextIndex([row.text for row in kept], [row.label for row in kept])
        self._sorted = sorted(self._position.items())
        forbidden = {normalise(text) for text in never}
        served = np.array([key not in forbidden for key in self._position], dtype=bool)
        self._of_label: list[Ints] = [
            np.flatnonzero(served & (self.index.label_of == column)) for column in range(len(self.index.labels))
        ]

    def find(self, text: str) -> int | None:
        """Find the row that holds this text, None when there is none."""
        return self._position.get(normalise(text))

    def retrievable(self, label: str) -> Ints:
        """Give the rows of a label that may be retrieved, seeds left out; empty for an unknown label."""
        column = self.index.column(label)
        return np.empty(0, dtype=np.intp) if column is None else self._of_label[column]

    def beginning_with(self, openings: Sequence[str]) -> set[int]:
        """Find the rows whose text begins with one of the openings; both sides normalised, a final ellipsis ignored."""
        found: set[int] = set()
        for opening in openings:
            prefix = normalise(opening).removesuffix("...").rstrip()
            if not prefix:
                continue
            for at in range(bisect.bisect_left(self._sorted, (prefix,)), len(self._sorted)):
                key, row = self._sorted[at]
                if not key.startswith(prefix):
                    break
                found.add(row)
        return found


def load_corpus(path: Path, never: Iterable[str] = ()) -> Corpus:
    """Read a corpus of `{"text", "label"}` rows (`"note"` allowed), one JSON object a line.

    Args:
        path: the .jsonl file.
        never: texts that are never retrieved (the seeds), compared normalised.

    Raises:
        InputError: the file cannot be read, or a row is not as it should be; says which line.
    """
    rows = [_read_row(line, f"{path}:{number}") for number, line in _read_lines(path)]
    if not rows:
        raise InputError(f'{path}: the corpus is empty; write rows like {{"text": "...", "label": "..."}}')
    try:
        return Corpus(rows, never)
    except ValueError as exc:
        raise InputError(f"{path}: no text of the corpus holds a word") from exc


def find_seeds(corpus_path: Path) -> list[str]:
    """Find the seed texts of the domain that a corpus belongs to: those of a domain.yaml beside the file.

    Returns:
        The texts, empty when there is no domain.yaml or it names no seeds.

    Raises:
        InputError: the domain or its seeds cannot be read, so a seed might be served.
    """
    domain = corpus_path.parent / "domain.yaml"
    if not domain.is_file():
        return []
    try:
        content = yaml.safe_load(domain.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise InputError(f"{domain}: cannot be read: {' '.join(str(exc).split())}") from exc
    data = content.get("data") if isinstance(content, dict) else None
    named = data.get("seeds") if isinstance(data, dict) else None
    if named is None:
        return []
    if not isinstance(named, str):
        raise InputError(f"{domain}: data.seeds: expected the path of a file, got {named!r}")
    return list(_read_texts(domain.parent / named))


def _read_texts(path: Path) -> Iterator[str]:
    if path.suffix == ".csv":
        yield from _read_csv_texts(path)
        return
    if path.suffix != ".jsonl":
        raise InputError(f"{path}: seeds that the rehearsal teacher must not serve are read from .jsonl or .csv only")
    for number, line in _read_lines(path):
        row = _parse_object(line, f"{path}:{number}")
        tokens = row.get("tokens")
        text = " ".join(map(str, tokens)) if isinstance(tokens, list) else row.get("text")
        if not isinstance(text, str):
            raise InputError(f'{path}:{number}: text: expected a string; a row is {{"text": "...", "label": "..."}}')
        yield text


def _read_csv_texts(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if "text" not in (reader.fieldnames or ()):
                raise InputError(f"{path}:1: no column named text; the first line names the columns")
            yield from [row["text"] or "" for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"{path}: cannot be read: {exc}") from exc


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise InputError(f"{path}: cannot be read: {reason}") from exc
    # Not splitlines(): a JSON string may hold U+2028 and the like, which do not end a line.
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield number, line


def _read_row(line: str, where: str) -> Row:
    row = _parse_object(line, where)
    text = row.get("text")
    if "tokens" in row or "entities" in row:
        raise InputError(f'{where}: rows with entities are not served yet; a row is {{"text": "...", "label": "..."}}')
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: text: expected a text that is not empty, got {text!r}")
    unknown = sorted(row.keys() - _KEYS)
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: unknown key; a row has text, label and perhaps note")
    return Row(text=text, label=_read_answer(row, where))


def _read_answer(row: dict[str, Any], where: str) -> str:
    label = row.get("label")
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"{where}: label: expected a label that is not empty, got {label!r}")
    return label


def _parse_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{where}: not JSON ({exc}); each line holds one JSON object") from exc
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected a JSON object, got {line.strip()[:60]!r}")
    return row
