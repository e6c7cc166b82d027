"""What is odd about a domain's data, though nothing in it is wrong: said before a run, and with its figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from student.curate import normalise
from student.tasks import Example, TaskCodec

Split = tuple[Path, Sequence[Example]]
"""A data file and its rows."""


def note_missing_labels(codec: TaskCodec, splits: Sequence[Split]) -> Iterator[str]:
    """Name labels of which data to score on holds no text."""
    for file, rows in splits:
        found = {label for row in rows for label in codec.labels_in(row.gold)}
        lacking = [label for label in codec.labels if label not in found]
        if rows and lacking:
            yield f"{file}: no text has the label {_list(lacking)}, so no score says how well it is found; add some"


def note_overlaps(splits: Sequence[Split], test: Split) -> Iterator[str]:
    """Say how many test texts stand elsewhere too, and which stand in the test data under several answers."""
    file, rows = test
    answers: dict[str, set[str]] = {}
    for row in rows:
        answers.setdefault(normalise(row.text), set()).add(repr(row.gold))
    double = sum(len(found) > 1 for found in answers.values())
    if double:
        yield f"{file}: {_count(double)} in it more than once, with different answers"
    for other, others in splits:
        shared = sum(normalise(row.text) in answers for row in others)
        if shared:
            yield f"{other}: {_count(shared)} in {file.name} as well, so a score there flatters; keep each in one"


def note_corpus(corpus: Split, test: Split) -> Iterator[str]:
    """Say how many texts of the rehearsal teacher's corpus are test data."""
    held = {normalise(row.text) for row in test[1]}
    shared = sum(normalise(row.text) in held for row in corpus[1])
    if shared:
        yield (
            f"{corpus[0]}: {_count(shared)} in {test[0].name} as well; a run refuses them as leaks, and the student"
            " of the whole corpus does without them"
        )


def _count(number: int) -> str:
    return "1 text stands" if number == 1 else f"{number} texts stand"


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return ", ".join(repr(label) for label in labels[:3]) + more
