import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.messages import Entity, ProfileReply
from evokd.messages.spans import align, span_fault, split_words
from evokd.simulator.entity_modes import MODES
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError
from evokd.simulator.roles import KINDS, answer
from evokd.simulator.words import fold_text
from tests.simulator import entity_toy
from tests.simulator.toy import LABEL_OF, MEANINGS, make_case, make_corpus

CORPUS = make_corpus()
NAMES = st.sampled_from([*MEANINGS, "Weather", ""])
TEXTS = st.one_of(st.sampled_from(list(LABEL_OF)), st.text(max_size=30))
LABELS = st.dictionaries(NAMES, st.text(max_size=12), min_size=1, max_size=4)
WORDS = st.lists(TEXTS, max_size=4)
COUNTS = st.integers(0, 30)
CASES = st.builds(
    make_case, st.text(max_size=4), TEXTS, NAMES, NAMES, st.sampled_from(["right", "wrong"]), st.floats(0, 1)
)
MESSAGES = {
    "feedback_packet": st.fixed_dictionaries({"labels": LABELS, "cases": st.lists(CASES, max_size=9)}),
    "lesson_plan": st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["write", "paraphrase", "extrapolate", "sing"]),
            "weakness": st.fixed_dictionaries(
                {"pattern": TEXTS, "advice": TEXTS, "labels": st.lists(NAMES, max_size=3)}
            ),
            "labels": LABELS,
            "quotas": st.lists(st.fixed_dictionaries({"label": NAMES, "hard": COUNTS, "easy": COUNTS}), max_size=4),
            "examples": st.lists(st.fixed_dictionaries({"text": TEXTS, "gold": NAMES}), max_size=3),
            "avoid": WORDS,
        }
    ),
    "draft_batch": st.fixed_dictionaries(
        {"labels": LABELS, "drafts": st.lists(st.fixed_dictionaries({"id": st.text(), "text": TEXTS}), max_size=5)}
    ),
}


@pytest.mark.parametrize("kind", MESSAGES)
@settings(deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(), noise=st.floats(0, 1), typicality=st.floats(0, 1))
def test_every_message_gets_a_reply_with_the_messages_labels(
    kind: str, data: st.DataObject, seed: int, noise: float, typicality: float
) -> None:
    message: dict[str, Any] = data.draw(MESSAGES[kind])
    chosen = RehearsalSettings(noise=noise, typicality=typicality)
    reply = answer(kind, message, CORPUS, chosen, seed)
    assert reply == answer(kind, json.loads(json.dumps(message)), CORPUS, chosen, seed)
    for item in next(iter(reply.values())):
        named = [item["intended"]] if "intended" in item else item["labels"]
        assert named
        assert set(named) <= set(message["labels"])


ENTITY_CORPUS = entity_toy.make_corpus()
TYPES = st.dictionaries(st.sampled_from([*entity_toy.TYPES, "whale"]), st.text(max_size=9), min_size=1, max_size=4)
SURFACES = st.sampled_from(["Tern", "tern", "Ada", "Gull Bay", "Lady Ada", "absent", ""])
GOLDS = st.lists(
    st.fixed_dictionaries({"text": SURFACES, "label": st.sampled_from([*entity_toy.TYPES, "O", "whale"])}), max_size=4
)
TAGGED = st.one_of(
    st.sampled_from(entity_toy.TEXTS),
    st.lists(st.one_of(SURFACES, st.sampled_from(["on", ",", "left", "海", "e\u0301"])), max_size=8).map(" ".join),
    st.text(max_size=30),
)
TAGGED_EXAMPLES = st.one_of(
    st.sampled_from([entity_toy.make_example(at) for at in range(len(entity_toy.ROWS))]),
    st.fixed_dictionaries({"text": TAGGED, "gold": GOLDS}),
)
TAGGED_MESSAGES = {
    "feedback_packet": st.fixed_dictionaries(
        {
            "labels": TYPES,
            "cases": st.lists(
                st.fixed_dictionaries(
                    {
                        "id": st.text(max_size=4),
                        "text": TAGGED,
                        "gold": GOLDS,
                        "predicted": GOLDS,
                        "verdict": st.sampled_from(["right", "wrong", "confident_wrong"]),
                    }
                ),
                max_size=9,
            ),
        }
    ),
    "lesson_plan": st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["write", "paraphrase", *MODES]),
            "weakness": st.fixed_dictionaries({"advice": TAGGED}),
            "labels": TYPES,
            "quotas": st.lists(
                st.fixed_dictionaries({"label": st.sampled_from(list(entity_toy.TYPES)), "hard": COUNTS}), max_size=3
            ),
            "examples": st.lists(TAGGED_EXAMPLES, max_size=4),
            "avoid": st.lists(TAGGED, max_size=2),
        }
    ),
    "draft_batch": st.fixed_dictionaries(
        {"labels": TYPES, "drafts": st.lists(st.fixed_dictionaries({"id": st.text(), "text": TAGGED}), max_size=5)}
    ),
}


@pytest.mark.parametrize("kind", TAGGED_MESSAGES)
@settings(deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(), noise=st.floats(0, 1))
def test_every_message_with_entities_gets_a_well_formed_reply(
    kind: str, data: st.DataObject, seed: int, noise: float
) -> None:
    message: dict[str, Any] = data.draw(TAGGED_MESSAGES[kind])
    chosen = RehearsalSettings(noise=noise)
    reply = answer(kind, message, ENTITY_CORPUS, chosen, seed)
    assert reply == answer(kind, json.loads(json.dumps(message)), ENTITY_CORPUS, chosen, seed)
    for weakness in reply.get("weaknesses", []):
        assert set(weakness["labels"]) <= set(message["labels"])
    answered = [(draft["text"], draft["intended"]) for draft in reply.get("drafts", [])]
    seeds = {fold_text(text) for text in entity_toy.SEEDS}
    assert seeds.isdisjoint(fold_text(text) for text, _ in answered)
    for draft, verdict in zip(message.get("drafts", []), reply.get("verdicts", []), strict=True):
        answered.append((draft["text"], verdict["entities"]))
    for text, listed in answered:
        spans = align(text, [Entity(**entity) for entity in listed])
        assert span_fault(text, spans, split_words(text)) is None
        assert {span.label for span in spans} <= set(message["labels"])


@pytest.mark.parametrize("kind", ["analysis", "", "FEEDBACK_PACKET"])
def test_an_unknown_kind_is_refused_with_the_known_ones(kind: str) -> None:
    with pytest.raises(RequestError, match="known are feedback_packet, lesson_plan, draft_batch"):
        answer(kind, {}, CORPUS, RehearsalSettings(), 1)


@settings(deadline=None, derandomize=True)
@given(texts=st.lists(st.text(max_size=30), max_size=8))
def test_every_sample_of_real_lines_gets_a_profile_of_shares(texts: list[str]) -> None:
    reply = ProfileReply.model_validate(answer("domain_sample", {"texts": texts}, CORPUS, RehearsalSettings(), 0))
    for axis in reply.axes:
        assert abs(sum(item.share for item in axis.values) - 1) < 0.05


def test_every_kind_of_message_is_tried_here() -> None:
    assert {*MESSAGES, "domain_sample"} == {*TAGGED_MESSAGES, "domain_sample"} == set(KINDS)
