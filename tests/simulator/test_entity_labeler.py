from typing import Any

import numpy as np
import pytest

from evokd.messages import Entity, EntityVerdict, LabelReply
from evokd.messages.spans import Span, align
from evokd.simulator.corpus import Corpus
from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.entity_labeler import answer_entity_labeler
from evokd.simulator.rehearsal_settings import RehearsalSettings
from tests.simulator.entity_toy import ROWS, SPANS, TEXTS, TYPES, make_batch, make_corpus, read_marked

CORPUS = make_corpus()


def label(
    batch: dict[str, Any], noise: float = 0.0, seed: int = 1, corpus: Corpus = CORPUS
) -> list[tuple[list[Span], float]]:
    """The verdicts' spans, found in the texts again, and their confidences."""
    assert corpus.mentions is not None
    reply = answer_entity_labeler(batch, corpus, corpus.mentions, RehearsalSettings(noise=noise), seed)
    LabelReply[EntityVerdict].model_validate(reply)
    assert [verdict["id"] for verdict in reply["verdicts"]] == [draft["id"] for draft in batch["drafts"]]
    return [
        (align(draft["text"], [Entity(**entity) for entity in verdict["entities"]]), verdict["confidence"])
        for draft, verdict in zip(batch["drafts"], reply["verdicts"], strict=True)
    ]


def make_many() -> Corpus:
    """300 texts with two entities each; some names are of both types, some stand elsewhere as no entity."""
    rng = np.random.default_rng(3)
    names = {kind: [f"{kind.title()}{at}" for at in range(20)] + ["Alda", "Brim"] for kind in ("boat", "person")}
    rows = []
    for at in range(300):
        one, two = str(rng.choice(names["person"])), f"Old {rng.choice(names['boat'])}"
        text = f"Row {at} says {one} took {two} to sea and {rng.choice(names['person'])}x waved"
        if at % 3 == 0:
            text += f" at {rng.choice(names['boat'])} again"
        place = text.index(one, text.index("says"))
        rows.append(
            CorpusRow(
                text,
                (
                    Span(place, place + len(one), "person"),
                    Span(text.index(two), text.index(two) + len(two), "boat"),
                ),
            )
        )
    rows += [
        CorpusRow(f"{name} is what Row {at} says", (Span(0, len(name), "boat"),))
        for at, name in enumerate(names["boat"])
    ]
    return Corpus(rows)


MANY = make_many()


def test_corpus_texts_get_their_entities_seeds_too() -> None:
    assert [spans for spans, _ in label(make_batch(TEXTS))] == [SPANS[text] for text in TEXTS]


def test_case_and_spaces_do_not_matter() -> None:
    ((spans, _),) = label(make_batch(["  HERON left  Gull bay with a torn sail "]))
    assert spans == [Span(2, 7, "boat"), Span(14, 22, "place")]


@pytest.mark.parametrize(
    "marked",
    [
        "[Kittiwake](boat) left [Gull Bay](place) with a torn sail",
        "[Lady Ada](boat) left [Upper Bay](place) with a torn sail",
        "[Heron](boat) left [Bay](place) with a torn sial",
        "[Kittiwake](person) moored [Tern](boat) beside teh old crane",
        "Please tell [Ines of Old Mole](person) that the engine of [Heron](boat) needs oil",
        "The crew of [Tern](boat) thanked [Bruno](person) for the soup",
    ],
)
def test_a_near_copy_gets_the_entities_of_its_source(marked: str) -> None:
    text, spans = read_marked(marked)
    ((found, _),) = label(make_batch([text]))
    assert found == spans


def test_another_text_is_labelled_by_what_the_corpus_knows() -> None:
    text, spans = read_marked("Row 900 says [Person3](person) took heart, but who is to sell [Old Boat7](boat) on land")
    assert MANY.find(text) is None
    ((found, sure),) = label(make_batch([text], {"boat": "", "person": ""}), corpus=MANY)
    assert found == spans
    assert 0.5 <= sure <= 0.99


