"""Reviews as files: written for people or their tools, and read back with every fault named by its line."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.messages.files import read_utf8
from evokd.messages.json_faults import describe_json_fault
from evokd.messages.suggest import suggest
from evokd.review import csv_file, label_studio
from evokd.review.marking import tell_change
from evokd.review.pending import ACTIONS, Pending, ReviewItem, check_answer, settle
from evokd.review.rows import FileRow, RowError
from evokd.tracing.reviews import Action
from evokd.tracing.rows import Answer

_LARGEST = 200 * 2**20
"""Bytes of the largest file that is read."""
_SHOWN = 20
"""Faults that are told one by one."""


@dataclass(frozen=True)
class FileDecision:
    """A decision that a file holds, checked against the text that waits."""

    item: ReviewItem
    action: Action
    answer: Answer | None
    reviewer: str
    time: str
    """UTC, ISO 8601; empty: the file does not say."""
    where: str
    """File and line."""


def write_review(path: Path, pending: Pending) -> str:
    """The content of a file of this name, with all texts that wait and what was decided so far.

    Raises:
        InputError: the ending of the name is none of a known format.
    """
    _, write = _FORMATS[_find_format(path)]
    return write(pending)


def _find_format(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise InputError(
            f"{path}: a review is a file that ends with .jsonl, .csv (spreadsheets) or .json (Label Studio)"
        )
    return ending


def read_reviews(paths: Sequence[Path], pending: Pending, reviewer: str | None) -> list[list[FileDecision]]:
    """Read the decisions of files, a list per file.

    Args:
        paths: the files.
        pending: what waits.
        reviewer: who decided where a row does not say; None: whoever the file is named after.

    Raises:
        InputError: names every fault with its file and line: unknown ids, labels and decisions, changed texts.
    """
    faults: list[str] = []
    read = [_read_file(path, pending, reviewer or path.stem, faults) for path in paths]
    if faults:
        more = [f"and {len(faults) - _SHOWN:,} more"] if len(faults) > _SHOWN else []
        raise InputError("\n".join([*faults[:_SHOWN], *more]))
    return read


def _read_file(path: Path, pending: Pending, reviewer: str, faults: list[str]) -> list[FileDecision]:
    parse, _ = _FORMATS[_find_format(path)]
    text = read_utf8(path, _LARGEST, "split it")
    rows = parse(path, text, pending)
    found = list[FileDecision]()
    for row in rows:
        try:
            decision = _check_row(path, row, pending, reviewer)
        except (InputError, ValueError) as exc:
            faults.append(f"{path}:{row.place}: {exc}")
            continue
        if decision is not None:
            found.append(decision)
    return found


def _check_row(path: Path, row: FileRow, pending: Pending, reviewer: str) -> FileDecision | None:
    """Check a row; None where it holds no decision."""
    if row.fault:
        raise RowError(row.fault)
    item = pending.find(row.id)
    if row.text is not None and _fold(row.text) != _fold(item.text):
        change = tell_change(_fold(item.text), _fold(row.text))
        raise RowError(
            f"{row.id}: the text was changed: {change}; a review changes answers alone, so refuse a text that is wrong"
        )
    answer = row.read_answer(item.text) if row.read_answer is not None else None
    word = row.decision.strip().lower()
    if not word:
        if answer is None or _is_known(pending, item, answer):
            return None
        raise RowError(f"{row.id}: the answer was changed, but no decision is given; write {', '.join(ACTIONS)}")
    action = _find_action(row.id, word)
    settled, checked = settle(pending.codec, item, action, answer if action in ("accept", "correct") else None)
    return FileDecision(item, settled, checked, row.reviewer.strip() or reviewer, row.time, f"{path.name}:{row.place}")


def _find_action(name: str, word: str) -> Action:
    action = next((known for known in ACTIONS if known == word), None)
    if action is None:
        raise RowError(
            f"{name}: unknown decision {clean(word, 40)!r}{suggest(word, ACTIONS)}; one of: {', '.join(ACTIONS)}"
        )
    return action


def _is_known(pending: Pending, item: ReviewItem, answer: Answer) -> bool:
    """Whether an answer is the one that the file was written with."""
    shown = item.decision.answer if item.decision and item.decision.answer is not None else item.proposed
    return shown is not None and pending.codec.compare(shown, answer).same


def _fold(text: str) -> str:
    """A text without what spreadsheets change on their own: line ends, and blanks at both ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


# ------------------------------------------------------------------------------------------------------------- JSONL


def _write_jsonl(pending: Pending) -> str:
    return "".join(json.dumps(_to_row(pending, item), ensure_ascii=False) + "\n" for item in pending.items)


def _to_row(pending: Pending, item: ReviewItem) -> dict[str, Any]:
    decision = item.decision
    answer = decision.answer if decision and decision.answer is not None else item.proposed
    codec = pending.codec
    written = codec.write_row(item.text, answer if answer is not None else _no_answer(pending))
    opinions = [{"who": opinion.who, "answer": opinion.answer} for opinion in item.opinions]
    return {
        "id": item.id,
        **written,
        "decision": decision.action if decision else "",
        "reviewer": decision.reviewer if decision else "",
        "time": decision.time if decision else "",
        "why": item.why,
        "weakness": item.weakness,
        "opinions": opinions,
        "student": item.student,
    }


def _no_answer(pending: Pending) -> Any:
    """What is written where there is no answer yet; an empty set would be one."""
    if pending.has_sets:
        return None
    return [] if pending.has_entities else ""


def _parse_jsonl(path: Path, text: str, pending: Pending) -> list[FileRow]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return [_parse_line(str(number), line, pending) for number, line in lines]


def _parse_line(place: str, line: str, pending: Pending) -> FileRow:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return FileRow(place, fault=f"not a line of JSON {describe_json_fault(exc)}; one object a line")
    if not isinstance(row, Mapping) or not isinstance(row.get("id"), str):
        return FileRow(place, fault='a row is an object with "id", "decision" and the answer')
    key = pending.codec.answer_key
    for name in ("text", "decision", "reviewer", "time"):
        if not isinstance(row.get(name) or "", str):
            return FileRow(place, fault=f'"{name}" is a text, not {clean(repr(row[name]), 40)}')
    return FileRow(
        place,
        id=row["id"],
        text=row.get("text"),
        decision=row.get("decision") or "",
        reviewer=row.get("reviewer") or "",
        time=row.get("time") or "",
        read_answer=_reader_of(pending, row.get(key)),
    )


def _reader_of(pending: Pending, value: Any) -> Callable[[str], Answer] | None:
    if value is None or value == "":
        return None
    return lambda text: check_answer(pending.codec, text, value)


_FORMATS: dict[str, tuple[Callable[[Path, str, Pending], list[FileRow]], Callable[[Pending], str]]] = {
    ".jsonl": (_parse_jsonl, _write_jsonl),
    ".csv": (csv_file.parse, csv_file.write),
    ".json": (label_studio.parse, label_studio.write),
}
"""Ending -> the functions that read and write the format."""
