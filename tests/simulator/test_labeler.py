from typing import Any

import numpy as np
import pytest

from evokd.messages import LabelReply, LabelVerdict
from evokd.simulator.corpus import Corpus, CorpusRow
from evokd.simulator.labeler import answer_labeler
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError
from tests.simulator.toy import LABEL_OF, MEANINGS, SEEDS, TEXTS, make_batch, make_corpus

CORPUS = make_corpus()


def label(batch: dict[str, Any], noise: float = 0.0, seed: int = 1, corpus: Corpus = CORPUS) -> list[dict[str, Any]]:
    reply = answer_labeler(batch, corpus, RehearsalSettings(noise=noise), seed)
    LabelReply[LabelVerdict].model_validate(reply)
    verdicts: list[dict[str, Any]] = reply["verdicts"]
    return verdicts


def make_many() -> Corpus:
    """400 texts of four labels that share some words."""
    rng = np.random.default_rng(3)
    own = {name: [f"{name.lower()}{at}" for at in range(12)] for name in MEANINGS}
    common = [f"word{at}" for at in range(12)]
    return Corpus(
        CorpusRow(" ".join([*rng.choice(own[name], 3), *rng.choice(common, 3), f"n{at}"]), name)
        for name in MEANINGS
        for at in range(100)
    )


def test_corpus_texts_get_their_labels_in_order_seeds_too() -> None:
    texts = [*TEXTS["Tech"][:3], f"  {SEEDS[1].upper()} ", *TEXTS["World"]]
    verdicts = label(make_batch(texts))
    assert [verdict["id"] for verdict in verdicts] == [f"d{at}" for at in range(len(texts))]
    assert [verdict["labels"][0] for verdict in verdicts] == ["Tech"] * 3 + ["Sports"] + ["World"] * 12


def test_candidates_and_confidence_are_within_bounds() -> None:
    verdicts = label(make_batch(list(LABEL_OF)), noise=0.3)
    for verdict in verdicts:
        assert 1 <= len(verdict["labels"]) <= 3
        assert len(set(verdict["labels"])) == len(verdict["labels"])
        assert set(verdict["labels"]) <= set(MEANINGS)
        assert 0.5 <= verdict["confidence"] <= 0.99
    assert {len(verdict["labels"]) for verdict in verdicts} == {1, 2, 3}


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 1.0])
def test_noise_is_the_share_of_wrong_first_labels(noise: float) -> None:
    corpus = make_many()
    batch = make_batch([row.text for row in corpus.rows])
    for seed in (1, 2):
        verdicts = label(batch, noise, seed, corpus)
        wrong = np.mean(
            [verdict["labels"][0] != row.answer for verdict, row in zip(verdicts, corpus.rows, strict=True)]
        )
        assert wrong == pytest.approx(noise, abs=0.06 if 0 < noise < 1 else 0)


def test_noise_is_hard_to_tell_from_the_confidence_and_differs_by_seed() -> None:
    corpus = make_many()
    batch = make_batch([row.text for row in corpus.rows])
    one, two = (label(batch, 0.3, seed, corpus) for seed in (1, 2))
    wrong = np.array([verdict["labels"][0] != row.answer for verdict, row in zip(one, corpus.rows, strict=True)])
    sure = np.array([verdict["confidence"] for verdict in one])
    told = np.mean(sure[wrong][:, None] < sure[~wrong][None, :])
    assert 0.45 < told < 0.75, "share of pairs in which the wrong one sounds less sure"
    assert [verdict["labels"][0] for verdict in one] != [verdict["labels"][0] for verdict in two]


def test_a_wrong_label_does_not_depend_on_the_rest_of_the_batch() -> None:
    texts = list(LABEL_OF)
    together = label(make_batch(texts), noise=0.5)
    alone = [label(make_batch([text]), noise=0.5)[0] for text in texts]
    assert [(one["labels"], one["confidence"]) for one in together] == [
        (one["labels"], one["confidence"]) for one in alone
    ]


def test_an_unknown_text_gets_its_nearest_neighbours_label_with_less_confidence() -> None:
    known, unknown = label(make_batch([TEXTS["Sports"][6], "The club signed somebody for seasons to come"]))
    assert known["labels"][0] == unknown["labels"][0] == "Sports"
    assert unknown["confidence"] < known["confidence"]


def test_only_labels_of_the_message_are_answered() -> None:
    labels = {"Tech": "computers", "World": "politics", "Weather": "rain and sun"}
    for verdict in label(make_batch(list(LABEL_OF), labels), noise=0.5):
        assert set(verdict["labels"]) <= set(labels)


@pytest.mark.parametrize(
    ("text", "labels"),
    [("zzz qqq", MEANINGS), ("...", MEANINGS), ("", MEANINGS), (TEXTS["Tech"][1], {"Weather": "", "Traffic": ""})],
    ids=["unknown words", "no words", "empty", "labels the corpus lacks"],
)
def test_falls_back_to_the_labels_of_the_message(text: str, labels: dict[str, str]) -> None:
    (verdict,) = label(make_batch([text], labels))
    assert set(verdict["labels"]) <= set(labels)
    assert verdict["confidence"] == 0.5


def test_a_guess_follows_the_words_of_the_meanings() -> None:
    labels = {"a": "traffic on roads", "b": "rain and snow"}
    assert label(make_batch(["Snow again in the hills"], labels))[0]["labels"][0] == "b"


def test_an_empty_batch_gets_no_verdicts_and_a_single_label_is_never_wrong() -> None:
    assert label(make_batch([])) == []
    verdicts = label(make_batch(TEXTS["Tech"], {"Tech": "computers"}), noise=1.0)
    assert all(verdict["labels"] == ["Tech"] for verdict in verdicts)


@pytest.mark.parametrize("batch", [{"drafts": []}, {"labels": {}, "drafts": []}, {"labels": {"a": ""}}])
def test_a_batch_without_what_is_needed_is_refused(batch: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="cannot be used"):
        label(batch)
