"""Splits share no text, hold every label they can, and depend on nothing but the rows and the seed."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.intake.pool import choose_pool
from evokd.intake.split import LIKE, Splits, split_rows
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.registry import codec

LABELS = ["bug", "billing", "praise"]
CODEC = codec("classification", LABELS)
WORDS = ["the", "app", "Crashes", "again", "refund", "please", "thanks", "late", "parcel", "!", "who", "why"]
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
ROWS = st.lists(st.builds(LabeledExample, TEXT, st.sampled_from(LABELS)), min_size=1, max_size=150)


def forms(rows: tuple[LabeledExample, ...]) -> set[str]:
    return {normalise(row.text) for row in rows}


def parts(splits: Splits) -> tuple[tuple[LabeledExample, ...], ...]:
    return splits.seeds, splits.validation, splits.test


@given(rows=ROWS, seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_no_text_nor_one_like_it_is_in_two_splits(rows: list[LabeledExample], seed: int) -> None:
    splits = split_rows(CODEC, rows, seed)
    seeds, validation, test = map(forms, parts(splits))
    assert not seeds & validation
    assert not (seeds | validation) & test
    assert not forms(splits.conflicting) & (seeds | validation | test)
    assert seeds | validation | test | forms(splits.conflicting) == forms(tuple(rows))
    for held, others in ((test, seeds | validation), (validation, seeds)):
        index = SimilarTexts(held)
        assert not any(index.has_like(form, LIKE) for form in others)


@given(rows=ROWS)
@settings(max_examples=40, deadline=None)
def test_seeds_have_every_label_that_is_left(rows: list[LabeledExample]) -> None:
    splits = split_rows(CODEC, rows, 0)
    kept = {str(row.gold) for split in parts(splits) for row in split}
    assert {str(row.gold) for row in splits.seeds} == kept


def made(count: int) -> list[LabeledExample]:
    rng = random.Random(3)
    return [
        LabeledExample(
            f"{' '.join(rng.choices(WORDS, k=4))} {number} {number * 7} {number * 13}", LABELS[number % 3], number
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("count", "validation", "test", "reason"),
    [
        (12, 0, 0, "fewer than 20"),
        (40, 13, 0, "fewer than 60"),
        (90, 18, 27, "uncertain by up to ±0.19"),
        (4_000, 500, 1_000, "uncertain by up to ±0.03"),
    ],
)
def test_sizes_follow_the_number_of_rows(count: int, validation: int, test: int, reason: str) -> None:
    splits = split_rows(CODEC, made(count), 0)
    assert abs(len(splits.validation) - validation) <= 2
    assert abs(len(splits.test) - test) <= 2
    assert reason in splits.reason
    for split in parts(splits):
        counts = [sum(row.gold == label for row in split) for label in LABELS]
        assert max(counts) - min(counts) <= 3


def test_order_does_not_matter_and_the_seed_does() -> None:
    rows = made(90)
    turned = split_rows(CODEC, rows[::-1], 1)
    assert parts(turned) == parts(split_rows(CODEC, rows, 1))
    assert turned.test != split_rows(CODEC, rows, 2).test


def test_texts_of_two_answers_are_left_to_the_teacher() -> None:
    rows = [*made(5), LabeledExample("It broke!", "bug", 6), LabeledExample("it broke", "praise", 7)]
    splits = split_rows(CODEC, [*rows, rows[0]], 0)
    assert [row.line for row in splits.conflicting] == [6]
    assert splits.counts == {"rows of texts with different answers, taken for unlabelled": 2, "repeats left out": 1}


def test_entities_are_stratified_by_their_rarest_label() -> None:
    task = codec("ner", ["person", "ship"])
    rows = []
    for number in range(100):
        text = f"Robin {number} met {number * 3} at {number * 11} Ely"
        gold = [{"start": 0, "end": 5, "label": "person"}] if number % 2 else []
        if number % 10 == 1:
            gold.append({"start": len(text) - 3, "end": len(text), "label": "ship"})
        rows.append(LabeledExample(text, gold, number))
    for split in parts(split_rows(task, rows, 0)):
        assert sum("ship" in task.labels_in(row.gold) for row in split) >= 2


def test_the_pool_has_no_text_that_is_scored() -> None:
    texts = ["Where is my parcel today", "where is my parcel, today?", "the app crashes", "x", "new and unseen words"]
    pool, counts = choose_pool([*texts, texts[-1]], ["The app crashes"], ["where is my parcel today now"])
    assert pool == ["new and unseen words"]
    assert sum(counts.values()) == 5
