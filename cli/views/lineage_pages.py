"""The pages of a weakness, of a text and of a case: which errors bought which texts, and whether these helped."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from evokd.api.lineage import CaseHistory, find_case, find_evidence, find_sample, find_weakness
from evokd.api.record import Ledger, ReviewDecision, Sample, WeaknessRow
from evokd.cli.markup import literal
from evokd.cli.views.answers import CUT, list_fields, tell_answer, tell_case, tell_sample
from evokd.cli.views.layout import count, say, say_heading
from evokd.cli.views.weakness_lines import say_weakness, tell_help
from evokd.messages import Case

MOST_SAMPLES = 60
"""Texts that a page lists at most."""
_WHOLE = 4_000
"""Characters of a field that a page shows at most; `--json` has all of them."""
_FIELD = 12
"""Columns of the names of fields."""


def show_weakness(console: Console, ledger: Ledger, weakness: str) -> None:
    """Print one weakness: the Analyst's words, evidence, effect, and the texts of its lessons.

    Raises:
        InputError: the run has no such weakness.
    """
    row = find_weakness(ledger, weakness)
    say_weakness(console, row, _WHOLE)
    _say_mastery(console, row)
    say(console, "evidence:", 2)
    _list_cases(console, find_evidence(ledger, row))
    samples = ledger.samples(weakness=weakness)
    say(console, f"samples: {_tell_states(samples)}", 2)
    _list_samples(console, samples)


def _say_mastery(console: Console, row: WeaknessRow) -> None:
    """Print how many texts of its kind the student answered right, cycle by cycle."""
    counts = row["mastery"]["counts"] if row["mastery"] else ()
    if counts:
        told = ", ".join(f"{right} of {texts} in cycle {cycle}" for cycle, right, texts in counts)
        say(console, f"texts of this kind answered right: {told}", 4)


def _list_cases(console: Console, cases: Sequence[Case]) -> None:
    for case in cases:
        say(console, tell_case(case), 4)


def _tell_states(samples: Sequence[Sample]) -> str:
    states = Counter(sample.state for sample in samples)
    return ", ".join(f"{number} {state}" for state, number in states.items()) or "none"


def _list_samples(console: Console, samples: Sequence[Sample]) -> None:
    for sample in samples[:MOST_SAMPLES]:
        reason = f" ({literal(sample.reason)})" if sample.reason else ""
        say(console, f"{sample.state}{reason} {tell_sample(sample)}", 4)
    if len(samples) > MOST_SAMPLES:
        say(console, f"[dim]and {count(len(samples) - MOST_SAMPLES, 'more text')}; --json has them all[/]", 4)


def show_sample(console: Console, ledger: Ledger, sample_id: str) -> None:
    """Print one sample with its lineage: the calls behind it, its weakness, and the errors that bought it.

    Raises:
        InputError: the run has no such sample.
    """
    sample = find_sample(ledger, sample_id)
    say_heading(console, f"sample {literal(sample.id, 60)}", sample.state)
    _say_fields(console, list_fields(sample))
    for call_id in (sample.draft_call, sample.label_call):
        call = ledger.call(call_id or "")
        if call is not None:
            say(
                console,
                f"[bold]{call.id}[/]: {literal(call.model, 100)} at {literal(call.endpoint, 200)},"
                f" {call.input_tokens} tokens read, {call.output_tokens} written, prompts {call.prompts}",
            )
    decision = ledger.decision(sample.id)
    if decision is not None:
        say(
            console,
            f"[bold]Reviewed[/] by {literal(decision.reviewer, 80)} at {literal(decision.time)}: {_tell(decision)}",
        )
    if sample.candidates and sample.label_call is None:
        say(console, "The Labeler was not asked: the label is what the text was written for.")
    _say_origin(console, ledger, sample)


def _tell(decision: ReviewDecision) -> str:
    """Write what a person decided."""
    words = {"accept": "accepted", "refuse": "refused", "skip": "left as it was"}
    if decision.action == "correct":
        return f"corrected, the teacher had said {tell_answer(decision.proposed or '', decision.text)}"
    return words[decision.action] + (", with all the texts that were left" if decision.rest else "")


def _say_fields(console: Console, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        say(console, f"[bold]{name:{_FIELD}}[/] {literal(value, _WHOLE)}", hang=_FIELD + 1)
        if len(value) > _WHOLE:
            say(console, f"[dim]({len(value):,} characters; --json has all of them)[/]", _FIELD + 1)


def _say_origin(console: Console, ledger: Ledger, sample: Sample) -> None:
    """Print the weakness for which a text was made, and the errors behind that."""
    rows = [row for row in ledger.weaknesses() if row["id"] == sample.weakness]
    if not rows:
        kind = f", kind {literal(sample.kind)}" if sample.kind else ""
        what = "a real text of yours" if sample.is_real else "written for its labels"
        say(console, f"[bold]No weakness behind it:[/] {what}{kind}.")
        return
    row = rows[0]
    say(console, f"[bold]Made for the weakness[/] {row['id']} of cycle {row['cycle']}:")
    say(console, f"{literal(row['name'], 100)}: {tell_help(row)}", 2)
    say(console, "[bold]which the Analyst saw in these errors:[/]")
    evidence = find_evidence(ledger, row)
    _list_cases(console, evidence)
    if not evidence:
        say(console, f"[dim]{literal(', '.join(row['evidence'])) or 'none named'}[/]", 4)


def show_case(console: Console, ledger: Ledger, cycle: int, case_id: str) -> None:
    """Print one error: what was answered, which weaknesses cite it, the texts written for them, whether they helped.

    Raises:
        InputError: there is no such case.
    """
    history = find_case(ledger, cycle, case_id)
    case = history.case
    say_heading(console, f"case {literal(case.id, 60)} of cycle {cycle}", case.verdict.replace("_", " "))
    if len(case.text) > CUT:
        say(console, f"[bold]text[/] {literal(case.text, _WHOLE)}", hang=5)
    say(console, f"{tell_case(case)}; a {case.origin} text")
    _say_later(console, history)
    if not history.weaknesses:
        say(console, "[bold]No weakness cites it,[/] so no text was written for it.")
    for row in history.weaknesses:
        say(console, "[bold]Cited by the weakness[/]")
        say_weakness(console, row, _WHOLE)
        samples = [sample for sample in history.samples if sample.weakness == row["id"]]
        say(console, f"[bold]Texts made for it:[/] {_tell_states(samples)}. {tell_help(row)}", 2)
        _list_samples(console, samples)


def _say_later(console: Console, history: CaseHistory) -> None:
    if not history.answers:
        say(console, "[bold]Since then[/] the record has no answer of a student to it.")
        return
    answers = (
        f"after cycle {answer.cycle} {tell_answer(answer.answer, history.case.text)}"
        f" ({'[green]right[/]' if answer.is_right else '[red]wrong[/]'})"
        for answer in history.answers
    )
    say(console, f"[bold]Since then[/] the student answered: {', '.join(answers)}.")
