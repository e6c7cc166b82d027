"""Which texts people see: disputes first, a draw that the seed decides, all of them."""

from typing import Any

import pytest

from evokd.review.selection import Reviewable, choose_texts


def make(name: str, **changes: Any) -> Reviewable:
    fields: dict[str, Any] = {"proposed": "a", "disputed": False, "disagrees": False, "confidence": 0.5}
    return Reviewable(name, **{**fields, **changes})


TEXTS = [
    make("sure", confidence=0.9),
    make("unsure", confidence=0.2),
    make("other", disagrees=True, confidence=0.3),
    make("sure other", disagrees=True, confidence=0.8),
    make("disputed", disputed=True),
]


def test_disputes_come_first_then_sure_disagreement_then_doubt() -> None:
    assert [text["id"] for text in choose_texts(TEXTS, "all", 1, 0)] == [
        "disputed",
        "sure other",
        "other",
        "unsure",
        "sure",
    ]
    chosen = choose_texts(TEXTS, "disputes", 1, 0)
    assert [(text["id"], text["why"]) for text in chosen] == [
        ("disputed", "disputed"),
        ("sure other", "student disagrees"),
        ("other", "student disagrees"),
    ]


def test_a_draw_depends_on_the_seed_alone_and_takes_every_text_alike() -> None:
    drawn = [{text["id"] for text in choose_texts(TEXTS, "sample", 2, seed)} for seed in range(300)]
    assert drawn[7] == {text["id"] for text in choose_texts(TEXTS, "sample", 2, 7)}
    assert all(len(names) == 2 for names in drawn)
    for text in TEXTS:
        assert 80 < sum(text.id in names for names in drawn) < 160  # 120 on average


@pytest.mark.parametrize("size", [5, 50])
def test_a_draw_of_more_than_there_are_takes_all(size: int) -> None:
    assert len(choose_texts(TEXTS, "sample", size, 0)) == 5
