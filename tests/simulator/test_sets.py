"""The rehearsal teacher on a corpus of texts with any number of labels."""

import json
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.simulator.corpus import Corpus, load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.roles import answer
from tests.multilabel_rows import LABELS, ROWS

CORPUS = Corpus.of_examples(ROWS, never=[ROWS[0][0]], has_sets=True)
GOLD = dict(ROWS)


def _plan(*quotas: tuple[str, list[str], int]) -> dict[str, Any]:
    wanted = [{"label": name, "labels": labels, "hard": 1, "easy": count - 1} for name, labels, count in quotas]
    return {"id": "l1", "mode": "write", "labels": LABELS, "quotas": wanted}


def test_texts_have_the_labels_that_are_asked_for_together() -> None:
    plan = _plan(("heating;water", ["heating", "water"], 3), ("kitchen", ["kitchen"], 4), ("(none)", [], 2))
    drafts = answer("lesson_plan", plan, CORPUS, RehearsalSettings(slips=0.0), 1)["drafts"]
    assert [draft["intended"] for draft in drafts] == [["heating", "water"]] * 3 + [["kitchen"]] * 4 + [[]] * 2
    assert all(GOLD[draft["text"]] == draft["intended"] for draft in drafts)
    assert len({draft["text"] for draft in drafts}) == len(drafts)
    assert ROWS[0][0] not in {draft["text"] for draft in drafts}


def test_the_labeler_gives_all_labels_and_errs_by_one() -> None:
    batch = {"labels": LABELS, "drafts": [{"id": f"t{at}", "text": text} for at, (text, _) in enumerate(ROWS)]}
    right = answer("draft_batch", batch, CORPUS, RehearsalSettings(noise=0.0), 1)["verdicts"]
    assert [verdict["labels"] for verdict in right] == [labels for _, labels in ROWS]
    wrong = answer("draft_batch", batch, CORPUS, RehearsalSettings(noise=1.0), 1)["verdicts"]
    assert all(len({*verdict["labels"]} ^ {*GOLD[text]}) == 1 for verdict, (text, _) in zip(wrong, ROWS, strict=True))


def test_the_analyst_names_labels_that_are_missed_and_given_too_much() -> None:
    cases = [
        {"id": "e1", "text": ROWS[0][0], "gold": ["heating"], "predicted": [], "verdict": "wrong", "confidence": 0.6},
        {"id": "e2", "text": ROWS[1][0], "gold": ["heating"], "predicted": [], "verdict": "wrong", "confidence": 0.7},
        {
            "id": "e3",
            "text": ROWS[34][0],
            "gold": [],
            "predicted": ["water"],
            "verdict": "confident_wrong",
            "confidence": 1,
        },
        {
            "id": "e4",
            "text": ROWS[7][0],
            "gold": ["water"],
            "predicted": ["water"],
            "verdict": "right",
            "confidence": 0.9,
        },
    ]
    found = answer("feedback_packet", {"labels": LABELS, "cases": cases}, CORPUS, RehearsalSettings(), 1)["weaknesses"]
    assert [weakness["name"] for weakness in found] == ["heating missed", "water given too much"]
    assert found[0]["evidence"] == ["e2", "e1"]
    assert found[0]["labels"] == ["heating"]


def test_a_corpus_file_is_of_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    rows = [{"text": "a b", "labels": ["x", "y"]}, {"text": "c d", "labels": []}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert load_corpus(path).has_sets
    path.write_text(json.dumps(rows[0]) + "\n" + json.dumps({"text": "c", "label": "x"}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"corpus\.jsonl:2: a row with a label among rows with a list of labels"):
        load_corpus(path)
