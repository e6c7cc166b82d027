import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from evokd.api.record import Run
from evokd.cli.views import cycle_page, lineage_pages, run_page
from evokd.cli.views.progress import notice
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import Analysis, InputError
from evokd.tracing.events import EventLog
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import GATE, REVIEW, TRAINING, RecordKind, answers_of
from evokd.tracing.summary import write_summary
from tests.tracing.rows import (
    SUMMARY,
    case,
    fill,
    lesson,
    packet,
    sample,
    training,
    weakness,
)

Show = Callable[..., None]


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    fill(ledger)
    return ledger


def tell(page: Show, *arguments: Any) -> str:
    """The text of a page, white space and line ends folded into one space each."""
    console = Console(record=True, width=120, file=io.StringIO())
    page(console, *arguments)
    return " ".join(console.export_text(styles=False).split())


def tell_run(ledger: Ledger, summary: dict[str, Any] | None, *events: str) -> str:
    """The text of the page of a run whose folder is the ledger's."""
    folder = RunFolder(ledger.path.parent)
    if summary is not None:
        write_summary(folder.summary, summary)
    log = EventLog(folder.events, "r1")
    for event in events:
        log(event, **BEGUN)
    log.close()
    return tell(run_page.show_run, Run(folder), ledger)


BEGUN = {"domain": "toy", "preset": "evokd", "teacher": "big", "student": "embedded", "seed": 3, "reason": "no answer"}

CYCLE = [
    "cycle 1",
    "The student failed 2 of the 3 cases shown, 1 of them confidently.",
    "4 x cat taken for dog",
    "v1 \u201ccase v1\u201d is cat, not dog (0.75 sure)",
    "v2 \u201ccase v2\u201d",
    "cycle 0 was odd",
    "The Analyst named 1 weakness.",
    "c001-w1 cats for dogs improving, effect +0.125",
    "pattern: says meow late",
    "advice: write quiet cats",
    "wrote and the Labeler labelled 2 lessons.",
    "c001-l01 cats: 2 drafts, 1 labelled, 1 accepted",
    "asked for: 3 cat (1 hard), 1 [dog]",
    "c001-l01-d01 hard \u201ctext of c001-l01-d01\u201d dog, as the student said",
    "fault: 1 draft(s): empty text",
    "c001-l02 breadth (plain): 0 drafts, 0 labelled, 0 accepted",
    "asked for: 3 cat (1 hard), 1 [dog]; the first: a few words; plain",
    "Refused: 1 duplicate, 1 rolled_back; 1 labels were disputed.",
    "duplicate c001-l01-d02 hard",
    "The student was trained (head) for 20 steps on 3 samples in 1.2 s, loss 0.500.",
    "Gate: 0.400 -> 0.600, promoted.",
    "agent calls tokens seconds USD faults",
    "analyst 1 110 1.5 0.0100 0 (0%)",
    "together 3 330 4.5 0.0300 0 (0%)",
]
BRIEF_CYCLE = [
    "cycle 1",
    "The student failed 2 of the 3 cases shown, 1 of them confidently.",
    "Most frequent confusions: 4 x cat taken for dog",
    "cycle 0 was odd",
    "The Analyst named 1 weakness.",
    "c001-w1 cats for dogs improving, effect +0.125: says meow late",
    "c001-l01 cats: 2 drafts, 1 labelled, 1 accepted",
    "fault: 1 draft(s): empty text",
    "c001-l02 breadth (plain): 0 drafts, 0 labelled, 0 accepted",
    "Refused: 1 duplicate, 1 rolled_back; 1 labels were disputed.",
    "The student was trained (head) for 20 steps on 3 samples in 1.2 s, loss 0.500.",
    "Used by the agents: analyst 1 call, 110 tokens in 2 s;",
]


def test_a_cycle_is_told_in_order(filled: Ledger) -> None:
    told = tell(cycle_page.show_cycle, filled, 1)
    places = [told.find(line) for line in CYCLE]
    assert [line for line, place in zip(CYCLE, places, strict=True) if place < 0] == []
    assert places == sorted(places)
    assert "v3" not in told


