"""Which drafts become samples; texts that are meant to be nearly their source neither repeat it nor leak."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherUseless
from evokd.graph.context import KnownTexts
from evokd.graph.nodes.curate import curate
from evokd.messages.spans import split_words, surfaces
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import CURATION
from tests.graph.conftest import run_quick
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state, without_validation
from tests.graph.toy import LABELS, WordStudent, read_rows, write_rows


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


def drafts_of(*labels: str | None) -> list[Sample]:
    """Drafts written for the first label, with the Labeler's verdicts; None: it gave none."""
    return [
        accepted(
            f"c001-l01-d{number:02d}",
            state="drafted",
            purpose=None,
            label=None,
            intended=LABELS[0],
            text=" ".join("abcdefgh"[number] * length for length in range(3, 9)),
            candidates=None if given is None else [given],
        )
        for number, given in enumerate(labels, start=1)
    ]


async def curate_drafts(toy: ToyContext, *labels: str | None, labelled: int = 1, **state: Any) -> Any:
    toy.add_lesson("c001-l01", drafts_of(*labels))
    toy.context.ledger.close_lesson("c001-l01", len(labels), labelled, [])
    return await curate(make_state(**state), toy.context)


async def test_what_both_agree_on_is_accepted_and_answered_by_the_champion(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    update = await curate_drafts(toy, LABELS[0], LABELS[1], None, barren=1)
    assert update == {"accepted": 1, "barren": 0, "after_curate": "train"}
    first, second, third = toy.context.ledger.samples()
    assert (first.state, first.label, first.purpose) == ("accepted", LABELS[0], "train")
    assert first.exam is not None
    assert set(first.exam) == {"answer", "confidence"}
    assert (second.state, second.disputed, second.exam) == ("rejected", True, None)
    assert (third.state, third.exam) == ("rejected", None)
    record = {"drafts": 3, "accepted": 1, "disputed": 1}
    assert toy.context.ledger.cycle_record(1, CURATION) == record
    assert toy.event("curated")["disputed"] == 1
    assert toy.student.calls == [("c000", 1)]


async def test_no_more_is_accepted_than_the_budget_has_room_for(make_toy: MakeToy) -> None:
    toy = make_toy(budget={"samples": 2})
    toy.teach("c000")
    update = await curate_drafts(toy, *[LABELS[0]] * 4)
    assert update["accepted"] == 2
    reasons = [row.reason for row in toy.context.ledger.samples()]
    assert reasons == [None, None, "over_budget", "over_budget"]


async def test_without_validation_data_some_samples_are_set_aside(make_toy: MakeToy) -> None:
    toy = without_validation(make_toy(gate={"holdout": 0.5, "holdout_from": 0}))
    toy.teach("c000")
    await curate_drafts(toy, *[LABELS[0]] * 4)
    assert [row.purpose for row in toy.context.ledger.samples()] == ["train", "gate", "train", "gate"]


async def test_a_cycle_without_a_sample_counts_as_barren(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    assert (await curate_drafts(toy, LABELS[1], barren=1))["barren"] == 2


async def test_a_teacher_whose_labels_cannot_be_used_ends_the_run(make_toy: MakeToy) -> None:
    toy = make_toy()
    with pytest.raises(TeacherUseless, match="no usable label in any of the 1 lessons of cycle 1"):
        await curate_drafts(toy, None, None, labelled=0)


@pytest.mark.parametrize(
    ("student", "cycle", "after"),
    [
        ({"regime": "continue", "replay": 0.5}, 2, "review"),
        ({"regime": "continue", "replay": 0.5}, 1, "train"),
        ({"regime": "continue", "replay": 0.0}, 2, "train"),
        ({"regime": "base", "replay": 0.5}, 2, "train"),
    ],
)
async def test_older_samples_are_reviewed_where_a_student_continues(
    student: dict[str, Any], cycle: int, after: str, make_toy: MakeToy
) -> None:
    toy = make_toy(student=student)
    toy.teach("c000")
    assert (await curate(make_state(cycle=cycle), toy.context))["after_curate"] == after


async def test_texts_of_earlier_cycles_are_known_but_not_those_that_a_gate_took_back(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    await curate_drafts(toy, *[LABELS[0]] * 2)
    kept, taken_back = toy.context.ledger.samples()
    toy.context.ledger.update_samples([(taken_back.id, {"state": "tombstoned", "reason": "rolled_back"})])
    again = [
        replace(draft, id=f"c002-l01-d{number:02d}", cycle=2, lesson="c002-l01", text=text)
        for number, (draft, text) in enumerate(
            zip(drafts_of(*[LABELS[0]] * 3), (kept.text, taken_back.text, "words of its own"), strict=True), start=1
        )
    ]
    toy.add_lesson("c002-l01", again)
    toy.context.ledger.close_lesson("c002-l01", 3, 3, [])
    await curate(make_state(cycle=2), toy.context)
    expected = ["duplicate", None, None]
    assert [row.reason for row in toy.context.ledger.samples(cycle=2)] == expected
    # a process that was started for this cycle has indexed nothing yet
    await curate(make_state(cycle=2), replace(toy.context, known_texts=KnownTexts()))
    assert [row.reason for row in toy.context.ledger.samples(cycle=2)] == expected
