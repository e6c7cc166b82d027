"""Export the data set of a run: its texts with their lineage, as JSON lines and Parquet, with a data card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.release.facts import RunFacts
from evokd.release.front_matter import describe_dataset
from evokd.release.model_card import CardOptions, write_counts
from evokd.release.target import new_folder
from evokd.release.usage import render
from evokd.student.data import write_jsonl
from evokd.student.tasks.registry import name_pipeline
from evokd.tracing.ledger import Ledger

REAL = "real"
OWN = "own"
"""Origin of the user's labelled rows; `real` ones are the user's unlabelled texts, labelled by the teacher."""


@dataclass(frozen=True)
class DataSplit:
    """Rows that are written together."""

    name: str
    """`train`, `validation` or `test`."""
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Collection:
    """The rows of a run that are handed out, and what was held back."""

    splits: list[DataSplit]
    held_back: int
    """Real texts of the user's that the run labelled, which stay private."""
    not_recorded: list[str]
    """Splits of the user's that the record does not hold, being too large."""

    @property
    def count(self) -> int:
        """Rows in all splits."""
        return sum(len(split.rows) for split in self.splits)


def add_lineage(ledger: Ledger, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Complete the rows of `dataset/train.jsonl` with what the ledger knows of their origin.

    Args:
        ledger: the run's.
        rows: a row per accepted sample.
    """
    names = {row["id"]: row["name"] for row in ledger.weaknesses()}
    disputed = {sample.id: sample.disputed for sample in ledger.samples(state="accepted")}
    found = ledger.query("SELECT id, model, prompts FROM calls")
    calls = {str(row["id"]): (str(row["model"]), str(row["prompts"])) for row in found}
    complete = []
    for row in rows:
        made = calls.get(row.get("draft_call") or "", (None, None))
        labelled = calls.get(row.get("label_call") or "", (None, None))
        complete.append(
            {
                **row,
                "weakness_name": names.get(row.get("weakness") or ""),
                "disputed": disputed.get(str(row["id"]), False),
                "reviewed_by": row.get("reviewed_by"),
                "teacher": labelled[0] or made[0],
                "prompt_hash": labelled[1] or made[1],
            }
        )
    return complete


def collect(
    rows: Sequence[Mapping[str, Any]], own: Mapping[str, list[dict[str, Any]] | None], with_own_rows: bool
) -> Collection:
    """Put the splits together.

    Args:
        rows: of `add_lineage`.
        own: seeds, validation and test rows of the user's in the data format; None: the record does not hold them.
        with_own_rows: whether the user's own texts are handed out.

    Raises:
        InputError: nothing is left.
    """
    written = [dict(row) for row in rows if with_own_rows or row.get("origin") != REAL]
    held_back = len(rows) - len(written)
    if not with_own_rows:
        if not written:
            raise InputError(
                f"all {held_back} texts of this run are your own, which stay private; --with-own-rows takes them in"
            )
        return Collection([DataSplit("train", written)], held_back, [])
    columns = list(dict.fromkeys(key for row in written for key in row))
    splits = []
    for name, source in (("train", "seeds"), ("validation", "validation"), ("test", "test")):
        mine = [_complete(row, columns, f"{source}-{number}") for number, row in enumerate(own.get(source) or (), 1)]
        both = [*written, *mine] if name == "train" else mine
        if both:
            splits.append(DataSplit(name, both))
    return Collection(splits, 0, [name for name, given in own.items() if given is None])


def _complete(row: Mapping[str, Any], columns: Sequence[str], name: str) -> dict[str, Any]:
    """Give a row of the user's the columns of the others, empty."""
    empty = dict.fromkeys(columns)
    return {**empty, "id": name, **row, "origin": OWN, "masked": [], "disputed": False}


def write_dataset(collection: Collection, facts: RunFacts, target: Path, options: CardOptions) -> list[str]:
    """Write the folder of a data set.

    Args:
        collection: the rows.
        facts: of the run.
        target: folder that is new or empty.
        options: of the card.

    Returns:
        What was written, for people.
    """
    is_parquet = find_spec("pyarrow") is not None
    with new_folder(target) as folder:
        for split in collection.splits:
            write_jsonl(folder / "data" / f"{split.name}.jsonl", split.rows)
            if is_parquet:
                _write_parquet(folder / "data" / f"{split.name}.parquet", split.rows)
        ending = "parquet" if is_parquet else "jsonl"
        files = [(split.name, f"data/{split.name}.{ending}") for split in collection.splits]
        card = describe_dataset(facts, name_pipeline(facts.task), options.licence, files, collection.count)
        card += render(
            "data_card.md",
            title=options.title,
            facts=facts,
            splits=collection.splits,
            held_back=collection.held_back,
            not_recorded=collection.not_recorded,
            is_parquet=is_parquet,
            is_ner=facts.task == "ner",
            has_sets=any("labels" in row for split in collection.splits for row in split.rows),
            place=options.place,
            counts=write_counts(facts.samples),
            licence=options.licence,
        )
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
    parts = ", ".join(f"{split.name} {len(split.rows):,}" for split in collection.splits)
    told = [f"{parts} rows, as JSON lines{' and Parquet' if is_parquet else ''}"]
    return [*told, *tell_left_out(collection)]


def tell_left_out(collection: Collection) -> list[str]:
    """Say which rows are not in an export."""
    lines = []
    if collection.held_back:
        lines.append(f"{collection.held_back:,} real texts of yours are left out; --with-own-rows takes them in")
    if collection.not_recorded:
        lines.append(f"not on the record, as too large: {', '.join(collection.not_recorded)} rows; add your own files")
    return lines


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