def test_a_cycle_says_whether_the_analyst_was_asked(ledger: Ledger) -> None:
    ledger.put_message(2, "c002", "student", "analyst", packet(case("v1")))
    ledger.put_cycle_record(2, REVIEW, {"samples": []})
    assert "The Analyst has not answered." in tell(cycle_page.show_cycle, ledger, 2)
    ledger.put_lessons(2, [lesson("c002-l01", cycle=2, weakness=None, topic="breadth")])
    told = tell(cycle_page.show_cycle, ledger, 2)
    assert "The Analyst was not asked: no lesson of this cycle was to rest on a weakness." in told
    assert "labelled 1 lesson." in told
    ledger.put_message(2, "c002", "analyst", "generator", Analysis(cycle=2, weaknesses=[]))
    assert "The Analyst named 0 weaknesses." in tell(cycle_page.show_cycle, ledger, 2)


def test_the_start_on_the_seeds_has_no_agents(filled: Ledger) -> None:
    told = tell(cycle_page.show_cycle, filled, 0)
    assert "cycle 0 (seeds alone)" in told
    assert "Gate: 0.400, promoted." in told
    assert "Analyst" not in told


def test_a_run_that_ended_is_told_from_its_gain_to_what_it_used(filled: Ledger) -> None:
    filled.add_time(1, "train", 2.0)
    filled.add_time(1, "label", 9.0)
    told = tell_run(filled, SUMMARY, "run_started")
    lines = [
        "done (cycles)",
        "validation macro_f1 0.400 -> 0.600 (+0.200)",
        "stopped by cycles: 1 sample, 3 calls, about 1,300 tokens read and 30 written (0.0300 USD), 4 s",
        "score at the gate, cycle by cycle: 0.400 \u2581\u2588 0.600",
        "teacher big, student embedded; domain toy, preset evokd, seed 3",
        "cycle 0 (seeds alone)",
        *BRIEF_CYCLE,
        "Time of the nodes: train 4 s, label 9 s (slowest).",
        "who used what",
        "together 3 330",
        "label 9.0 #################### <- slowest",
    ]
    places = [told.find(line) for line in lines[:-2]] + [told.rfind(line) for line in lines[-2:]]
    assert [line for line, place in zip(lines, places, strict=True) if place < 0] == []
    assert places == sorted(places)
    assert "test macro_f1" not in told
    assert notice("rehearsal") not in told
    assert "resume" not in told


def test_a_rehearsal_says_so_and_an_unknown_price_is_not_zero(filled: Ledger) -> None:
    totals = {**SUMMARY["totals"], "cost_usd": None, "tokens_estimated": False}
    told = tell_run(filled, {**SUMMARY, "rehearsal": True, "totals": totals})
    assert notice("rehearsal") in told
    assert "3 calls, 1,300 tokens read and 30 written (price unknown)" in told


STATES = {
    "parked": (("run_started", "parked"), "parked: it waits at a checkpoint (no answer)"),
    "interrupted": (("run_started", "interrupted"), "interrupted: it was stopped and waits at a checkpoint"),
    "killed": (("run_started", "node_started"), "killed: its process ended without a word"),
}


@pytest.mark.parametrize(("events", "state"), STATES.values(), ids=STATES.keys())
def test_a_run_that_has_not_ended_says_its_state_and_how_to_go_on(
    filled: Ledger, events: tuple[str, ...], state: str
) -> None:
    filled.put_lessons(2, [lesson("c002-l01", cycle=2)])
    told = tell_run(filled, None, *events)
    assert "so far: 1 sample, 3 calls, 300 tokens read and 30 written (0.0300 USD)" in told
    assert state in told
    assert f"go on with: evokd resume {filled.path.parent}" in told.replace(" /", "/").replace("resume/", "resume /")
    assert "cycle 2" in told
    assert "stopped by" not in told


