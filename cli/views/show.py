"""The pages of `evokd show`: a run cycle by cycle, a weakness, a sample."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evokd.api.record import (
    CURATION,
    GATE,
    KINDS,
    TRAINING,
    Ledger,
    LessonRow,
    PlanRecord,
    QuotaRecord,
    StatementTest,
    WeaknessRow,
)
from evokd.cli.markup import literal, paint
from evokd.cli.views.answers import CUT, MARKED_CUT, list_fields, tell_answer, tell_case, tell_error_count, tell_sample
from evokd.cli.views.progress import notice
from evokd.cli.views.run_sentences import describe_costs, describe_gains, describe_labels
from evokd.messages import Analysis, Case, FeedbackPacket, InputError
from evokd.messages.escape import clean

SHOWN_TEXTS = 3
MOST_COUNTED = 5
"""Confusions and kinds of mistakes that are listed."""


def _say(console: Console, markup: str) -> None:
    console.print(paint(markup), highlight=False)


def show_run(console: Console, ledger: Ledger, summary: Mapping[str, Any] | None) -> None:
    """Print the whole run."""
    if summary is not None:
        _head(console, summary)
    else:
        _say(console, "[yellow]the run has not ended yet[/]")
    for cycle in range(ledger.last_cycle() + 1):
        show_cycle(console, ledger, cycle)
    if summary is not None:
        _figures(console, summary)


def _head(console: Console, summary: Mapping[str, Any]) -> None:
    console.rule(paint(f"[bold]{literal(summary['run_id'])}"))
    _say(
        console,
        f"domain {literal(summary['domain'])}, preset {summary['preset']}, teacher {literal(summary['teacher'])},"
        f" student {literal(summary['student'])}, seed {summary['seed']}",
    )
    if summary["rehearsal"]:
        _say(console, f"[yellow]{notice(summary['teacher'])}[/]")


def _figures(console: Console, summary: Mapping[str, Any]) -> None:
    console.rule(paint("[bold]what it did"))
    for line in (*describe_gains(summary), describe_costs(summary), *describe_labels(summary)):
        _say(console, literal(line))


def show_cycle(console: Console, ledger: Ledger, cycle: int) -> None:
    """Print one cycle.

    Raises:
        InputError: the run has no such cycle.
    """
    last = ledger.last_cycle()
    if not 0 <= cycle <= last:
        raise InputError(f"--cycle {cycle}: the run has cycles 0 to {last}")
    console.rule(paint(f"[bold]cycle {cycle}" + (" (seeds alone)" if not cycle else "")))
    span = f"c{cycle:03d}"
    if cycle:
        _made_of(console, ledger, cycle)
        lessons = ledger.lessons(cycle)
        packet = ledger.message(span, FeedbackPacket)
        if packet is not None:
            _failed(console, packet)
            _said(console, ledger, cycle, packet.cases, bool(lessons))
        _written(console, ledger, lessons)
        _refused(console, ledger, cycle)
    _learned(console, ledger, cycle)


def _made_of(console: Console, ledger: Ledger, cycle: int) -> None:
    """Print the kinds of text of a cycle, with the reason for their shares."""
    record = ledger.cycle_record(cycle, KINDS)
    if record is not None:
        texts = ", ".join(f"{count} {kind}" for kind, count in record["texts"].items() if count)
        verdict = f"; {record['verdict']}" if record.get("verdict") else ""
        _say(console, f"[bold]Texts planned:[/] {literal(texts + verdict, 400)}.")


def _failed(console: Console, packet: FeedbackPacket) -> None:
    cases = packet.cases
    wrong = [case for case in cases if case.verdict != "right"]
    sure = sum(case.verdict == "confident_wrong" for case in cases)
    _say(
        console,
        f"[bold]The student failed[/] {len(wrong)} of the {len(cases)} cases shown, {sure} of them confidently"
        f"{_tell_basis(packet)}.",
    )
    if packet.confusions:
        _say(console, "Most frequent confusions among all examined texts:")
    for item in packet.confusions[:MOST_COUNTED]:
        _say(console, f"  {item.count} x {tell_answer(item.gold)} taken for {tell_answer(item.predicted)}")
    if packet.errors:
        _say(console, "Most frequent mistakes in all examined texts:")
    for error in packet.errors[:MOST_COUNTED]:
        _say(console, f"  {tell_error_count(error)}")
    for case in wrong[:SHOWN_TEXTS]:
        _say(console, f"  {tell_case(case)}")
    for line in packet.notices:
        _say(console, f"  [red]{literal(line)}[/]")


def _tell_basis(packet: FeedbackPacket) -> str:
    return f" ({packet.examined} {packet.origin} texts examined)" if packet.examined else ""


def _said(console: Console, ledger: Ledger, cycle: int, shown: Sequence[Case], planned: bool) -> None:
    rows = ledger.weaknesses(cycle)
    if ledger.message(f"c{cycle:03d}", Analysis) is not None:
        _say(console, f"[bold]The Analyst named[/] {_count(len(rows), 'weakness', 'es')}.")
    elif planned:
        _say(console, "[bold]The Analyst was not asked:[/] no lesson of this cycle was to rest on a weakness.")
    else:
        _say(console, "[yellow]The Analyst has not answered.[/]")
    cases = {case.id: case for case in shown}
    for row in rows:
        _weakness(console, row)
        known = [cases[name] for name in row["evidence"] if name in cases]
        for case in known[:SHOWN_TEXTS]:
            _say(console, f"      {tell_case(case)}")
        if len(known) > SHOWN_TEXTS:
            rest = ", ".join(case.id for case in known[SHOWN_TEXTS:])
            _say(console, f"      [dim]and {literal(rest)}[/]")


def _weakness(console: Console, row: WeaknessRow) -> None:
    effect = "effect unknown" if row["effect"] is None else f"effect {row['effect']:+.3f}"
    mastery = row["mastery"]["now"] if row["mastery"] else None
    now = "" if mastery is None else f", mastery {mastery:.2f}"
    _say(console, f"  [bold]{row['id']}[/] {literal(row['name'], 100)} [{_tint(row)}]{row['state']}{now}, {effect}[/]")
    if row["tested"] and row["tested"]["inside"] is not None:
        _say(console, f"    tested: {_tell_test(row['tested'])}")
    _say(console, f"    pattern: {literal(row['pattern'], 400)}")
    _say(console, f"    advice: {literal(row['advice'], 400)}")


def _tell_test(test: StatementTest) -> str:
    if "near" not in test:  # runs of earlier versions tested in the embedding alone
        sides = f"{test['inside']:.0%} of the evidence and {test['outside']:.0%} of right cases lie on its side"
        return f"{test['verdict']}; {sides}"
    failed = f"{test['verdict']}; the student errs or doubts on {test['inside']:.0%} of the evidence"
    if test["near"] is None or test["outside"] is None:
        return failed
    return f"{failed}, errs on {test['near']:.0%} of other texts of this kind and on {test['outside']:.0%} of all"


def _tint(row: WeaknessRow) -> str:
    return {"improving": "green", "fixed": "green", "regressed": "red", "rolled_back": "red"}.get(
        row["state"], "yellow"
    )


def _count(number: int, what: str, many: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else many}"


def _written(console: Console, ledger: Ledger, lessons: Sequence[LessonRow]) -> None:
    _say(console, f"[bold]The Generator wrote and the Labeler labelled[/] {_count(len(lessons), 'lesson')}.")
    for lesson in lessons:
        topic = literal(lesson["plan"]["weakness"]["name"], 80)
        accepted, first = ledger.outline_lesson(lesson["id"])
        confirmed = ledger.count_confirmed(lesson["id"])
        labelled = f"{lesson['labelled']} labelled" + (f" ({confirmed} not checked)" if confirmed else "")
        kind = f" ({lesson['kind']})" if lesson["kind"] not in ("", "real", "weakness") else ""
        drafts = f"{lesson['drafts']} texts" if lesson["kind"] == "real" else f"{lesson['drafts']} drafts"
        _say(console, f"  {lesson['id']} {topic}{kind}: {drafts}, {labelled}, {accepted} accepted")
        if lesson["plan"]["quotas"]:
            _say(console, f"    asked for: {_asked(lesson['plan'])}")
        sample = ledger.sample(first) if first is not None else None
        if sample is not None:
            _say(console, f"    {tell_sample(sample)}")
        for fault in lesson["faults"][:SHOWN_TEXTS]:
            _say(console, f"    [yellow]fault: {literal(fault, CUT)}[/]")


def _asked(plan: PlanRecord) -> str:
    """Describe how many texts of each label a lesson wanted, and the attributes of the first."""
    texts = ", ".join(map(_tell_quota, plan["quotas"]))
    variety = plan.get("variety") or []
    return literal(f"{texts}; the first: {variety[0]}" if variety else texts, MARKED_CUT)


def _tell_quota(quota: QuotaRecord) -> str:
    texts = f"{quota['hard'] + quota['easy']} {quota['label']}"
    return f"{texts} ({quota['hard']} hard)" if quota["hard"] else texts


def _refused(console: Console, ledger: Ledger, cycle: int) -> None:
    reasons = ledger.count_rejected(cycle)
    curation = ledger.cycle_record(cycle, CURATION)
    if curation is None:
        _say(console, "[yellow]The drafts have not been curated yet.[/]")
        return
    refused = ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "nothing"
    disputed = curation.get("disputed", 0)
    _say(console, f"[bold]Refused:[/] {refused}; {disputed} labels were disputed.")
    for sample in ledger.samples(cycle=cycle, state="rejected", first=SHOWN_TEXTS):
        _say(console, f"  [red]{sample.reason}[/] {tell_sample(sample)}")


def _learned(console: Console, ledger: Ledger, cycle: int) -> None:
    training, gate = ledger.cycle_record(cycle, TRAINING), ledger.cycle_record(cycle, GATE)
    if training is not None:
        unlabelled = training.get("unlabelled", 0)
        added = f" and its own answers to {unlabelled} unlabelled texts" if unlabelled else ""
        _say(
            console,
            f"[bold]The student was trained[/] ({training['tune']}) for {training['steps']} steps on"
            f" {training['samples']} samples{added} in {training['seconds']:.1f} s, loss {training['loss']:.3f}.",
        )
    if gate is None:
        return
    if gate["after"] is None:
        _say(console, "[bold]Gate:[/] no gate data." if gate["promoted"] else "[bold]Gate:[/] nothing new to train on.")
        return
    before = "" if gate["before"] is None else f"{gate['before']:.3f} -> "
    verdict = "[green]promoted[/]" if gate["promoted"] else "[red]rolled back[/]"
    _say(console, f"[bold]Gate:[/] {before}{gate['after']:.3f}, {verdict}.")


def show_weakness(console: Console, ledger: Ledger, weakness: str) -> None:
    """Print one weakness: the Analyst's words, evidence, samples of its lessons, and effect.

    Raises:
        InputError: the run has no such weakness.
    """
    rows = {row["id"]: row for row in ledger.weaknesses()}
    if weakness not in rows:
        raise InputError(f"--weakness {weakness!r}: not in this run; there are {', '.join(rows) or 'none yet'}")
    row = rows[weakness]
    packet = ledger.message(f"c{row['cycle']:03d}", FeedbackPacket)
    _weakness(console, row)
    _say(console, "  evidence:")
    for case in packet.cases if packet else ():
        if case.id in row["evidence"]:
            _say(console, f"    {tell_case(case)}")
    _say(console, "  samples:")
    for sample in ledger.samples(cycle=row["cycle"], weakness=weakness):
        reason = f" ({sample.reason})" if sample.reason else ""
        _say(console, f"    {sample.state}{reason} {tell_sample(sample)}")


def show_sample(console: Console, ledger: Ledger, sample_id: str) -> None:
    """Print one sample with its lineage: weakness, lesson, the two calls, ruling, exam.

    Raises:
        InputError: the run has no such sample.
    """
    sample = ledger.sample(sample_id)
    if sample is None:
        ends = ledger.first_and_last_sample()
        there = f"there are {ends[0]} to {ends[1]}" if ends else "there are none yet"
        raise InputError(f"--sample {sample_id!r}: not in this run; {there}")
    table = Table(show_header=False, box=None)
    for name, value in list_fields(sample).items():
        table.add_row(Text(name, style="bold"), Text(clean(value)))
    console.print(table)
    for call_id in (sample.draft_call, sample.label_call):
        call = ledger.call(call_id or "")
        if call is not None:
            _say(
                console,
                f"[bold]{call.id}[/]: {literal(call.model)} at {literal(call.endpoint)},"
                f" {call.input_tokens} tokens read, {call.output_tokens} written, prompts {call.prompts}",
            )
    if sample.candidates and sample.label_call is None:
        _say(console, "The Labeler was not asked: the label is what the text was written for.")
