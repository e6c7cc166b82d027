"""The page of a cycle: what failed, what the agents said and wrote, what the student learned, who used what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from evokd.api.record import (
    CURATION,
    GATE,
    KINDS,
    REVIEWED,
    TRAINING,
    GateRecord,
    Ledger,
    LessonRow,
    PlanRecord,
    QuotaRecord,
    measure_agents,
    name_outcome,
)
from evokd.cli.markup import literal
from evokd.cli.views.answers import (
    CUT,
    MARKED_CUT,
    tell_case,
    tell_confusion,
    tell_error_count,
    tell_sample,
)
from evokd.cli.views.layout import count, fit, say, say_heading
from evokd.cli.views.run_sentences import describe_review
from evokd.cli.views.usage_view import show_agents, tell_agents, tell_nodes
from evokd.cli.views.weakness_lines import outline_weakness, say_weakness
from evokd.messages import Analysis, Case, FeedbackPacket, InputError

SHOWN_TEXTS = 3
MOST_COUNTED = 5
"""Confusions and kinds of mistakes that are listed."""
_LISTED_CALLS = 6
_WEAKNESS_CUT = 240
"""Characters of the Analyst's words that a cycle shows; the page of the weakness has all of them."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a cycle is told."""

    texts: int
    """Texts that are quoted at most, for each thing that has texts."""
    is_brief: bool = False


FULL = Depth(texts=SHOWN_TEXTS)
BRIEF = Depth(texts=0, is_brief=True)
"""A cycle on one screen, where a whole run is told."""


def show_cycle(
    console: Console, ledger: Ledger, cycle: int, nodes: Mapping[str, float] | None = None, depth: Depth = FULL
) -> None:
    """Print one cycle.

    Args:
        console: the console to write to.
        ledger: the run's ledger.
        cycle: its number; 0 is the start on the seeds.
        nodes: wall-clock seconds of its nodes; None: the sums that the ledger has.
        depth: how much of it.

    Raises:
        InputError: the run has no such cycle.
    """
    last = ledger.last_cycle()
    if not 0 <= cycle <= last:
        raise InputError(f"--cycle {cycle}: the run has cycles 0 to {last}")
    gate = ledger.cycle_record(cycle, GATE)
    say_heading(console, f"cycle {cycle}" + (" (seeds alone)" if not cycle else ""), _tell_outcome(gate))
    span = f"c{cycle:03d}"
    if cycle:
        _made_of(console, ledger, cycle)
        lessons = ledger.lessons(cycle)
        packet = ledger.message(span, FeedbackPacket)
        if packet is not None:
            _failed(console, packet, depth)
            _said(console, ledger, cycle, packet.cases, bool(lessons), depth)
        _written(console, ledger, lessons, depth)
        _refused(console, ledger, cycle, depth)
    _learned(console, ledger, cycle, depth)
    _used(console, ledger, cycle, ledger.times(cycle) if nodes is None else nodes, depth)


def _tell_outcome(gate: GateRecord | None) -> str:
    """Write in a few words what the gate made of a cycle; empty where it has not decided."""
    if gate is None:
        return ""
    if gate["after"] is None:
        return tell_verdict(gate)
    before = "" if gate["before"] is None else f"{gate['before']:.3f} -> "
    return f"{before}{gate['after']:.3f} {tell_verdict(gate)}"


def tell_verdict(gate: GateRecord) -> str:
    """Write in two words what the gate made of a cycle."""
    outcome = name_outcome(gate)
    tint = {"promoted": "green", "rolled back": "red"}.get(outcome, "dim")
    return f"[{tint}]{outcome}[/]"


def _used(console: Console, ledger: Ledger, cycle: int, nodes: Mapping[str, float], depth: Depth) -> None:
    agents = measure_agents(ledger, cycle)
    if agents and depth.is_brief:
        say(console, f"[bold]Used by the agents:[/] {tell_agents(agents)}.")
    elif agents:
        say(console, "[bold]Used by the agents:[/]")
        show_agents(console, agents)
        say(console, f"[dim]calls (--call ID shows one): {literal(_list_calls(ledger, cycle))}[/]", 2)
    if nodes:
        say(console, f"[bold]Time of the nodes:[/] {tell_nodes(nodes)}.")