def test_a_long_run_is_told_by_its_list_of_cycles_and_its_last_cycle(ledger: Ledger) -> None:
    for cycle in range(31):
        ledger.put_cycle_record(cycle, GATE, {"before": 0.5, "after": 0.25 + cycle / 100, "promoted": cycle != 7})
    ledger.put_cycle_record(8, GATE, {"before": 0.5, "after": None, "promoted": False})
    told = tell_run(ledger, SUMMARY, "run_started")
    assert "cycle score gate accepted tokens seconds slowest node 0 0.250 promoted - 0 0 -" in told
    assert "7 0.320 rolled back - 0 0 -" in told
    assert "8 - nothing trained - 0 0 -" in told
    assert "cycle 8 nothing trained" in tell(cycle_page.show_cycle, ledger, 8)
    assert "cycle 30 0.500 -> 0.550 promoted" in told
    assert "cycle 29" not in told
    assert re.search(r"with texts and calls: evokd show \S+ --cycle N \(0 to 30\)", told)


def test_a_run_at_work_is_running_and_is_not_resumed(filled: Ledger) -> None:
    with RunFolder(filled.path.parent).lock():
        told = tell_run(filled, None, "run_started", "parked", "run_resumed")
    assert "running: a process is working on it; this is how far it got" in told
    assert "resume " not in told


def test_an_empty_ledger_is_told(ledger: Ledger) -> None:
    assert "cycle 0" in tell_run(ledger, None)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(filled: Ledger, width: int) -> None:
    filled.add_time(1, "label", 9.0)
    filled.put_weaknesses([weakness(pattern="wide \u6f22\u5b57 " * 200, advice="x" * 3_000)])
    run = Run(RunFolder(filled.path.parent))
    write_summary(run.folder.summary, SUMMARY)
    pages: list[tuple[Show, tuple[Any, ...]]] = [
        (run_page.show_run, (run, filled)),
        (lineage_pages.show_weakness, (filled, "c001-w1")),
        (lineage_pages.show_sample, (filled, "c001-l01-d01")),
        (lineage_pages.show_case, (filled, 1, "v2")),
    ]
    for page, arguments in pages:
        console = Console(record=True, width=width, file=io.StringIO())
        page(console, *arguments)
        lines = console.export_text(styles=False).splitlines()
        assert [line for line in lines if cell_len(line.rstrip()) > width] == []


def test_an_error_tells_what_it_bought_and_whether_that_helped(filled: Ledger) -> None:
    mastery = {"probe": None, "first": 0.25, "now": 0.5, "counts": [[1, 1, 4]]}
    filled.put_weaknesses([weakness(mastery=mastery)])
    filled.put_message(2, "c002", "student", "analyst", packet(case("v9", "right", text="case v2")))
    told = tell(lineage_pages.show_case, filled, 1, "v2")
    lines = [
        "case v2 of cycle 1",
        "confident wrong",
        "is cat, not dog (0.75 sure); a written text",
        "Since then the student answered: after cycle 1 dog (right).",
        "Cited by the weakness",
        "c001-w1 cats for dogs improving",
        "Texts made for it: 1 accepted, 1 rejected. the student got better at it",
        "(right on 25% of such texts at first, 50% now, n ",
        "accepted c001-l01-d01 hard",
    ]
    places = [told.find(line) for line in lines]
    assert [line for line, place in zip(lines, places, strict=True) if place < 0] == []
    assert places == sorted(places)
    told = tell(lineage_pages.show_case, filled, 1, "v3")
    assert "No weakness cites it, so no text was written for it." in told
    assert "the record has no answer" in told


def test_answers_to_validation_data_are_those_that_were_stored(filled: Ledger) -> None:
    rows = [{"id": "v1", "text": "case v1", "gold": "cat"}, {"id": "v2", "text": "case v2", "gold": "cat"}]
    filled.put_cycle_record(0, RecordKind[Any]("rows:validation", dict[str, Any]), {"rows": rows})
    for version, said in (("c000", "dog"), ("c001", "dog"), ("c002", "cat")):
        answers = [("cat", 0.9), (said, 0.8)]
        filled.put_cycle_record(0, answers_of("validation", version), {"answers": answers})
    told = tell(lineage_pages.show_case, filled, 1, "v2")
    assert "Since then the student answered: after cycle 1 dog (wrong), after cycle 2 cat (right)." in told


