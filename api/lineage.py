"""From a text back to the errors behind it, and from an error to the texts that it bought and what they did."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evokd.messages import CallRecord, Case, FeedbackPacket, InputError
from evokd.messages.suggest import suggest
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import Answer, WeaknessRow, without_probe

MOST_LISTED = 8
"""Ids that an error lists at most."""


@dataclass(frozen=True)
class LaterAnswer:
    """What a later student answered to a text."""

    cycle: int
    """Cycle whose training made this student; 0: it learned from the seeds alone."""
    answer: Answer
    is_right: bool


@dataclass(frozen=True)
class CaseHistory:
    """A case of a feedback packet, and what became of it."""

    cycle: int
    """Cycle in which the Analyst was shown it."""
    case: Case
    weaknesses: Sequence[WeaknessRow]
    """Those that cite it as evidence."""
    samples: Sequence[Sample]
    """The texts that were written or labelled for these weaknesses, in order."""
    answers: Sequence[LaterAnswer]
    """Of the students since then that were asked about it, as far as the record has them."""

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "cycle": self.cycle,
            "case": self.case.model_dump(mode="json"),
            "weaknesses": [without_probe(row) for row in self.weaknesses],
            "samples": [vars(sample) for sample in self.samples],
            "answers": [vars(answer) for answer in self.answers],
        }


def find_case(ledger: Ledger, cycle: int, name: str) -> CaseHistory:
    """Find a case by the cycle in which the Analyst was shown it, and its id.

    Raises:
        InputError: there is no such case.
    """
    packet = ledger.message(f"c{cycle:03d}", FeedbackPacket)
    cases = {case.id: case for case in packet.cases} if packet else {}
    if name not in cases:
        there = ", ".join(cases) or "no cases"
        raise InputError(
            f"--case {name[:100]!r}: not in cycle {cycle}{suggest(name[:100], list(cases))}; it has {there}"
        )
    weaknesses = [row for row in ledger.weaknesses(cycle) if name in row["evidence"]]
    samples = [sample for row in weaknesses for sample in ledger.samples(weakness=row["id"])]
    return CaseHistory(cycle, cases[name], weaknesses, samples, _list_answers(ledger, cycle, cases[name]))


def find_evidence(ledger: Ledger, weakness: WeaknessRow) -> list[Case]:
    """The cases that a weakness cites, in the order of the feedback packet; those that are in the record."""
    packet = ledger.message(f"c{weakness['cycle']:03d}", FeedbackPacket)
    return [case for case in packet.cases if case.id in weakness["evidence"]] if packet else []


def find_weakness(ledger: Ledger, name: str) -> WeaknessRow:
    """Find a weakness by its id.

    Raises:
        InputError: the run has no such weakness.
    """
    rows = {row["id"]: row for row in ledger.weaknesses()}
    if name not in rows:
        raise InputError(_tell_missing("--weakness", name, list(rows)))
    return rows[name]


def find_sample(ledger: Ledger, name: str) -> Sample:
    """Find a text by its id.

    Raises:
        InputError: the run has no such text.
    """
    sample = ledger.sample(name)
    if sample is None:
        ends = ledger.first_and_last_sample()
        there = f"there are {ends[0]} to {ends[1]}" if ends else "there are none yet"
        near = ledger.query("SELECT id FROM samples WHERE id LIKE ? LIMIT 500", f"{name[:4]}%")
        known = suggest(name[:100], [row["id"] for row in near])
        raise InputError(f"--sample {name[:100]!r}: not in this run{known}; {there}")
    return sample


def find_call(ledger: Ledger, name: str) -> CallRecord:
    """Find a call by its id.

    Raises:
        InputError: the run has no such call.
    """
    call = ledger.call(name)
    if call is None:
        known = [row["id"] for row in ledger.query("SELECT id FROM calls ORDER BY seq LIMIT 2000")]
        raise InputError(_tell_missing("--call", name, known))
    return call


def _tell_missing(option: str, name: str, known: Sequence[str]) -> str:
    there = f"there are {list_ids(known)}" if known else "there are none yet"
    return f"{option} {name[:100]!r}: not in this run{suggest(name[:100], known)}; {there}"


def list_ids(known: Sequence[str]) -> str:
    """Write ids in a row; of many, the first and the last."""
    return ", ".join(known) if len(known) <= MOST_LISTED else f"{known[0]} to {known[-1]}"


def _list_answers(ledger: Ledger, cycle: int, case: Case) -> list[LaterAnswer]:
    """The answers to a case after the cycle before it: of validation data as stored, else of later feedback packets."""
    stored = _read_validation(ledger, cycle, case)
    if stored:
        return stored
    answers = []
    for later in range(cycle + 1, ledger.last_cycle() + 2):
        packet = ledger.message(f"c{later:03d}", FeedbackPacket)
        for found in packet.cases if packet else ():
            if found.text == case.text:
                predicted = json.loads(found.model_dump_json())["predicted"]
                answers.append(LaterAnswer(later - 1, predicted, found.verdict == "right"))
    return answers


def _read_validation(ledger: Ledger, cycle: int, case: Case) -> list[LaterAnswer]:
    """The champions' and challengers' answers to a row of validation data, from the cycle of the case on."""
    parts = {
        row["part"]: json.loads(row["body"])
        for row in ledger.query(
            "SELECT part, body FROM cycles WHERE cycle = 0 AND (part = 'rows:validation' OR part LIKE 'validation:c%')"
        )
    }
    rows = (parts.pop("rows:validation", None) or {}).get("rows") or []
    places = [at for at, row in enumerate(rows) if row["id"] == case.id and row["text"] == case.text]
    if not places:
        return []
    at = places[0]
    answers = []
    for part in sorted(parts):
        number = part.removeprefix("validation:c")
        given = parts[part].get("answers") or []
        if number.isdecimal() and int(number) >= cycle and at < len(given):
            answers.append(LaterAnswer(int(number), given[at][0], given[at][0] == rows[at]["gold"]))
    return answers