def _list_calls(ledger: Ledger, cycle: int) -> str:
    rows = ledger.query("SELECT id, status FROM calls WHERE cycle = ? ORDER BY seq", cycle)
    names = [row["id"] + ("" if row["status"] == "ok" else f" ({row['status']})") for row in rows]
    more = f" and {len(names) - _LISTED_CALLS} more" if len(names) > _LISTED_CALLS else ""
    return ", ".join(names[:_LISTED_CALLS]) + more


def _made_of(console: Console, ledger: Ledger, cycle: int) -> None:
    """Print the kinds of text of a cycle, with the reason for their shares."""
    record = ledger.cycle_record(cycle, KINDS)
    if record is not None:
        texts = ", ".join(f"{count} {kind}" for kind, count in record["texts"].items() if count)
        verdict = f"; {record['verdict']}" if record.get("verdict") else ""
        say(console, f"[bold]Texts planned:[/] {literal(texts + verdict, 400)}.")


def _failed(console: Console, packet: FeedbackPacket, depth: Depth) -> None:
    cases = packet.cases
    wrong = [case for case in cases if case.verdict != "right"]
    sure = sum(case.verdict == "confident_wrong" for case in cases)
    say(
        console,
        f"[bold]The student failed[/] {len(wrong)} of the {len(cases)} cases shown, {sure} of them confidently"
        f"{_tell_basis(packet)}.",
    )
    confusions = [tell_confusion(item, packet.labels) for item in packet.confusions[:MOST_COUNTED]]
    _counted(console, "Most frequent confusions", " among all examined texts", confusions, depth)
    mistakes = [tell_error_count(error) for error in packet.errors[:MOST_COUNTED]]
    _counted(console, "Most frequent mistakes", " in all examined texts", mistakes, depth)
    for case in wrong[: depth.texts]:
        say(console, tell_case(case, fit(console, CUT)), 2)
    for line in packet.notices:
        say(console, f"[red]{literal(line)}[/]", 2)


def _counted(console: Console, title: str, where: str, lines: Sequence[str], depth: Depth) -> None:
    """Print what was counted, a line each; the first few in one sentence where the page is brief."""
    if lines and depth.is_brief:
        say(console, f"{title}: {', '.join(lines[:SHOWN_TEXTS])}.")
    elif lines:
        say(console, f"{title}{where}:")
        for line in lines:
            say(console, line, 2)


def _tell_basis(packet: FeedbackPacket) -> str:
    return f" ({packet.examined} {packet.origin} texts examined)" if packet.examined else ""


def _said(console: Console, ledger: Ledger, cycle: int, shown: Sequence[Case], planned: bool, depth: Depth) -> None:
    rows = ledger.weaknesses(cycle)
    if ledger.message(f"c{cycle:03d}", Analysis) is not None:
        say(console, f"[bold]The Analyst named[/] {count(len(rows), 'weakness', 'es')}.")
    elif planned:
        say(console, "[bold]The Analyst was not asked:[/] no lesson of this cycle was to rest on a weakness.")
    else:
        say(console, "[yellow]The Analyst has not answered.[/]")
    cases = {case.id: case for case in shown}
    for row in rows:
        if depth.is_brief:
            outline_weakness(console, row)
            continue
        say_weakness(console, row, min(_WEAKNESS_CUT, 2 * console.width - 20))
        known = [cases[name] for name in row["evidence"] if name in cases]
        for case in known[: depth.texts]:
            say(console, tell_case(case, fit(console, CUT)), 6)
        if len(known) > depth.texts:
            rest = ", ".join(case.id for case in known[depth.texts :])
            say(console, f"[dim]and {literal(rest)}[/]", 6)


