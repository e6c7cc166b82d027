"""Parts of labelled rows for cross-validation. Light: no torch."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from evokd.messages import SET_SEPARATOR
from evokd.student.protocol import TrainExample
from evokd.student.similar_texts import normalise


def split_folds(examples: Sequence[TrainExample], folds: int) -> list[list[TrainExample]]:
    """Part examples so that each fold has its share of every label, and repeats of a text stay together.

    The parts depend on the texts alone, not on their order.

    Args:
        examples: the rows.
        folds: parts at most; empty ones are left out.
    """
    by_text: dict[str, list[TrainExample]] = defaultdict(list)
    for item in examples:
        by_text[normalise(item.text)].append(item)

    def order(form: str) -> tuple[str, str]:
        return min(map(_name_labels, by_text[form])), hashlib.sha256(form.encode()).hexdigest()

    parts: list[list[TrainExample]] = [[] for _ in range(folds)]
    for number, form in enumerate(sorted(by_text, key=order)):
        parts[number % folds] += by_text[form]
    return [part for part in parts if part]


def _name_labels(example: TrainExample) -> str:
    """Name what the folds share out: the label, or the set of labels; entities are not shared out."""
    if isinstance(example.gold, str):
        return example.gold
    return SET_SEPARATOR.join(label for label in example.gold if isinstance(label, str))
