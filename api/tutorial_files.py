"""The two files of the tutorial, out of the texts of a shipped domain."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evokd.graph.setup.domain import SHIPPED
from evokd.messages import EvokdError, InputError
from evokd.messages.files import write_atomically

DOMAIN = "support_tickets"
"""The shipped domain whose texts are used; the rehearsal teacher that `evokd teacher serve` starts has its labels."""
TICKETS = "tickets.csv"
MAILS = "mails.csv"
TEST_ROWS_PER_LABEL = 9
"""Test rows of each label that are labelled rows of the tutorial; the others are the messages to answer."""


def write_tutorial_files(folder: str | Path) -> dict[str, Any]:
    """Write `tickets.csv` (messages, some with a label) and `mails.csv` (other messages, none with a label).

    The labelled rows come first, those with empty labels after them. No text is in both files.

    Args:
        folder: where to; it has to be there.

    Returns:
        `labelled`, `unlabelled` and `mails` (rows), and `files` (paths).

    Raises:
        InputError: the folder is not there, or has one of the files already; nothing is written.
        EvokdError: a file cannot be written.
    """
    tickets, mails = Path(folder) / TICKETS, Path(folder) / MAILS
    if not tickets.parent.is_dir():
        raise InputError(f"{tickets.parent}: no such folder; make it first")
    for path in (tickets, mails):
        if path.exists() or path.is_symlink():
            raise InputError(f"{path}: is there already; name another folder, or remove it first")
    scored, spare = _part_test_rows(_read("test"))
    labelled = [*_read("seeds"), *_read("validation"), *scored]
    unlabelled = _read("corpus")
    _write(tickets, [*labelled, *({"text": row["text"], "label": ""} for row in unlabelled)], ("body", "queue"))
    _write(mails, spare, ("body",))
    return {
        "labelled": len(labelled),
        "unlabelled": len(unlabelled),
        "mails": len(spare),
        "files": [str(tickets), str(mails)],
    }


def _read(split: str) -> list[dict[str, str]]:
    text = (SHIPPED / DOMAIN / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _part_test_rows(rows: Iterable[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Part test rows into the first of each label and the rest."""
    first: list[dict[str, str]] = []
    rest: list[dict[str, str]] = []
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["label"]] += 1
        (first if counts[row["label"]] <= TEST_ROWS_PER_LABEL else rest).append(row)
    return first, rest


def _write(path: Path, rows: Iterable[dict[str, str]], header: tuple[str, ...]) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("number", *header))
    for number, row in enumerate(rows, start=1):
        writer.writerow((number, *(row[key] for key in ("text", "label")[: len(header)])))
    try:
        write_atomically(path, table.getvalue())
    except OSError as exc:
        raise EvokdError(f"{path}: cannot be written ({exc.strerror})") from exc
