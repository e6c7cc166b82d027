"""Make a domain from a user's file, or from nothing: read, count, split; nothing is written here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from evokd.intake.convert import Converted, convert_rows
from evokd.intake.files import open_table
from evokd.intake.language import guess_language
from evokd.intake.new_domain import NewDomain, Order
from evokd.intake.pool import choose_pool
from evokd.intake.recognise import AmbiguousColumnsError, Columns, find_columns, find_text_column
from evokd.intake.split import Splits, split_rows
from evokd.intake.table import Table
from evokd.intake.template import ASKS, DESCRIPTIONS, MEANINGS, template_rows
from evokd.messages import InputError
from evokd.messages.naming import in_words
from evokd.messages.suggest import suggest
from evokd.student.data import fault_line
from evokd.student.reading.layout import refusal
from evokd.student.reading.rows import check_file
from evokd.student.tasks.base import LabeledExample, TaskCodec
from evokd.student.tasks.registry import codec
from evokd.student.tasks.row_checks import RowFault

_SHOWN = 8
"""Columns that are listed as passed over."""
_RARE = 3
"""Texts of a label below which it is told."""
_TIMES_AS_FREQUENT = 4
"""How many times as many texts a label has of which a rare one may be a slip."""
_LIKE_A_SLIP = 0.85
"""Share of characters that a slip has in common with what was meant, 0 to 1: more than did-you-mean asks for."""


def make_domain(order: Order) -> NewDomain:
    """Make a domain as it was ordered.

    Raises:
        AmbiguousColumnsError: several columns may be meant.
        InputError: a file is faulty; `file:line: what; how to mend it`.
    """
    if order.task is not None and order.task not in MEANINGS:
        hint = suggest(order.task, list(MEANINGS))
        raise InputError(f"--task {order.task}: unknown task{hint}; one of: {', '.join(MEANINGS)}")
    if order.pool is not None:
        check_file(order.pool)
    if order.source is None:
        return _make_template(order)
    table = open_table(order.source)
    columns = find_columns(table, order.text_column, order.label_column, order.task)
    converted = convert_rows(table, columns, list(order.label_names) or None)
    if not converted.labelled:
        return _make_unlabelled(order, table, columns, converted)
    return _make_labelled(order, table, columns, converted)


# ------------------------------------------------------------------------------------------------- without labels


def _make_template(order: Order) -> NewDomain:
    if order.text_column is not None or order.label_column is not None:
        raise InputError("--text-column and --label-column name columns of a file; give it with --from FILE")
    task = order.task or "classification"
    seeds, meanings, counts = _template_seeds(task, order.label_names)
    pool, notes = _read_pool(order, [], seeds)
    return NewDomain(
        folder=order.folder,
        codec=codec(task, list(meanings)),
        language=order.language or "en",
        is_guessed=False,
        description=_describe(task, order) if order.label_names else DESCRIPTIONS[task],
        meanings=meanings,
        label_counts=counts,
        seeds=seeds,
        pool=pool,
        notes=notes,
        has_placeholders=True,
    )


def _make_unlabelled(order: Order, table: Table, columns: Columns, converted: Converted) -> NewDomain:
    if not order.label_names:
        fault = f"no labels were found (texts: {columns.named[0]!r}, of {', '.join(map(repr, table.columns))})"
        mend = "name their column with --label-column, or the labels that you want with --label-names praise,complaint"
        raise table.refuse(f"{fault}; {mend}")
    new = _make_template(replace(order, source=None, text_column=None, label_column=None, pool=None))
    pool, notes = _read_pool(order, [text for _, text in converted.unlabelled], new.seeds)
    language = order.language or guess_language(pool)
    return replace(
        new,
        language=language or "en",
        is_guessed=order.language is None,
        pool=pool,
        notes=[*table.notes, *_count_notes(converted.counts), *notes],
        read=_tell_reading(table, columns, len(converted.unlabelled)),
        origin=table.path.name,
        extra={"text_column": columns.named[0], "label_column": None},
    )


def _template_seeds(task: str, names: Sequence[str]) -> tuple[list[LabeledExample], dict[str, str], dict[str, int]]:
    labels = {name: in_words(name) for name in names} or MEANINGS[task]
    known = codec(task, list(labels))
    seeds = [known.read_row(row) for row in template_rows(task, list(names))]
    return seeds, dict(labels), _count_labels(known, seeds)


# ---------------------------------------------------------------------------------------------------- with labels


def _make_labelled(order: Order, table: Table, columns: Columns, converted: Converted) -> NewDomain:
    task = columns.task or "classification"
    known = _make_codec(table, task, converted.labelled)
    examples, said = _read_examples(table, known, converted.labelled)
    splits = split_rows(known, examples, order.seed)
    _check_seeds(table, known, splits, columns.named[0])
    unlabelled = [*(row.text for row in splits.conflicting), *(text for _, text in converted.unlabelled)]
    pool, pool_notes = _read_pool(order, unlabelled, splits.seeds, [*splits.validation, *splits.test])
    kept = [*splits.seeds, *splits.validation, *splits.test]
    counts = _count_labels(known, kept)
    language = order.language or guess_language([row.text for row in kept])
    return NewDomain(
        folder=order.folder,
        codec=known,
        language=language or "en",
        is_guessed=order.language is None,
        description=_describe(task, order),
        meanings={label: in_words(label) for label in known.labels},
        label_counts=counts,
        seeds=splits.seeds,
        validation=splits.validation,
        test=splits.test,
        pool=pool,
        notes=[
            *table.notes,
            *said,
            *_count_notes(converted.counts),
            *_tell_splits(table, splits, columns.named[0]),
            *_tell_labels(known, counts),
            *pool_notes,
        ],
        read=_tell_reading(table, columns, len(converted.labelled) + len(converted.unlabelled)),
        reason=splits.reason,
        origin=table.path.name,
        unit=table.unit,
        extra={"text_column": columns.named[0], "label_column": columns.answer},
    )


def _list_labels(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[str]:
    """List the labels of rows, the most frequent first."""
    counts: Counter[str] = Counter()
    for _, row in rows:
        if "label" in row:
            counts[row["label"]] += 1
        counts.update(row.get("labels", ()))
        counts.update(entity["label"] for entity in row.get("entities", ()))
        counts.update(tag[2:] for tag in row.get("tags", ()) if isinstance(tag, str) and tag[1:2] == "-")
    return sorted(counts, key=lambda label: (-counts[label], label))


def _make_codec(table: Table, task: str, rows: list[tuple[int, dict[str, Any]]]) -> TaskCodec:
    labels = _list_labels(rows)
    if not labels and rows and "labels" in rows[0][1]:
        raise table.refuse("no row has a label; name another column with --label-column")
    if task == "ner" and not labels:
        _read_examples(table, codec(task, ["none"]), rows)  # tells a tag that is none
        raise table.refuse("no row names an entity; add some, or say --task classification")
    try:
        return codec(task, labels)
    except InputError as exc:
        raise table.refuse(exc) from exc


def _read_examples(
    table: Table, known: TaskCodec, rows: list[tuple[int, dict[str, Any]]]
) -> tuple[list[LabeledExample], list[str]]:
    try:
        rows, said = known.harmonise(rows)
    except RowFault as exc:
        raise _refuse_row(table, 0, exc) from exc
    examples = []
    for number, row in rows:
        try:
            examples.append(replace(known.read_row(row), line=number))
        except ValueError as exc:
            raise _refuse_row(table, number, exc) from exc
    return examples, said


def _refuse_row(table: Table, number: int, exc: ValueError) -> InputError:
    if table.unit == "line":
        return refusal(str(table.path), fault_line(table.layout, number, exc), exc)
    return table.refuse(exc, exc.line or number if isinstance(exc, RowFault) else number)


def _check_seeds(table: Table, known: TaskCodec, splits: Splits, text_column: str | None) -> None:
    seen = {label for row in splits.seeds for label in known.labels_in(row.gold)}
    lacking = next((label for label in known.labels if label not in seen), None)
    if lacking is not None:
        row = next((row for row in splits.conflicting if lacking in known.labels_in(row.gold)), None)
        fault, mend = (
            f"every text of the label {lacking!r} occurs with another label as well",
            "keep the right one of each",
        )
        merged = table.merged.get((row.line, text_column or "text")) if row is not None else None
        if merged is not None:
            fault += f", here as the text of the merged cells {merged} holds for each of their rows"
            mend = "unmerge such cells and give each row its own text, or keep one row of each"
        raise table.refuse(f"{fault}; {mend}", row.line if row is not None else None)


# -------------------------------------------------------------------------------------------------------- the rest


def _read_pool(
    order: Order, texts: Sequence[str], seeds: Sequence[LabeledExample], scored: Sequence[LabeledExample] = ()
) -> tuple[list[str], list[str]]:
    """Choose the pool out of texts of the source and of the pool's file, with notes on what was left out."""
    notes: list[str] = []
    texts = list(texts)
    if order.pool is not None:
        table = open_table(order.pool)
        try:
            columns = find_text_column(table, order.text_column)
        except AmbiguousColumnsError as exc:  # the option names the column of the other file
            told = str(exc).replace("name it with --text-column", "call that of the texts text")
            raise InputError(told) from exc
        converted = convert_rows(table, columns, None)
        texts += [text for _, text in converted.unlabelled]
        notes += [f"pool: {_tell_reading(table, columns, len(converted.unlabelled))}"]
        notes += [f"pool: {note}" for note in [*table.notes, *_count_notes(converted.counts)]]
    pool, left = choose_pool(texts, [row.text for row in seeds], [row.text for row in scored])
    return pool, [*notes, *(f"unlabelled texts left out: {count:,} {why}" for why, count in left.items())]


