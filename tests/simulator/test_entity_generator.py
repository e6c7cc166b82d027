from collections import Counter
from typing import Any

import pytest
from rapidfuzz import fuzz

from evokd.messages import Entity, EntityDraft, GeneratorReply
from evokd.messages.spans import Span, align, split_words
from evokd.simulator.corpus import Corpus
from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.entity_modes import MODES
from evokd.simulator.generator import answer_generator
from evokd.simulator.rehearsal_settings import RehearsalSettings
from tests.simulator.entity_toy import (
    ROWS,
    SEEDS,
    SPANS,
    TEXTS,
    make_corpus,
    make_example,
    make_plan,
    read_marked,
)

CORPUS = make_corpus()
PLAIN = RehearsalSettings()
Tagged = tuple[str, list[Span], str]


def write(plan: dict[str, Any], seed: int = 1, corpus: Corpus = CORPUS) -> list[Tagged]:
    """Drafts as text, spans found there, difficulty."""
    reply = answer_generator(plan, corpus, PLAIN, seed)
    GeneratorReply[EntityDraft].model_validate(reply)
    return [
        (draft["text"], align(draft["text"], [Entity(**item) for item in draft["intended"]]), draft["difficulty"])
        for draft in reply["drafts"]
    ]


def outside(text: str, spans: list[Span]) -> list[str]:
    """The words between the entities."""
    return [text[s:e] for s, e in split_words(text) if not any(x.start <= s < x.end for x in spans)]


def names(text: str, spans: list[Span]) -> Counter[tuple[str, str]]:
    return Counter((text[span.start : span.end], span.label) for span in spans)


def types(spans: list[Span]) -> list[str]:
    return sorted(span.label for span in spans)


@pytest.mark.parametrize("mode", ["write", "paraphrase", "extrapolate"])
@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_hold_the_label_are_given_once_and_never_a_seed_or_an_example(
    mode: str, guided: bool, seed: int
) -> None:
    topic = {} if guided else {"weakness": {"labels": ["boat"]}}
    quotas = {"boat": (2, 2), "person": (1, 2)}
    drafts = write(make_plan(mode, quotas, examples=[make_example(4)], **topic), seed)
    assert [difficulty for *_, difficulty in drafts] == ["hard", "hard", "easy", "easy", "hard", "easy", "easy"]
    assert all("boat" in types(spans) for _, spans, _ in drafts[:4])
    assert all("person" in types(spans) for _, spans, _ in drafts[4:])
    assert all(spans == SPANS[text] for text, spans, _ in drafts)
    texts = [text for text, *_ in drafts]
    assert len(set(texts)) == len(texts)
    assert set(texts).isdisjoint([*SEEDS, TEXTS[4]])


def test_a_quota_beyond_the_corpus_gives_all_there_is() -> None:
    drafts = write(make_plan(quotas={"place": (40, 1)}))
    assert {text for text, *_ in drafts} == {text for text, spans in ROWS if "place" in types(spans)} - set(SEEDS)


def test_hard_rows_have_ambiguous_or_rare_names_more_often_than_easy_ones() -> None:
    marked = [f"day {at} brought [Plain](a) back" for at in range(20)]
    marked += [f"night {at} brought [Twice]({'ab'[at % 2]}) back" for at in range(20)]
    rows = [CorpusRow(text, tuple(spans)) for text, spans in map(read_marked, marked)]
    plan = make_plan(quotas={"a": (3, 3)}, labels={"a": "", "b": ""})
    found: Counter[tuple[str, bool]] = Counter()
    for seed in range(20):
        found.update((difficulty, "Twice" in text) for text, _, difficulty in write(plan, seed, Corpus(rows)))
    assert found["hard", True] > 1.5 * found["easy", True]


def test_quoted_names_are_sought() -> None:
    def count(advice: str) -> int:
        plan = make_plan(quotas={"boat": (1, 0)})
        plan["weakness"] = {"labels": ["boat"], "advice": advice, "pattern": ""}
        return sum("Tern" in text for seed in range(40) for text, *_ in write(plan, seed))

    assert count('Write of "Tern"') > count('Write of "Lady"')