def _written(console: Console, ledger: Ledger, lessons: Sequence[LessonRow], depth: Depth) -> None:
    say(console, f"[bold]The Generator wrote and the Labeler labelled[/] {count(len(lessons), 'lesson')}.")
    for lesson in lessons:
        topic = literal(lesson["plan"]["weakness"]["name"], 80)
        accepted, first = ledger.outline_lesson(lesson["id"])
        confirmed = ledger.count_confirmed(lesson["id"])
        labelled = f"{lesson['labelled']} labelled" + (f" ({confirmed} not checked)" if confirmed else "")
        kind = f" ({lesson['kind']})" if lesson["kind"] not in ("", "real", "weakness") else ""
        drafts = count(lesson["drafts"], "text" if lesson["kind"] == "real" else "draft")
        say(console, f"{lesson['id']} {topic}{kind}: {drafts}, {labelled}, {accepted} accepted", 2)
        if depth.is_brief:
            _faults(console, lesson, 1)
            continue
        if lesson["plan"]["quotas"]:
            say(console, f"asked for: {_asked(lesson['plan'])}", 4)
        sample = ledger.sample(first) if first is not None else None
        if sample is not None:
            say(console, tell_sample(sample, fit(console, CUT)), 4)
        _faults(console, lesson, depth.texts)


def _faults(console: Console, lesson: LessonRow, most: int) -> None:
    for fault in lesson["faults"][:most]:
        say(console, f"[yellow]fault: {literal(fault, CUT)}[/]", 4)


def _asked(plan: PlanRecord) -> str:
    """Describe how many texts of each label a lesson wanted, and the attributes of the first."""
    texts = ", ".join(map(_tell_quota, plan["quotas"]))
    variety = plan.get("variety") or []
    return literal(f"{texts}; the first: {variety[0]}" if variety else texts, MARKED_CUT)


def _tell_quota(quota: QuotaRecord) -> str:
    texts = f"{quota['hard'] + quota['easy']} {quota['label']}"
    return f"{texts} ({quota['hard']} hard)" if quota["hard"] else texts


def _refused(console: Console, ledger: Ledger, cycle: int, depth: Depth) -> None:
    reasons = ledger.count_rejected(cycle)
    curation = ledger.cycle_record(cycle, CURATION)
    if curation is None:
        say(console, "[yellow]The drafts have not been curated yet.[/]")
        return
    refused = ", ".join(f"{count} {reason}" for reason, count in reasons.items()) or "nothing"
    disputed = curation.get("disputed", 0)
    say(console, f"[bold]Refused:[/] {refused}; {disputed} labels were disputed.")
    reviewed = ledger.cycle_record(cycle, REVIEWED)
    if reviewed is not None:
        say(console, f"[bold]People[/] {literal(describe_review(reviewed), 300)}.")
    quoted = ledger.samples(cycle=cycle, state="rejected", first=depth.texts) if depth.texts else ()
    for sample in quoted:
        say(console, f"[red]{sample.reason}[/] {tell_sample(sample, fit(console, CUT))}", 2)


def _learned(console: Console, ledger: Ledger, cycle: int, depth: Depth) -> None:
    training, gate = ledger.cycle_record(cycle, TRAINING), ledger.cycle_record(cycle, GATE)
    if training is not None:
        unlabelled = training.get("unlabelled", 0)
        added = f" and its own answers to {unlabelled} unlabelled texts" if unlabelled else ""
        say(
            console,
            f"[bold]The student was trained[/] ({training['tune']}) for {training['steps']} steps on"
            f" {training['samples']} samples{added} in {training['seconds']:.1f} s, loss {training['loss']:.3f}.",
        )
    if gate is None or (depth.is_brief and gate["after"] is not None):
        return  # the heading tells it
    if gate["after"] is None:
        reasons = {"nothing trained": "nothing new to train on"}
        outcome = name_outcome(gate)
        say(console, f"[bold]Gate:[/] {reasons.get(outcome, outcome)}.")
        return
    before = "" if gate["before"] is None else f"{gate['before']:.3f} -> "
    say(console, f"[bold]Gate:[/] {before}{gate['after']:.3f}, {tell_verdict(gate)}.")
