"""The page of a whole run: what was gained and for what, its state, its cycles, who used what."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.api.record import CURATION, GATE, Ledger, NodeTimes, Run, find_slowest, measure_agents
from evokd.api.run_state import RunState
from evokd.cli.markup import literal
from evokd.cli.views.cycle_page import BRIEF, show_cycle, tell_verdict
from evokd.cli.views.layout import count, draw_curve, print_table, say, say_command, say_heading, tell_cost
from evokd.cli.views.progress import notice
from evokd.cli.views.run_sentences import describe_agreement, describe_costs, describe_gains, describe_labels
from evokd.cli.views.usage_view import show_agents, show_nodes

_MOST_CYCLES = 10
"""A run of more cycles is told by its list of cycles, and by the last one."""
_CYCLES = ("cycle", "score", "gate", "accepted", "tokens", "seconds", "slowest node")
_STATES = {
    "running": "[green]running[/]: a process is working on it; this is how far it got",
    "waiting": "[yellow]waiting for review[/]: people decide before the student is trained",
    "parked": "[yellow]parked[/]: it waits at a checkpoint",
    "interrupted": "[yellow]interrupted[/]: it was stopped and waits at a checkpoint",
    "killed": "[red]killed[/]: its process ended without a word; its checkpoints and replies are there",
    "created": "[yellow]not begun[/]",
}


def show_run(console: Console, run: Run, ledger: Ledger, program: str = "evokd") -> None:
    """Print the whole run.

    Args:
        console: the console to write to.
        run: the run.
        ledger: its ledger, open.
        program: how to call this program.
    """
    summary, state, events = run.summary, run.state, run.events()
    began: Mapping[str, Any] = next((event for event in events if event.get("event") in ("run_started",)), {})
    say_heading(console, literal(run.id, 100), literal(str(state)))
    if summary is not None:
        _tell_gains(console, summary)
    else:
        _tell_so_far(console, ledger)
    _tell_curve(console, ledger)
    if state.status != "done":
        _tell_state(console, run, state, program)
    _tell_setup(console, summary or began, began)
    nodes = run.node_times(ledger)
    last = ledger.last_cycle()
    _list_cycles(console, ledger, nodes)
    shown = range(last + 1) if last <= _MOST_CYCLES else range(last, last + 1)
    for cycle in shown:
        show_cycle(console, ledger, cycle, nodes.of_cycle(cycle), BRIEF)
    say(console, f"[dim]with texts and calls: {program} show {literal(run.id, 100)} --cycle N (0 to {last})[/]")
    say_heading(console, "who used what", "in the whole run")
    show_agents(console, measure_agents(ledger))
    show_nodes(console, nodes.of_run())


def _tell_gains(console: Console, summary: Mapping[str, Any]) -> None:
    for line in describe_gains(summary):
        say(console, f"[bold]{literal(line)}[/]")
    for line in (describe_costs(summary), *describe_labels(summary), *describe_agreement(summary.get("review"))):
        say(console, literal(line))


def _tell_so_far(console: Console, ledger: Ledger) -> None:
    usage = ledger.usage()
    about = "about " if usage["estimated"] else ""
    samples = count(ledger.count_samples("accepted"), "sample")
    cost = tell_cost(usage["cost_usd"]) if usage["calls"] else "nothing spent"
    say(
        console,
        f"[bold]so far:[/] {samples}, {count(usage['calls'], 'call')}, {about}{usage['input_tokens']:,} tokens read"
        f" and {usage['output_tokens']:,} written ({cost})",
    )


def _tell_curve(console: Console, ledger: Ledger) -> None:
    """Print the champion's score at the gate after every cycle as a curve."""
    gates = [ledger.cycle_record(cycle, GATE) for cycle in range(ledger.last_cycle() + 1)]
    known = [gate["after"] if gate["promoted"] else gate["before"] for gate in gates if gate is not None]
    scores = [score for score in known if score is not None]
    if len(scores) > 1:
        curve = draw_curve(console, scores)
        say(console, f"score at the gate, cycle by cycle: {scores[0]:.3f} {curve} {scores[-1]:.3f}")


def _list_cycles(console: Console, ledger: Ledger, nodes: NodeTimes) -> None:
    """Print a line per cycle: its score and decision, texts, tokens, seconds and slowest node."""
    rows = []
    for cycle in range(ledger.last_cycle() + 1):
        gate, usage, seconds = ledger.cycle_record(cycle, GATE), ledger.usage(cycle), nodes.of_cycle(cycle)
        curation = ledger.cycle_record(cycle, CURATION)
        slowest = find_slowest(seconds)
        rows.append(
            [
                str(cycle),
                "-" if gate is None or gate["after"] is None else f"{gate['after']:.3f}",
                "-" if gate is None else tell_verdict(gate),
                f"{curation['accepted']:,}" if curation else "-",
                f"{usage['input_tokens'] + usage['output_tokens']:,}",
                f"{sum(seconds.values()):,.0f}",
                literal(slowest or "-"),
            ]
        )
    if rows:
        print_table(console, _CYCLES, rows, texts=("gate", "slowest node"))


def _tell_state(console: Console, run: Run, state: RunState, program: str) -> None:
    reason = f" ({literal(state.reason, 300)})" if state.reason else ""
    say(console, f"{_STATES[state.status]}{reason}")
    if state.status == "waiting":
        say_command(console, "decide with:", f"{program} review {literal(shlex.quote(str(run.path)))}")
    if state.can_resume:
        say_command(console, "go on with:", f"{program} resume {literal(shlex.quote(str(run.path)))}")


def _tell_setup(console: Console, known: Mapping[str, Any], began: Mapping[str, Any]) -> None:
    if not known:
        return
    named = {key: literal(str(known.get(key, "?")), 200) for key in ("teacher", "student", "domain", "preset", "seed")}
    say(
        console,
        f"teacher {named['teacher']}, student {named['student']}; domain {named['domain']}, preset {named['preset']},"
        f" seed {named['seed']}",
    )
    data = began.get("data")
    if isinstance(data, Mapping):
        rows = [f"{data[key]} {key}" for key in ("labels", "seeds", "validation", "test") if key in data]
        say(console, f"[dim]data: {literal(', '.join(rows))}[/]")
    if known.get("rehearsal"):
        say(console, f"[yellow]{notice(str(known['teacher']))}[/]")
