"""Texts that are meant to be nearly their source: no near duplicates, but no repeats and no leaks either."""

from pathlib import Path
from typing import Any

import pytest

from evokd.messages.spans import split_words, surfaces
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent, read_rows, write_rows


class Imitator:
    """A teacher whose drafts are made from the seeds; answers in the place of the rehearsal teacher's app."""

    def __init__(self, drafts: list[dict[str, Any]]) -> None:
        self._drafts = drafts

    def __call__(self, kind: str, message: dict[str, Any], *_: Any) -> dict[str, Any]:
        if kind == "lesson_plan":
            return {"drafts": [{**draft, "difficulty": "easy"} for draft in self._drafts]}
        known = {draft["text"]: draft["intended"] for draft in self._drafts}
        return {
            "verdicts": [
                {"id": draft["id"], "entities": known[draft["text"]], "confidence": 0.9} for draft in message["drafts"]
            ]
        }


def vary(row: dict[str, Any], mode: str, ending: str) -> tuple[str, list[dict[str, Any]]]:
    """Lengthen one word of a row: the end of its first entity, or for misspellings its last word outside entities."""
    text, spans = row["text"], to_spans(row["entities"])
    if mode == "misspell":
        outside = [end for _, end in split_words(text) if not any(s.start < end <= s.end for s in spans)]
        at = [end for end in outside if text[end - 1].isalpha()][-1]
    else:
        at = spans[0].end
    moved = [
        span._replace(
            start=span.start + len(ending) * (span.start >= at), end=span.end + len(ending) * (span.end >= at)
        )
        for span in spans
    ]
    return text[:at] + ending + text[at:], to_gold(moved)


VARIATIONS = {
    "swap_entities": [None, "duplicate", "leak"],
    "misspell": [None, "duplicate", "leak"],
    "write": ["near_duplicate", "near_duplicate", "leak"],
}


@pytest.mark.parametrize(("mode", "reasons"), VARIATIONS.items(), ids=VARIATIONS)
def test_variations_may_be_near_their_source_but_neither_repeats_nor_leaks(
    mode: str,
    reasons: list[str | None],
    reports: Path,
    word_taggers: list[WordStudent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two = read_rows(reports / "seeds.jsonl")
    varied = [vary(one, mode, "wick"), vary(one, mode, "wick"), vary(two, mode, "stone")]
    guarded = [*read_rows(reports / "validation.jsonl"), dict(zip(("text", "entities"), varied[2], strict=True))]
    write_rows(reports / "validation.jsonl", guarded)
    drafts = [
        {"text": text, "intended": [entity.model_dump() for entity in surfaces(text, to_spans(gold))]}
        for text, gold in varied
    ]
    monkeypatch.setattr("evokd.simulator.app.roles.answer", Imitator(drafts))
    options = [f"curriculum.modes=[{mode}]", "curriculum.weaknesses=0", "curriculum.quotas.drafts=6"]
    folder = run_quick(reports, "--cycles", "1", *(part for option in options for part in ("--set", option)))
    ledger = Ledger(folder.ledger)
    assert [sample.reason for sample in ledger.samples()] == reasons
    ledger.close()
