"""The pages of runs on entities."""

from typing import Any

from evokd.cli.views import cycle_page, lineage_pages
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import CURATION
from tests.cli.views.test_pages import tell
from tests.tracing.rows import BOAT, PERSON, REPORT, SPECIES, entity_case, lesson, mistake, packet, sample, weakness


def fill_with_entities(ledger: Ledger, text: str = REPORT, **changes: Any) -> None:
    """Write a cycle on texts with entities, with one sample."""
    errors = [
        mistake("type", ("Robin", "person"), ("Robin", "species")),
        mistake("boundary", ("Grebe 3", "boat"), ("Grebe", "boat")),
        mistake("missed", ("robins", "species"), None),
        mistake("invented", None, ("near", "site")),
    ]
    counts = [{"kind": error["kind"], "label": "boat", "count": 9 - at} for at, error in enumerate(errors)]
    shown = packet(entity_case("v1", "confident_wrong", *errors), entity_case("v2", "right"))
    shown = shown.model_validate({**shown.model_dump(), "confusions": [], "errors": counts})
    ledger.put_message(1, "c001", "student", "analyst", shown)
    ledger.put_weaknesses([weakness(evidence=["v1", "v2"])])
    ledger.put_lessons(1, [lesson()])
    fields = {
        "intended": [PERSON, SPECIES],
        "candidates": [[PERSON, BOAT]],
        "label": [PERSON],
        "masked": [[14, 20], [26, 33]],
        "exam": {"answer": [{**PERSON, "label": "site"}, BOAT], "confidence": 0.75},
        "state": "accepted",
        "purpose": "train",
        "disputed": True,
    }
    ledger.put_drafts("c001-l01", [sample(text=text, weakness="c001-w1", **{**fields, **changes})])
    ledger.put_cycle_record(1, CURATION, {"drafts": 1, "accepted": 1, "disputed": 1})


MARKED = "v1 \u201c[Robin](person) saw two [robins](species) near [Grebe 3](boat).\u201d"
MISTAKES = (
    "type: Robin (person) read as Robin (species); boundary: Grebe 3 (boat) read as Grebe (boat);"
    " missed robins (species); invented near (site) (0.62 sure)"
)
ENTITY_SAMPLE = (
    "c001-l01-d01 hard \u201c[Robin](person) saw two robins near Grebe 3.\u201d (2 disputed, not learned from),"
    " the student said [Robin](site) saw two robins near [Grebe 3](boat)."
)


def test_a_cycle_on_entities_marks_them_and_tells_the_mistakes(ledger: Ledger) -> None:
    fill_with_entities(ledger)
    told = tell(cycle_page.show_cycle, ledger, 1)
    lines = [
        "Most frequent mistakes in all examined texts:",
        "9 x wrong type for boat 8 x wrong ends of boat 7 x missed boat 6 x invented boat",
        f"{MARKED}: {MISTAKES}",
        "near [Grebe 3](boat).\u201d, as the student said (0.62 sure)",
        ENTITY_SAMPLE,
    ]
    places = [told.find(line) for line in lines]
    assert [line for line, place in zip(lines, places, strict=True) if place < 0] == []
    assert places == sorted(places)
    assert "Most frequent confusions" not in told


def test_a_weakness_on_entities_marks_them_and_tells_the_mistakes(ledger: Ledger) -> None:
    fill_with_entities(ledger)
    told = tell(lineage_pages.show_weakness, ledger, "c001-w1")
    assert f"evidence: {MARKED}: {MISTAKES}" in told
    assert f"accepted {ENTITY_SAMPLE}" in told


def test_a_sample_with_entities_marks_them_and_tells_the_mistakes(ledger: Ledger) -> None:
    fill_with_entities(ledger)
    told = tell(lineage_pages.show_sample, ledger, "c001-l01-d01")
    for line in (
        f"text {REPORT}",
        "intended [Robin](person) saw two [robins](species) near Grebe 3.",
        "candidates [Robin](person) saw two robins near [Grebe 3](boat).",
        "label [Robin](person) saw two robins near Grebe 3.",
        "masked robins; Grebe 3",
        "exam [Robin](site) saw two robins near [Grebe 3](boat). (0.75 sure)",
        "mistakes lacks Robin (person); gave Robin (site)",
    ):
        assert line in told
    assert "gave Grebe 3" not in told


def test_a_sample_with_entities_that_was_refused_or_was_answered_right_is_told_as_well(ledger: Ledger) -> None:
    answer = {"answer": [PERSON], "confidence": 1.0}
    fill_with_entities(ledger, masked=[], exam=answer)
    assert "masked nothing" in tell(lineage_pages.show_sample, ledger, "c001-l01-d01")
    assert "mistakes none" in tell(lineage_pages.show_sample, ledger, "c001-l01-d01")
    fill_with_entities(ledger, label=None, exam=None, candidates=None, state="rejected", reason="unlabelled")
    told = tell(lineage_pages.show_sample, ledger, "c001-l01-d01")
    assert "label null" in told
    assert "mistakes" not in told
    assert "unlabelled c001-l01-d01 hard \u201c[Robin](person) saw two [robins](species) near" in tell(
        cycle_page.show_cycle, ledger, 1
    )


def test_texts_with_entities_are_shown_letter_for_letter(ledger: Ledger) -> None:
    text = "[bold]x[/] \\ :bug: \x1b[31mred"
    spans = [{"start": 6, "end": 7, "label": "[/]"}]
    shown = "[bold][x]([/])[/] \\ :bug: \ufffd[31mred"
    fill_with_entities(ledger, text, intended=spans, candidates=[spans], label=spans, masked=[], exam=None)
    assert tell(cycle_page.show_cycle, ledger, 1).count(f"\u201c{shown}\u201d") == 1
    assert tell(lineage_pages.show_weakness, ledger, "c001-w1").count(f"\u201c{shown}\u201d") == 1
    assert tell(lineage_pages.show_sample, ledger, "c001-l01-d01").count(shown) == 3