def test_a_sample_leads_back_to_the_errors_of_its_weakness(filled: Ledger) -> None:
    told = tell(lineage_pages.show_sample, filled, "c001-l01-d01")
    assert "Made for the weakness c001-w1 of cycle 1: cats for dogs: the student got better at it." in told
    assert "v2 \u201ccase v2\u201d is cat, not dog" in told
    told = tell(lineage_pages.show_sample, filled, "c001-l02-d01")
    assert "No weakness behind it: written for its labels." in told


GATES = {
    "rolled_back": ({"before": 0.5, "after": 0.4, "promoted": False}, "Gate: 0.500 -> 0.400, rolled back."),
    "no_data": ({"before": None, "after": None, "promoted": True}, "Gate: no gate data."),
    "nothing_new": ({"before": 0.5, "after": None, "promoted": False}, "Gate: nothing new to train on."),
}


@pytest.mark.parametrize(("gate", "line"), GATES.values(), ids=GATES.keys())
def test_what_the_gate_did(ledger: Ledger, gate: dict[str, Any], line: str) -> None:
    ledger.put_cycle_record(1, TRAINING, training(3))
    ledger.put_cycle_record(1, GATE, gate)
    assert line in tell(cycle_page.show_cycle, ledger, 1)


def test_many_cases_of_a_weakness_are_cut_and_the_rest_is_named(ledger: Ledger) -> None:
    names = [f"v{number}" for number in range(1, 7)]
    ledger.put_message(1, "c001", "student", "analyst", packet(*map(case, names)))
    ledger.put_weaknesses([weakness(evidence=[*names, "gone"])])
    ledger.put_cycle_record(1, GATE, GATES["rolled_back"][0])
    assert "v3 \u201ccase v3\u201d is cat, not dog (0.75 sure) and v4, v5, v6 " in tell(
        cycle_page.show_cycle, ledger, 1
    )


def test_a_weakness_is_told_with_its_evidence_and_its_samples(filled: Ledger) -> None:
    told = tell(lineage_pages.show_weakness, filled, "c001-w1")
    assert "effect +0.125" in told
    assert "evidence: v1 \u201ccase v1\u201d" in told
    assert "v2" in told
    assert "v3" not in told
    assert "accepted c001-l01-d01 hard" in told
    assert "rejected (duplicate) c001-l01-d02 hard" in told
    assert "c001-l02-d01" not in told
    mastery = {"probe": None, "first": 0.25, "now": 0.5, "counts": []}
    filled.put_weaknesses([weakness(mastery=mastery, tested={"verdict": "refined", "inside": 0.75, "outside": 0.2})])
    told = tell(lineage_pages.show_weakness, filled, "c001-w1")
    assert "improving, mastery 0.50, effect +0.125" in told
    assert "tested: refined; 75% of the evidence and 20% of right cases lie on its side" in told
    filled.put_weaknesses([weakness(effect=None, state="open")])
    assert "open, effect unknown" in tell(lineage_pages.show_weakness, filled, "c001-w1")


def test_a_sample_is_told_with_its_lineage(filled: Ledger) -> None:
    told = tell(lineage_pages.show_sample, filled, "c001-l01-d01")
    for line in (
        "weakness c001-w1",
        "text text of c001-l01-d01",
        "intended cat",
        'candidates ["dog", "cat"]',
        "label dog",
        "disputed true",
        'exam {"answer": "dog", "confidence": 0.9}',
        "c001-l01-generator-1: big at http://here/v1, 100 tokens read, 10 written, prompts abc",
        "c001-l01-labeler-1: judge at http://here/v1",
    ):
        assert line in told


