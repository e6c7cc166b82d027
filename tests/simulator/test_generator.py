from collections import Counter
from typing import Any

import numpy as np
import pytest

from evokd.messages import Draft, GeneratorReply
from evokd.simulator.corpus import Corpus, CorpusRow
from evokd.simulator.generator import answer_generator
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError
from tests.simulator.toy import LABEL_OF, MEANINGS, SEEDS, TEXTS, make_corpus, make_plan

CORPUS = make_corpus()
PLAIN = RehearsalSettings()


def write(plan: dict[str, Any], settings: RehearsalSettings = PLAIN, seed: int = 1) -> list[dict[str, Any]]:
    reply = answer_generator(plan, CORPUS, settings, seed)
    GeneratorReply[Draft].model_validate(reply)
    drafts: list[dict[str, Any]] = reply["drafts"]
    return drafts


def texts_of(drafts: list[dict[str, Any]]) -> list[str]:
    return [draft["text"] for draft in drafts]


@pytest.mark.parametrize("guided", [True, False], ids=["guided", "unguided"])
@pytest.mark.parametrize("mode", ["write", "paraphrase", "extrapolate"])
@pytest.mark.parametrize("seed", range(3))
def test_quotas_are_met_exactly_without_repeats_or_seeds(guided: bool, mode: str, seed: int) -> None:
    quotas = {"Tech": (3, 2), "World": (0, 4), "Sports": (1, 0), "Business": (0, 0)}
    examples = [{"text": TEXTS["Tech"][1], "gold": "Tech"}]
    drafts = write(make_plan(quotas=quotas, guided=guided, mode=mode, examples=examples), seed=seed)
    counts = Counter((draft["intended"], draft["difficulty"]) for draft in drafts)
    assert counts == {("Tech", "hard"): 3, ("Tech", "easy"): 2, ("World", "easy"): 4, ("Sports", "hard"): 1}
    assert all(LABEL_OF[draft["text"]] == draft["intended"] for draft in drafts)
    assert len(set(texts_of(drafts))) == len(drafts)
    assert set(texts_of(drafts)).isdisjoint([*SEEDS, TEXTS["Tech"][1]])


@pytest.mark.parametrize("guided", [True, False])
def test_a_quota_beyond_the_corpus_gives_all_there_is(guided: bool) -> None:
    drafts = write(make_plan(quotas={"Tech": (6, 40)}, guided=guided))
    assert sorted(texts_of(drafts)) == sorted(TEXTS["Tech"][1:])
    assert [draft["difficulty"] for draft in drafts] == ["hard"] * 6 + ["easy"] * 5


def test_what_is_to_be_avoided_is_left_out_by_text_and_by_opening() -> None:
    avoid = ["  a NEW chip runs", TEXTS["Tech"][2], "The search engine now …", *TEXTS["Tech"][4:6]]
    for seed in range(5):
        drafts = write(make_plan(quotas={"Tech": (3, 3)}, avoid=avoid), seed=seed)
        assert len(drafts) == 6
        assert set(texts_of(drafts)).isdisjoint([TEXTS["Tech"][at] for at in (0, 2, 4, 5)])


def test_repeats_when_everything_is_excluded_but_never_a_seed_or_an_example() -> None:
    examples = [{"text": TEXTS["Tech"][1].upper(), "gold": "Tech"}]
    drafts = write(make_plan(quotas={"Tech": (2, 20)}, avoid=TEXTS["Tech"], examples=examples))
    assert sorted(texts_of(drafts)) == sorted(TEXTS["Tech"][2:])


def test_labels_unknown_to_corpus_or_message_get_nothing() -> None:
    plan = make_plan(quotas={"Weather": (2, 2), "Tech": (1, 0), "Sports": (1, 1)})
    plan["labels"] = {"Weather": "rain", "Tech": MEANINGS["Tech"]}
    assert [draft["intended"] for draft in write(plan)] == ["Tech"]


def test_the_answer_varies_with_the_seed_and_the_plan_alone() -> None:
    plan = make_plan()
    assert write(plan) == write(plan)
    assert len({tuple(texts_of(write(plan, seed=seed))) for seed in range(6)}) > 3
    assert write(plan) != write(make_plan(examples=[{"text": "unknown words", "gold": "Tech"}]))


def test_guided_drafts_fit_the_advice_more_often_than_unguided_ones() -> None:
    def count(guided: bool) -> int:
        quotas = {"Tech": (2, 0)}
        return sum(
            "software" in draft["text"] for seed in range(60) for draft in write(_plan(quotas, guided), seed=seed)
        )

    def _plan(quotas: dict[str, tuple[int, int]], guided: bool) -> dict[str, Any]:
        return make_plan(quotas=quotas, guided=guided)

    assert count(True) > 1.3 * count(False)


def make_spread_corpus() -> Corpus:
    """Two labels with a core vocabulary each; of `up` the last 20 texts lie between them, 10 more are odd."""
    core = {"up": ["rise", "gain", "climb", "growth", "profit"], "down": ["fall", "loss", "drop", "slump", "debt"]}
    rng = np.random.default_rng(5)

    def draw(*words: str, count: int = 3) -> str:
        return " ".join(rng.choice(words, size=count, replace=False))

    rows = [CorpusRow(f"{draw(*core[label])} {label}a{at}", label) for label in core for at in range(70)]
    rows += [
        CorpusRow(f"{draw(*core['up'], count=2)} {draw(*core['down'], count=2)} mid{at}", "up") for at in range(20)
    ]
    rows += [CorpusRow(f"odd{at} strange{at} words{at}", "up") for at in range(10)]
    return Corpus(rows)