def _describe(task: str, order: Order) -> str:
    subject = f"Texts of the domain {in_words(order.folder.name)!r}."
    return f"{subject} {ASKS[task]}"


def _count_labels(known: TaskCodec, rows: Sequence[LabeledExample]) -> dict[str, int]:
    counts = Counter(label for row in rows for label in known.labels_in(row.gold))
    return {label: counts[label] for label in known.labels}


def _tell_reading(table: Table, columns: Columns, rows: int) -> str:
    text, answer = columns.named
    others = [name for name in table.columns if name not in (text, answer)]
    told = f"{table.path.name}: {table.format}, {rows:,} texts in {text!r}"
    told += f", labels in {answer!r}" if answer is not None else ""
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return f"{told}; passed over: {', '.join(map(repr, others[:_SHOWN]))}{more}" if others else told


def _count_notes(counts: Counter[str]) -> list[str]:
    return [
        f"{'rows' if what.startswith('without') else ''} {what}: {count:,}".strip() for what, count in counts.items()
    ]


def _tell_splits(table: Table, splits: Splits, text_column: str | None) -> list[str]:
    notes = [f"{what}: {count:,}" for what, count in splits.counts.items()]
    if splits.conflicting:
        row = splits.conflicting[0]
        merged = table.merged.get((row.line, text_column or "text"))
        cells = f"; its cells are merged ({merged}), so it stands in each of their rows" if merged else ""
        notes.append(f"the first text with different answers: {table.place(row.line)} ({row.text[:60]!r}){cells}")
    return notes


def _tell_labels(known: TaskCodec, counts: dict[str, int]) -> list[str]:
    rare = [f"{label} ({counts[label]})" for label in known.labels if counts[label] < _RARE]
    notes = [f"labels with fewer than {_RARE} texts are hardly measured: {', '.join(rare[:8])}"] if rare else []
    folded: dict[str, str] = {}
    for label in known.labels:
        other = folded.setdefault(in_words(label).casefold(), label)
        if other != label:
            notes.append(f"{other!r} and {label!r} are read as two labels; if they are one, write them alike")
    for label in known.labels:
        frequent = [other for other in known.labels if counts[other] >= _TIMES_AS_FREQUENT * counts[label]]
        meant = next(iter(get_close_matches(label, frequent, n=1, cutoff=_LIKE_A_SLIP)), None)
        if counts[label] < _RARE and meant is not None:
            notes.append(
                f"{label!r} ({counts[label]}) looks like a misspelt {meant!r} ({counts[meant]}); if it is, correct it"
                " in your file and run init again"
            )
    return notes
