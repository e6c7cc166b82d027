"""Warnings about a domain's data that is valid but odd, shown before a run and beside its figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from evokd.messages.finding import Finding
from evokd.student.similar_texts import normalise
from evokd.student.tasks.base import LabeledExample, TaskCodec

Split = tuple[Path, Sequence[LabeledExample]]
"""A data file and its rows."""


def note_data(codec: TaskCodec, seeds: Split, validation: Split, test: Split) -> Iterator[Finding]:
    """All warnings about labelled data."""
    yield from note_missing_labels(codec, [validation, test])
    for split in (seeds, validation, test):
        yield from note_opposed(split)
    yield from note_repeated(seeds)
    yield from note_shared(seeds, validation)
    yield from note_overlaps([seeds, validation], test)


def note_missing_labels(codec: TaskCodec, splits: Sequence[Split]) -> Iterator[Finding]:
    """Name labels without any text in the data that scores are computed on."""
    for file, rows in splits:
        present = {label for row in rows for label in codec.labels_in(row.gold)}
        lacking = [label for label in codec.labels if label not in present]
        if rows and lacking:
            text = f"no text has the label {_list(lacking)}, so no score measures it"
            yield Finding("warning", "label_missing", str(file), text, "add some")


def note_opposed(split: Split) -> Iterator[Finding]:
    """Say how many texts occur in a file with different answers."""
    pairs = _find_doubles(split[1], same=False)
    if pairs:
        text = f"{_count(len(pairs))} in it more than once, with different answers{_places(pairs)}"
        yield Finding("warning", "opposed_answers", str(split[0]), text, "decide on one answer for each")


def drop_repeated(rows: Sequence[LabeledExample]) -> tuple[LabeledExample, ...]:
    """Keep the first row of each text and answer; a text with different answers keeps a row of each."""
    known: dict[str, list[LabeledExample]] = {}
    kept: list[LabeledExample] = []
    for row in rows:
        same = known.setdefault(normalise(row.text), [])
        if all(other.gold != row.gold for other in same):
            same.append(row)
            kept.append(row)
    return tuple(kept)


def note_repeated(split: Split) -> Iterator[Finding]:
    """Say how many texts occur in the seeds more than once with the same answer; see `drop_repeated`."""
    pairs = _find_doubles(split[1], same=True)
    if pairs:
        text = f"{_count(len(pairs))} in it more than once{_places(pairs)}, the repeats are left out"
        yield Finding("hint", "repeated_texts", str(split[0]), text, "one of each is enough")


def _find_doubles(rows: Sequence[LabeledExample], same: bool) -> list[tuple[LabeledExample, LabeledExample]]:
    """Pair each repeated text with its first row, for equal or for different answers."""
    first: dict[str, LabeledExample] = {}
    doubles: dict[str, tuple[LabeledExample, LabeledExample]] = {}
    for row in rows:
        form = normalise(row.text)
        before = first.setdefault(form, row)
        if before is not row and (before.gold == row.gold) is same:
            doubles.setdefault(form, (before, row))
    return list(doubles.values())


def note_shared(rows: Split, scored: Split) -> Iterator[Finding]:
    """Say how many rows of one file also occur in a file on which the student is scored."""
    if rows[1] and scored[1] and rows[0] == scored[0]:
        text = "named twice in domain.yaml, so its score is too optimistic"
        yield Finding("warning", "file_named_twice", str(rows[0]), text, "give each split its own file")
        return
    lines: dict[str, int] = {}
    for row in scored[1]:
        lines.setdefault(normalise(row.text), row.line)
    forms = [(row.line, normalise(row.text)) for row in rows[1]]
    shared = [(line, lines[form]) for line, form in forms if form in lines]
    if shared:
        where = f" (line {shared[0][0]}, there line {shared[0][1]})"
        text = f"{_count(len(shared))} in {scored[0].name} as well{where}, so scores there are too optimistic"
        yield Finding("warning", "shared_texts", str(rows[0]), text, "keep each text in one file")


def note_overlaps(splits: Sequence[Split], test: Split) -> Iterator[Finding]:
    """Say how many test texts also occur in other files."""
    for split in splits:
        yield from note_shared(split, test)


def note_corpus(corpus: Split, test: Split) -> Iterator[Finding]:
    """Say how many texts of the rehearsal teacher's corpus are test data."""
    held = {normalise(row.text) for row in test[1]}
    shared = sum(normalise(row.text) in held for row in corpus[1])
    if shared:
        text = f"{_count(shared)} in {test[0].name} as well"
        mend = "a run rejects them as leaks, and the student trained on the whole corpus leaves them out"
        yield Finding("hint", "corpus_in_test", str(corpus[0]), text, mend)


def _count(number: int) -> str:
    return "1 text occurs" if number == 1 else f"{number} texts occur"


def _places(pairs: Sequence[tuple[LabeledExample, LabeledExample]]) -> str:
    """Name the lines of the first example."""
    lines = f"lines {pairs[0][0].line} and {pairs[0][1].line}"
    return f" ({lines})" if len(pairs) == 1 else f" (the first: {lines})"


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return ", ".join(repr(label) for label in labels[:3]) + more