def test_guided_hard_drafts_are_borderline_and_easy_ones_clear_but_never_mostly_odd() -> None:
    corpus = make_spread_corpus()
    topic = {"name": "n", "pattern": "p", "labels": ["up", "down"], "advice": "write"}
    plan = {"weakness": topic, "labels": {"up": "", "down": ""}, "quotas": [{"label": "up", "hard": 5, "easy": 5}]}
    kinds: dict[str, Counter[str]] = {"hard": Counter(), "easy": Counter()}
    for seed in range(40):
        for draft in answer_generator(plan, corpus, PLAIN, seed)["drafts"]:
            kind = "mid" if " mid" in draft["text"] else "odd" if "odd" in draft["text"] else "core"
            kinds[draft["difficulty"]][kind] += 1
    assert kinds["hard"]["mid"] / 200 > 1.5 * 20 / 100, "more than their share of the label"
    assert kinds["hard"]["odd"] / 200 < 0.06
    assert kinds["easy"]["core"] / 200 > 0.75
    assert kinds["hard"]["core"] > 20, "a lesson stays mixed"


def test_typicality_concentrates_unguided_drafts_on_the_dense_centre() -> None:
    corpus = make_spread_corpus()
    rows = corpus.retrievable("up")
    density = dict(zip((corpus.rows[row].text for row in rows), corpus.index.density[rows], strict=True))
    plan = {"labels": {"up": ""}, "quotas": [{"label": "up", "hard": 4, "easy": 4}]}
    given: dict[float, list[str]] = {}
    for typicality in (0.0, 0.5, 1.0):
        settings = RehearsalSettings(typicality=typicality)
        given[typicality] = [
            draft["text"] for seed in range(30) for draft in answer_generator(plan, corpus, settings, seed)["drafts"]
        ]
    means = {typicality: np.mean([density[text] for text in texts]) for typicality, texts in given.items()}
    assert means[0.0] < means[0.5] < means[1.0]
    assert len(set(given[1.0])) == 10, "the densest tenth"
    assert len(set(given[0.0])) > 80, "nearly all of them"
    assert abs(means[0.0] - np.mean(list(density.values()))) < 0.02


def test_following_modes_give_the_nearest_texts_of_the_same_label() -> None:
    examples = [{"text": "The club signed a goalkeeper for three seasons", "gold": "Sports"}]
    plan = make_plan(quotas={"Sports": (1, 1)}, mode="paraphrase", examples=examples)
    shares = [TEXTS["Sports"][6] in texts_of(write(plan, seed=seed)) for seed in range(10)]
    assert sum(shares) >= 9


def test_a_plan_without_what_is_needed_is_refused() -> None:
    with pytest.raises(RequestError, match=r"quotas\.0\.hard"):
        write(make_plan(quotas={"Tech": (-1, 0)}))
    with pytest.raises(RequestError, match="labels"):
        answer_generator({"quotas": []}, CORPUS, PLAIN, 1)


def test_settings_are_bounded() -> None:
    for wrong in ({"noise": 1.1}, {"typicality": -0.1}, {"temperature": 1}):
        with pytest.raises(ValueError, match="validation error"):
            RehearsalSettings.model_validate(wrong)


def test_a_share_of_drafts_is_of_another_label_than_it_was_meant_for() -> None:
    drafts = [
        draft
        for seed in range(60)
        for draft in write(make_plan(quotas={"Tech": (2, 2), "World": (0, 4)}), RehearsalSettings(slips=0.25), seed)
    ]
    counts = Counter(draft["intended"] for draft in drafts)
    assert counts == {"Tech": 240, "World": 240}
    slipped = sum(LABEL_OF[draft["text"]] != draft["intended"] for draft in drafts)
    assert 0.2 < slipped / len(drafts) < 0.3
    assert set(texts_of(drafts)).isdisjoint(SEEDS)
    for seed in range(5):
        lesson = texts_of(write(make_plan(quotas={"Tech": (4, 4)}), RehearsalSettings(slips=0.5), seed))
        assert len(set(lesson)) == len(lesson) == 8


def test_without_another_label_nothing_slips() -> None:
    plan = make_plan(quotas={"Tech": (2, 0)})
    plan["labels"] = {"Tech": MEANINGS["Tech"]}
    assert all(LABEL_OF[draft["text"]] == "Tech" for draft in write(plan, RehearsalSettings(slips=1.0)))


ONE_LIST = {"topic": {"treaty": 1, "flood": 1, "merger": 1, "beyond": 1}}
OWN_LISTS = {"topic of World": {"treaty": 1, "flood": 1}, "topic of Business": {"merger": 1}}


@pytest.mark.parametrize("profile", [ONE_LIST, OWN_LISTS], ids=["one list", "a list per label"])
def test_a_topic_is_followed_where_the_corpus_has_words_of_it(profile: dict[str, dict[str, int]]) -> None:
    hits = Counter[str]()
    plan = make_plan(quotas={"World": (0, 2), "Business": (0, 1)}, guided=True)
    for seed in range(20):
        drafts = write({**plan, "profile": profile}, seed=seed)
        for draft, word in zip(drafts, ["treaty", "flood", "merger"], strict=True):
            hits[word] += word in draft["text"]
    untold = sum("merger" in draft["text"] for seed in range(20) for draft in write(plan, seed=seed))
    assert min(hits.values()) >= 8 > 2 * untold


def test_a_quota_of_any_size_is_answered_at_once() -> None:
    drafts = write(make_plan(quotas={"World": (0, 10**12)}, guided=True))
    assert {*texts_of(drafts)} == {*TEXTS["World"]} - {*SEEDS}
