"""Folds hold every row once, their share of each label, and repeats of a text together."""

from collections import Counter

from evokd.student.folds import split_folds
from evokd.student.protocol import TrainExample


def make(count: int, label: str) -> list[TrainExample]:
    return [TrainExample(id=f"{label}{n}", text=f"{label} number {n}", gold=label) for n in range(count)]


def test_every_row_is_in_one_fold_and_labels_are_shared_out() -> None:
    rows = [*make(10, "a"), *make(5, "b")]
    folds = split_folds(rows, 5)
    assert sorted(item.id for fold in folds for item in fold) == sorted(item.id for item in rows)
    assert [Counter(str(item.gold) for item in fold) for fold in folds] == [Counter(a=2, b=1)] * 5


def test_repeats_stay_together_and_the_order_does_not_matter() -> None:
    rows = [*make(8, "a"), TrainExample(id="again", text="A number 3!", gold="b")]
    (fold,) = [fold for fold in split_folds(rows, 4) if "again" in {item.id for item in fold}]
    assert "a3" in {item.id for item in fold}
    found = [{item.id for item in fold} for fold in split_folds(rows, 4)]
    assert found == [{item.id for item in fold} for fold in split_folds(rows[::-1], 4)]


def test_empty_folds_are_left_out() -> None:
    assert [len(fold) for fold in split_folds(make(2, "a"), 5)] == [1, 1]
