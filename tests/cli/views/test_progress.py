import io
from typing import Any

import pytest
from rich.console import Console

from evokd.cli.views.progress import Progress, notice

STARTED = {
    "event": "run_started",
    "folder": "runs/r1",
    "domain": "toy",
    "task": "classification",
    "preset": "evokd",
    "teacher": "big[/]",
    "rehearsal": False,
    "student": "embedded",
    "metric": "macro_f1",
    "cycles": 4,
    "budget_samples": 40,
    "seed": 3,
    "data": {"labels": 2, "seeds": 2, "validation": 5, "test": 0},
}
CALL = {
    "event": "call",
    "id": "c001-analyst-1",
    "cycle": 1,
    "role": "analyst",
    "status": "ok",
    "input_tokens": 1000,
    "output_tokens": 500,
    "seconds": 1.0,
    "faults": [],
}
CURATED = {"event": "curated", "cycle": 1, "drafts": 12, "accepted": 9, "rejected": {"leak": 1, "duplicate": 2}}
TRAINED = {
    "event": "trained",
    "cycle": 1,
    "samples": 9,
    "steps": 40,
    "seconds": 2.6,
    "loss": 0.1,
    "before": 0.5,
    "after": 0.625,
    "promoted": True,
    "metric": "macro_f1",
}
DECIDED = {"event": "decided", "cycle": 1, "accepted": 9, "score": 0.625, "next": "analyze", "reason": "go on"}


def follow(*events: dict[str, Any]) -> list[str]:
    """The lines that a run leaves where there is no terminal."""
    console = Console(file=io.StringIO(), width=60)
    with Progress(console) as progress:
        for event in events:
            progress(event)
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in output
    return output.splitlines()


def test_the_start_is_told_in_whole_lines() -> None:
    assert follow(STARTED) == [
        "toy (classification, 2 labels): 2 seeds, 5 validation, 0 test; preset evokd, teacher big[/], student embedded,"
        " seed 3",
        "run folder runs/r1",
    ]


def test_what_was_read_otherwise_than_it_is_written_is_told() -> None:
    notes = ["seeds.jsonl: tags are IOB1; read as BIO", "te[/]st\x1b[2J: other"]
    assert follow({**STARTED, "notes": notes})[1:] == [
        "note: seeds.jsonl: tags are IOB1; read as BIO",
        "note: te[/]st\ufffd[2J: other",
        "run folder runs/r1",
    ]


def test_a_rehearsal_says_so() -> None:
    assert follow({**STARTED, "rehearsal": True})[1] == notice("rehearsal")


def test_a_resumed_run_says_so() -> None:
    assert follow({**STARTED, "event": "run_resumed"})[-1].startswith("resumed from the last checkpoint")


