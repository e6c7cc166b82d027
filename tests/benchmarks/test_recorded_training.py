"""Mixes of recorded texts: which texts a seed draws, what their labels count, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.recorded_training import draw, read_mix
from evokd.messages import InputError
from evokd.simulator.recording import Recording, read_recording

WRITTEN: list[dict[str, Any]] = [
    *({"text": f"plain text {number}", "label": "joy", "how": "plain"} for number in range(6)),
    {"text": "Ann met Bob", "entities": [{"text": "Bob", "label": "person"}], "how": "hard"},
    {"text": "nobody here", "entities": [{"text": "Carl", "label": "person"}], "how": "hard"},
]
LABELLED: list[dict[str, Any]] = [
    {"text": "a real line", "labels": ["anger", "joy"], "confidence": 0.75},
    {"text": "Dora spoke", "entities": [{"text": "Dora", "label": "person"}], "confidence": 0.75},
    {"text": "it rained", "entities": [], "confidence": 0.5},
]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    for name, rows in (("written.jsonl", WRITTEN), ("labelled.jsonl", LABELLED)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_recording(tmp_path)


def test_a_mix_names_kinds_and_counts() -> None:
    assert read_mix("plain=120,real=80") == {"plain": 120, "real": 80}
    with pytest.raises(ValueError, match="not enough values"):
        read_mix("plain")


def test_a_seed_draws_the_same_texts_and_another_seed_others(recording: Recording) -> None:
    draws = [[item.text for item in draw(recording, {"plain": 3}, True, seed)] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 3


@pytest.mark.parametrize(("is_weighed", "weight"), [(True, 0.25), (False, 1.0)])
def test_confidence_weighs_labels_of_whole_texts_but_no_lists_of_entities(
    recording: Recording, is_weighed: bool, weight: float
) -> None:
    samples = {item.text: item for item in draw(recording, {"real": 3}, is_weighed, 1)}
    assert (samples["a real line"].gold, samples["a real line"].weight) == ("anger", weight)
    assert samples["Dora spoke"].gold == [{"start": 0, "end": 4, "label": "person"}]
    assert samples["Dora spoke"].weight == samples["it rained"].weight == 1.0


def test_dense_texts_hold_an_entity(recording: Recording) -> None:
    assert [item.text for item in draw(recording, {"dense": 1}, True, 1)] == ["Dora spoke"]


def test_a_text_without_its_entity_is_left_out_and_a_shortage_is_refused(recording: Recording) -> None:
    assert [item.text for item in draw(recording, {"hard": 1}, True, 1)] == ["Ann met Bob"]
    with pytest.raises(InputError, match="1 texts of kind hard; the mix asks for 2"):
        draw(recording, {"hard": 2}, True, 1)
