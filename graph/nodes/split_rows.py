"""The user's rows, stored beside the answers to them for those who look at a run."""

from collections.abc import Sequence
from typing import Literal

from evokd.graph.context import RunContext
from evokd.graph.nodes.evaluation import SEED_CASE, VALIDATION_CASE
from evokd.student.tasks.base import LabeledExample
from evokd.tracing.view_rows import SplitRecord, SplitRow, rows_of

Split = Literal["seeds", "validation", "test"]
MOST_ROWS = 2_000
"""Rows of the largest split that is stored."""
_PREFIXES: dict[Split, str] = {"seeds": SEED_CASE, "validation": VALIDATION_CASE, "test": "t"}


def name_row(split: Split, number: int) -> str:
    """Name a row as feedback packets do; `number` counts from 0."""
    return f"{_PREFIXES[split]}{number + 1}"


def store_rows(context: RunContext, split: Split) -> None:
    """Store the rows of a split in the order in which students answer them; nothing where there are none."""
    examples: Sequence[LabeledExample] = getattr(context.domain, split)
    if not examples:
        return
    record = SplitRecord(rows=[], left_out=len(examples))
    if len(examples) <= MOST_ROWS:
        rows = [
            SplitRow(id=name_row(split, number), text=example.text, gold=example.gold)
            for number, example in enumerate(examples)
        ]
        record = SplitRecord(rows=rows)
    context.ledger.put_cycle_record(0, rows_of(split), record)