CYCLES = {
    "promoted": ({}, "cycle 1: 9 accepted, 3 refused (1 leak, 2 duplicate); 40 steps in 3 s; macro_f1 0.500 -> 0.625"),
    "rolled_back": (
        {"after": 0.25, "promoted": False},
        "cycle 1: 9 accepted, 3 refused (1 leak, 2 duplicate); 40 steps in 3 s; macro_f1 0.500 -> 0.250 rolled back",
    ),
    "first_score": (
        {"before": None},
        "cycle 1: 9 accepted, 3 refused (1 leak, 2 duplicate); 40 steps in 3 s; macro_f1 0.625",
    ),
    "no_gate_data": (
        {"before": None, "after": None},
        "cycle 1: 9 accepted, 3 refused (1 leak, 2 duplicate); 40 steps in 3 s; no gate data yet",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CYCLES.values(), ids=CYCLES.keys())
def test_a_cycle_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert follow(CURATED, {**TRAINED, **changes}, DECIDED) == [line]


def test_the_start_on_the_seeds_is_one_line() -> None:
    assert follow({**TRAINED, "cycle": 0, "before": None}, {**DECIDED, "cycle": 0}) == [
        "cycle 0: trained on the seeds alone, macro_f1 0.625 (3 s)"
    ]


def test_a_cycle_that_brought_nothing_is_told_as_well() -> None:
    barren = {**CURATED, "cycle": 2, "accepted": 0, "rejected": {"duplicate": 12}}
    assert follow(CURATED, TRAINED, DECIDED, barren, {**DECIDED, "cycle": 2})[1:] == [
        "cycle 2: 0 accepted, 12 refused (12 duplicate); nothing to train on"
    ]


def test_a_training_after_a_resume_tells_no_curation_that_it_has_not_seen() -> None:
    assert follow({**TRAINED, "cycle": 3}) == ["cycle 3: 40 steps in 3 s; macro_f1 0.500 -> 0.625"]


def test_a_request_that_is_written_otherwise_is_a_note_told_once_and_no_error() -> None:
    refused = {**CALL, "status": "error", "faults": ["HTTP 400: no"], "flags": ["adapted", "no_temperature"]}
    beside = {**refused, "flags": ["adapted"]}
    (told,) = follow(CALL, refused, beside, refused)
    assert told.startswith("note: the server takes no temperature: it is left out")


def test_faults_and_errors_of_the_teacher_are_told_cut_and_clean() -> None:
    fault = {**CALL, "status": "fault", "again": True, "faults": ["no [bold] JSON\x1b[2J\n" + "x" * 300, "second"]}
    error = {**CALL, "status": "error", "faults": ["429: slow down [/]"]}
    first, second = follow(CALL, fault, error)
    assert first.startswith("cycle 1: analyst: unusable reply, asked again: no [bold] JSON\ufffd[2J xxx")
    assert first.endswith("x\u2026")
    assert len(first) < 220
    assert second == "cycle 1: analyst: 429: slow down [/]"


def test_a_fault_that_comes_again_and_again_is_told_with_what_mends_it_and_then_counted() -> None:
    def fault(said: str) -> dict[str, Any]:
        return {**CALL, "status": "fault", "again": True, "role": "labeler", "faults": [said]}

    missing = [fault(f"no verdict for d0{number}, d1{number}") for number in range(5)]
    broken = [fault("the reply is not a JSON object")] * 2
    lines = follow(*missing, *broken, CURATED, TRAINED, *missing[:1], {**CURATED, "cycle": 2})
    told = [line.removeprefix("cycle 1: labeler: unusable reply, asked again") for line in lines]
    assert told[0] == ": no verdict for d00, d10"
    assert "the same fault as before; a more capable model makes fewer such mistakes; each is asked for" in told[1]
    assert told[2] == ": the reply is not a JSON object"
    assert "keeps it to a JSON schema" in told[3]
    assert lines[4] == "cycle 1: 3 more replies with faults told before: unusable reply, asked again"
    assert lines[-1] == "cycle 2: 1 more reply with faults told before: unusable reply, asked again"


@pytest.mark.parametrize(
    ("said", "is_form"),
    [
        ("the reply holds no text to read", True),
        ("verdicts.0.confidence: Field required", True),
        ("unknown label 'a JSON object'", False),
        ("unknown label 'x' (one of: card_invalid, field, schema)", False),
        ("an entity of type 'PER' has no text; copy its words from the text", False),
    ],
)
def test_what_mends_a_fault_depends_on_what_is_wrong_not_on_what_it_quotes(said: str, is_form: bool) -> None:
    fault = {**CALL, "status": "fault", "again": False, "faults": [said]}
    told = follow(fault, fault)[1]
    assert ("keeps it to a JSON schema" in told, "a more capable model makes fewer" in told) == (is_form, not is_form)
    assert "teacher.max_reprompts" not in told, "it is not asked again"


@pytest.mark.parametrize(
    ("flags", "mend"),
    [(["cut_off"], "raise teacher.max_tokens"), (["cut_off", "thoughts"], "turn the model's thinking")],
)
def test_a_reply_cut_off_by_a_limit_is_mended_by_the_limit_and_by_no_other_model(flags: list[str], mend: str) -> None:
    said = "the reply was cut off by the token limit after 14 items that can be used"
    fault = {**CALL, "status": "fault", "again": True, "flags": flags, "faults": [said]}
    told = follow(fault, fault)[-1]
    assert mend in told
    assert "more capable" not in told


def test_an_error_that_comes_again_and_again_is_told_once_a_minute_and_counted() -> None:
    seconds = iter(range(0, 900, 20))
    console = Console(file=io.StringIO(), width=200)
    with Progress(console, clock=lambda: next(seconds)) as progress:
        for number in range(8):
            progress({**CALL, "status": "error", "faults": [f"HTTP 429: slow down, {number} calls"]})
        progress({**CALL, "status": "error", "faults": ["HTTP 500: slow down, 8 calls"]})
        progress(CURATED)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines == [
        "cycle 1: analyst: HTTP 429: slow down, 0 calls",
        "cycle 1: analyst: HTTP 429: slow down, 3 calls (3 more failed calls in 60 s)",
        "cycle 1: analyst: HTTP 429: slow down, 6 calls (3 more failed calls in 60 s)",
        "cycle 1: analyst: HTTP 500: slow down, 8 calls",
        "cycle 1: 1 more failed call with errors told before",
    ]


def test_asked_again_is_said_only_when_it_is() -> None:
    fault = {**CALL, "status": "fault", "faults": ["no JSON"]}
    assert follow({**fault, "again": True}) == ["cycle 1: analyst: unusable reply, asked again: no JSON"]
    assert follow({**fault, "again": False}) == ["cycle 1: analyst: unusable reply, not asked again: no JSON"]
    (line,) = follow({**fault, "again": False, "flags": ["optional"]})
    assert line == "cycle 1: analyst: goes on without an answer that the teacher cannot give"


@pytest.mark.parametrize(("calls", "told"), [(1, "1 call that is under way"), (4, "4 calls that are under way")])
def test_what_is_waited_for_at_the_end_is_told(calls: int, told: str) -> None:
    event = {"event": "waiting", "calls": calls, "seconds": 60}
    assert follow(event) == [f"waiting for {told}, at most 60 s; Ctrl-C leaves them"]


def test_a_training_fault_is_told_once_it_is_mended() -> None:
    fault = {"event": "training_fault", "cycle": 1, "fault": "died\x1b[2J [red]; again", "mended": True}
    (line,) = follow(fault, {**fault, "mended": False})
    assert line.startswith("cycle 1: training: died")
    assert line.endswith("[red]; again")


def test_weaknesses_are_told_by_name() -> None:
    event = {"event": "weakness", "cycle": 1, "id": "c001-w1", "name": "[/] cats", "labels": ["cat"]}
    assert follow(event) == ["  weakness c001-w1: [/] cats"]


def test_events_that_it_does_not_know_are_nothing_to_it() -> None:
    assert follow({"event": "unheard_of"}, {"event": "node_started", "cycle": 1, "node": "train"}) == []


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def live_line(*events: dict[str, Any] | float, width: int = 200) -> str:
    """The last live line of a run in a terminal; a number lets so many seconds pass."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    clock = Clock()
    with Progress(console, clock) as progress:
        for event in events:
            if isinstance(event, float):
                clock.now += event
            else:
                progress(event)
        assert progress._status is not None
        line = str(progress._status.status)
        rows = console.render_lines(progress._status.renderable, pad=False)
        assert len(rows) == 1, "it takes one row, however narrow the terminal is"
    assert progress._status is None
    assert "\x1b[?25h" in console.file.getvalue()  # type: ignore[attr-defined]
    return line


NODE = {"event": "node_started", "cycle": 2, "node": "label"}


def test_the_live_line_counts_time_samples_and_tokens() -> None:
    failed = {**CALL, "status": "error", "faults": ["x"]}
    line = live_line(STARTED, CALL, failed, CALL, 20.0, CURATED, TRAINED, {**NODE, "cycle": 3}, 5.0, width=40)
    assert line == "25 s, about 15 s left | cycle 3: label | 9/40 samples, macro_f1 0.625, 3,000 tokens"


def test_the_live_line_follows_a_roll_back_and_a_resume() -> None:
    rolled_back = {**TRAINED, "promoted": False, "after": 0.1}
    after = {**DECIDED, "accepted": 0, "score": 0.5}
    assert "| 0/40 samples, macro_f1 0.500, 0 tokens" in live_line(STARTED, CURATED, rolled_back, after, NODE)
    resumed = {**STARTED, "event": "run_resumed", "budget_samples": None, "cycles": None}
    assert live_line(resumed, {**DECIDED, "accepted": 33}, NODE) == (
        "0 s | cycle 2: label | 33 samples, macro_f1 0.625, 0 tokens"
    )


def test_the_live_line_counts_the_steps_of_a_training() -> None:
    step = {"event": "training_step", "cycle": 2, "step": 40, "steps": 140}
    assert "| cycle 2: train 40/140 steps |" in live_line(STARTED, {**NODE, "node": "train"}, step)
    assert "steps" not in live_line(STARTED, {**NODE, "node": "train"}, step, {**NODE, "node": "gate"})


ESTIMATE = {"cycles": 4, "calls": 9, "input_tokens": 8000, "output_tokens": 2000, "cost_usd": 1.0, "capped_by": None}
REVISED = {"event": "estimate_revised", "cycle": 1, "calls": 4, "seconds": 60}


def test_the_live_line_tells_money_where_prices_are_known_and_corrects_its_estimate() -> None:
    started, paid = {**STARTED, "estimate": ESTIMATE}, {**CALL, "cost_usd": 0.25}
    assert "0.25 of about 1.00 USD" in live_line(started, paid, NODE)
    revised = {**REVISED, "input_tokens": 1000, "output_tokens": 500, "cost_usd": 0.5}
    line = live_line(started, paid, NODE, revised, 10.0)
    assert line.startswith("10 s, about 50 s left | ")
    assert "0.25 of about 0.75 USD" in line
    assert "1,500 of about 3,000 tokens" in live_line(started, CALL, NODE, {**revised, "cost_usd": None})
    assert "left" not in live_line(started, NODE, revised, 70.0), "an estimate that has run out is not shown"


def test_the_live_line_shows_names_as_they_are() -> None:
    assert "[red]f1[/] 0.625" in live_line({**STARTED, "metric": "[red]f1[/]"}, TRAINED, NODE)