EXAMPLES = [make_example(at) for at in (3, 4, 8, 10, 13, 16)]
SOURCES = {example["text"]: SPANS[example["text"]] for example in EXAMPLES}


def meets(mode: str, text: str, spans: list[Span]) -> bool:
    for source, tagged in SOURCES.items():
        same_types = types(spans) == types(tagged)
        same_names = names(text, spans) == names(source, tagged)
        same_words = outside(text, spans) == outside(source, tagged)
        match mode:
            case "rewrite_context":
                good = same_names and not same_words
            case "swap_entities":
                in_order = [span.label for span in spans] == [span.label for span in tagged]
                good = same_words and in_order and not same_names
            case "rewrite_and_swap":
                good = same_types and not same_names and not same_words
            case _:
                good = same_names and text != source and fuzz.ratio(text, source) >= 80
        if good:
            return True
    return False


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(6))
def test_every_mode_meets_its_definition(mode: str, seed: int) -> None:
    quotas = {"person": (2, 1), "boat": (1, 1)}
    drafts = write(make_plan(mode, quotas, examples=EXAMPLES), seed)
    assert [difficulty for *_, difficulty in drafts] == ["hard", "hard", "easy", "hard", "easy"]
    assert all("person" in types(spans) for _, spans, _ in drafts[:3])
    assert all("boat" in types(spans) for _, spans, _ in drafts[3:])
    texts = [text for text, *_ in drafts]
    assert len(set(texts)) == 5
    made = [(text, spans) for text, spans, _ in drafts if text not in SPANS]
    assert made, "not only rows of the corpus"
    assert all(meets(mode, text, spans) for text, spans in made)
    assert set(texts).isdisjoint([*SEEDS, *SOURCES])


@pytest.mark.parametrize("mode", MODES)
def test_what_cannot_be_made_is_a_row_of_the_corpus(mode: str) -> None:
    examples = [
        {"text": "nothing here", "gold": []},
        {"text": "no such name", "gold": [{"text": "Ada", "label": "boat"}]},
    ]
    drafts = write(make_plan(mode, {"boat": (2, 1)}, examples=examples))
    assert len(drafts) == 3
    assert all(spans == SPANS[text] for text, spans, _ in drafts)


@pytest.mark.parametrize("mode", ["swap_entities", "rewrite_and_swap"])
def test_the_only_name_of_a_type_cannot_be_swapped(mode: str) -> None:
    rows = [CorpusRow(f"{at} Solo {at}", (Span(len(f"{at} "), len(f"{at} Solo"), "a"),)) for at in range(5)]
    plan = make_plan(mode, {"a": (1, 1)}, labels={"a": ""})
    plan["examples"] = [{"text": "0 Solo 0", "gold": [{"text": "Solo", "label": "a"}]}]
    assert {text for text, *_ in write(plan, corpus=Corpus(rows))} <= {row.text for row in rows}


@pytest.mark.parametrize("mode", ["write", "extrapolate", *MODES])
def test_the_same_request_gets_the_same_reply_and_another_seed_another(mode: str) -> None:
    plan = make_plan(mode, examples=EXAMPLES, strategies={"shorter": "Be brief.", "longer": "Take your time."})
    assert write(plan) == write(plan, corpus=make_corpus())
    assert len({tuple(text for text, *_ in write(plan, seed)) for seed in range(5)}) > 2


@pytest.mark.parametrize("word", ["shorter", "longer"])
def test_a_strategy_of_length_steers_which_context_is_taken(word: str) -> None:
    def mean(strategies: dict[str, str]) -> float:
        plan = make_plan("rewrite_context", {"place": (1, 0)}, examples=[make_example(15)], strategies=strategies)
        lengths = [len(outside(text, spans)) for seed in range(60) for text, spans, _ in write(plan, seed)]
        return sum(lengths) / len(lengths)

    assert (mean({word: ""}) - mean({})) * (1 if word == "longer" else -1) > 0


def test_types_that_the_plan_does_not_know_are_left_out_of_what_is_intended() -> None:
    plan = make_plan(quotas={"boat": (5, 5)}, labels={"boat": ""})
    assert {label for _, spans, _ in write(plan) for label in types(spans)} == {"boat"}