UNKNOWN: dict[str, tuple[Show, Any, str]] = {
    "cycle": (cycle_page.show_cycle, 2, "--cycle 2: the run has cycles 0 to 1"),
    "cycle_below": (cycle_page.show_cycle, -1, "--cycle -1: the run has cycles 0 to 1"),
    "weakness": (lineage_pages.show_weakness, "w9", "--weakness 'w9': not in this run; there are c001-w1"),
    "weakness_nearly": (
        lineage_pages.show_weakness,
        "c001-w2",
        "--weakness 'c001-w2': not in this run (did you mean 'c001-w1'?); there are c001-w1",
    ),
    "sample": (
        lineage_pages.show_sample,
        "d9",
        "--sample 'd9': not in this run; there are c001-l01-d01 to c001-l02-d01",
    ),
}


@pytest.mark.parametrize(("page", "name", "message"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_there_is_an_error_that_lists_what_is(filled: Ledger, page: Show, name: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        tell(page, filled, name)
    assert str(caught.value) == message


@pytest.mark.parametrize("page", [lineage_pages.show_weakness, lineage_pages.show_sample])
def test_a_run_that_has_none_yet_says_none(ledger: Ledger, page: Show) -> None:
    with pytest.raises(InputError, match="not in this run; there are none"):
        tell(page, ledger, "x")


HOSTILE = "[bold]x[/] [/nope] :bug: \x1b[31mred\r\x07 [link=http://x]y\\"
SHOWN = "[bold]x[/] [/nope] :bug: \ufffd[31mred \ufffd [link=http://x]y\\"


def test_texts_of_users_and_models_are_shown_letter_for_letter(ledger: Ledger) -> None:
    fill(ledger)
    shown = packet(case("v1", text=HOSTILE), case("v2", text="v2"), notices=(HOSTILE,))
    ledger.put_message(1, "c001", "student", "analyst", shown)
    ledger.put_weaknesses([weakness(name=HOSTILE, pattern=HOSTILE, advice=HOSTILE)])
    ledger.put_lessons(1, [lesson(topic=HOSTILE)])
    ledger.put_drafts("c001-l01", [sample(text=HOSTILE, intended=HOSTILE, weakness="c001-w1", draft_call="c001-m")])
    ledger.close_lesson("c001-l01", 1, 0, [HOSTILE])
    call = ledger.calls()[0].model_copy(update={"id": "c001-m", "model": HOSTILE, "endpoint": HOSTILE})
    ledger.record_call(call)
    hostile = {**SUMMARY, "teacher": HOSTILE, "student": HOSTILE, "run_id": "r1", "domain": HOSTILE}
    pages: list[tuple[int, Show, Any]] = [
        (10, cycle_page.show_cycle, 1),
        (6, lineage_pages.show_weakness, "c001-w1"),
        (6, lineage_pages.show_sample, "c001-l01-d01"),
    ]
    for count, page, name in pages:
        assert tell(page, ledger, name).count(SHOWN) == count, page
    assert tell_run(ledger, hostile).count(SHOWN) == 8


def test_a_text_brings_no_colour_of_its_own_and_ends_none_of_ours(ledger: Ledger) -> None:
    fill(ledger)
    ledger.put_message(1, "c001", "student", "analyst", packet(case("v1", text="[red]a[/] b[/]\\")))
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True, color_system="standard")
    cycle_page.show_cycle(console, ledger, 1)
    styled = console.export_text(styles=True)
    assert "\x1b[2mv1\x1b[0m \u201c[red]a[/] b[/]\\\u201d is \x1b[36mcat\x1b[0m, not \x1b[36mdog\x1b[0m" in styled


def test_a_text_of_a_megabyte_is_cut_and_its_length_is_told(filled: Ledger) -> None:
    filled.put_drafts("c001-l01", [sample(text="[red]" + "x" * 1_000_000, weakness="c001-w1")])
    told = tell(lineage_pages.show_sample, filled, "c001-l01-d01")
    assert len(told) < 10_000
    assert "(1,000,005 characters; --json has all of them)" in told
    assert len(tell(lineage_pages.show_weakness, filled, "c001-w1")) < 2_000
    assert len(tell(cycle_page.show_cycle, filled, 1)) < 4_000
