"""The page of a call: the request as it was sent, the reply as it came, and what it cost."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from evokd.api.lineage import find_call
from evokd.api.record import Ledger, Run
from evokd.cli.markup import literal
from evokd.cli.views.layout import say, say_heading, tell_cost
from evokd.messages import BY_BATCH, CallRecord
from evokd.messages.escape import clean_lines

_STATES = {
    "ok": "[green]used[/]",
    "fault": "[yellow]a reply came and could not be used as it is[/]",
    "error": "[red]no reply[/]",
    "lost": "[red]lost: it had gone out and no whole reply came; tokens are estimates[/]",
    "spent": "[yellow]a fault; a resumed run asked anew[/]",
}


def show_call(console: Console, run: Run, ledger: Ledger, name: str) -> None:
    """Print a call.

    The request and the reply stand there line by line as they were, not folded, so that they can be copied.

    Args:
        console: the console to write to.
        run: the run.
        ledger: its ledger, open.
        name: id of the call.

    Raises:
        InputError: the run has no such call.
    """
    call = find_call(ledger, name)
    prompt = run.prompt_of(call)
    say_heading(console, f"call {literal(call.id, 80)}", _STATES[call.status])
    about = "about " if call.estimated else ""
    say(
        console,
        f"{literal(call.role)}, cycle {call.cycle}, {literal(call.span)}, attempt {call.attempt}:"
        f" {literal(call.model, 100)} at {literal(call.endpoint, 200)}",
    )
    say(
        console,
        f"{about}{call.input_tokens:,} tokens read, {call.output_tokens:,} written, {call.seconds:.1f} s,"
        f" {tell_cost(call.cost_usd)}" + (f" (price: {literal(call.price_source)})" if call.price_source else ""),
    )
    named = f"{literal(prompt, 100)}, " if prompt else ""
    say(console, f"prompt: {named}set {literal(call.prompts)}; response format: {literal(call.ability)}")
    mended = [flag for flag in call.flags if flag != BY_BATCH]
    if mended:
        say(console, f"mended: {literal(', '.join(mended))}")
    if BY_BATCH in call.flags:
        say(console, "answered by batch: the seconds are those that the last process waited for it")
    for fault in call.faults:
        say(console, f"[yellow]fault: {literal(fault, 1_000)}[/]")
    _show_request(console, call.request)
    say_heading(console, "reply as it came")
    _print_block(console, call.raw or "(nothing)")
    _say_neighbours(console, ledger, call)


def _show_request(console: Console, request: Mapping[str, Any]) -> None:
    parameters = request.get("parameters") or {}
    told = ", ".join(f"{key}={value}" for key, value in parameters.items()) or "none"
    say_heading(console, "request as sent")
    say(console, f"parameters: {literal(told, 1_000)}")
    for role, text in request.get("turns") or ():
        say(console, f"[bold]--- {literal(str(role), 40)} ---[/]")
        _print_block(console, str(text))


def _print_block(console: Console, text: str) -> None:
    """Print a text of many lines; only what would steer the terminal is replaced."""
    console.print(Text(clean_lines(text)), highlight=False, soft_wrap=True)


def _say_neighbours(console: Console, ledger: Ledger, call: CallRecord) -> None:
    """Name the other attempts at the same work, to look at next."""
    rows = ledger.query("SELECT id, status FROM calls WHERE span = ? AND role = ? ORDER BY seq", call.span, call.role)
    others = [f"{row['id']} ({row['status']})" for row in rows if row["id"] != call.id]
    if others:
        say_heading(console, "other attempts")
        say(console, literal(", ".join(others), 1_000))