@pytest.mark.parametrize("text", ["", "...", "zzz qqq", "夜 の 海"])
def test_a_text_of_which_nothing_is_known_has_no_entity_or_well_formed_ones(text: str) -> None:
    ((found, sure),) = label(make_batch([text]), noise=1.0)
    assert all(span.label in TYPES for span in found)
    assert 0.5 <= sure <= 0.99


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 1.0])
def test_noise_is_the_share_of_entities_given_wrong_and_a_quarter_of_it_invents(noise: float) -> None:
    batch = make_batch([row.text for row in MANY.rows], {"boat": "", "person": ""})
    total, wrong, invented, could = 0, 0, 0, 0
    for seed in (1, 2):
        for row, (found, _) in zip(MANY.rows, label(batch, noise, seed, MANY), strict=True):
            total += len(row.spans)
            wrong += len(set(row.spans) - set(found))
            invented += any(all(f.end <= s.start or s.end <= f.start for s in row.spans) for f in found)
            assert MANY.mentions is not None
            could += any(True for _ in MANY.mentions.unmarked(row.text, row.spans))
    assert wrong / total == pytest.approx(noise, abs=0.04 if 0 < noise < 1 else 0)
    assert could > 100
    assert invented / could == pytest.approx(0.25 * noise, abs=0.08 if noise else 0)


def test_mistakes_are_of_three_kinds_and_well_formed() -> None:
    batch = make_batch([row.text for row in MANY.rows], {"boat": "", "person": ""})
    kinds = {"type": 0, "boundary": 0, "missed": 0}
    for row, (found, _) in zip(MANY.rows, label(batch, 0.5, 4, MANY), strict=True):
        for span in set(row.spans) - set(found):
            touching = [other for other in found if other.start < span.end and span.start < other.end]
            if not touching:
                kinds["missed"] += 1
            elif touching[0].label != span.label:
                kinds["type"] += 1
                assert touching[0][:2] == span[:2]
            else:
                kinds["boundary"] += 1
    total = sum(kinds.values())
    assert all(count > 0.15 * total for count in kinds.values()), kinds


def test_the_likeliest_wrong_type_is_the_one_the_words_have_elsewhere() -> None:
    labels = {"boat": "", "person": "", "place": ""}
    wrong = [
        span.label
        for seed in range(60)
        for span in label(make_batch([TEXTS[6]], labels), 1.0, seed)[0][0]
        if span[:2] == (0, 4) and span.label != "person"
    ]
    assert len(wrong) > 10
    assert wrong.count("boat") > 0.6 * len(wrong), "Tern is a boat twice"


def test_errors_do_not_announce_themselves_and_differ_by_seed() -> None:
    batch = make_batch([row.text for row in MANY.rows], {"boat": "", "person": ""})
    one, two = (label(batch, 0.3, seed, MANY) for seed in (1, 2))
    bad = np.array([found != list(row.spans) for row, (found, _) in zip(MANY.rows, one, strict=True)])
    sure = np.array([confidence for _, confidence in one])
    assert 0.4 < np.mean(sure[bad][:, None] < sure[~bad][None, :]) < 0.75
    assert [found for found, _ in one] != [found for found, _ in two]
    assert all(0.5 <= confidence <= 0.99 for confidence in sure)


def test_a_verdict_does_not_depend_on_the_rest_of_the_batch() -> None:
    texts = [*TEXTS, "An unknown text about Tern and Olav", "Kittiwake left Gull Bay with a torn sail"]
    together = label(make_batch(texts), 0.5)
    backwards = label(make_batch(texts[::-1]), 0.5)[::-1]
    assert together == backwards == [label(make_batch([text]), 0.5)[0] for text in texts]
    assert together == label(make_batch(texts), 0.5, corpus=make_corpus())


def test_only_types_of_the_message_are_answered() -> None:
    for noise in (0.0, 1.0):
        for found, _ in label(make_batch(TEXTS, {"boat": "", "weather": ""}), noise):
            assert {span.label for span in found} <= {"boat", "weather"}


def test_an_earlier_mention_that_is_no_entity_is_listed() -> None:
    corpus = Corpus(
        [CorpusRow("Tern or no Tern", (Span(11, 15, "boat"),)), *[CorpusRow(text, tuple(s)) for text, s in ROWS]]
    )
    assert corpus.mentions is not None
    batch = make_batch(["Tern or no Tern"])
    reply = answer_entity_labeler(batch, corpus, corpus.mentions, RehearsalSettings(), 1)
    assert reply["verdicts"][0]["entities"] == [{"text": "Tern", "label": "O"}, {"text": "Tern", "label": "boat"}]
