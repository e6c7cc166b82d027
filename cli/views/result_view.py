"""The end of a run in the terminal: scores, costs, and the commands that may follow."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.api.run_state import RunState
from evokd.cli.views.progress import notice
from evokd.cli.views.run_sentences import describe_agreement, describe_costs, describe_gains, describe_labels
from evokd.messages.escape import clean


def tell_result(console: Console, summary: Mapping[str, Any], run: str, program: str) -> None:
    """Print the end of a run.

    Args:
        console: the console to write to.
        summary: the summary of the run.
        run: folder or id of the run.
        program: the name by which this program was called.
    """
    for line in describe_gains(summary):
        console.print(line, style="bold", markup=False, highlight=False, soft_wrap=True)
    for line in (describe_costs(summary), *describe_labels(summary), *describe_agreement(summary.get("review"))):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if summary["rehearsal"]:
        console.print(f"[yellow]{notice(summary['teacher'])}[/]", highlight=False, soft_wrap=True)
    folder = clean(shlex.quote(run))
    console.print(f"next: {program} show {folder}", markup=False, highlight=False, soft_wrap=True)
    ask = f"      echo 'a text of yours' | {program} predict {folder} -"
    console.print(ask, markup=False, highlight=False, soft_wrap=True)


def tell_result_briefly(console: Console, summary: Mapping[str, Any], run: str) -> None:
    """Print the end of a run in one line.

    Args:
        console: the console to write to.
        summary: the summary of the run.
        run: folder or id of the run.
    """
    parts = [*describe_gains(summary), describe_costs(summary)]
    if summary["rehearsal"]:
        parts.append(f"teacher {summary['teacher']}: no language model was called")
    console.print(f"{clean(run)}: {clean('; '.join(parts))}", markup=False, highlight=False, soft_wrap=True)


def tell_waiting_briefly(console: Console, state: RunState, run: str, program: str) -> None:
    """Print in one line that a run waits for people. The arguments are those of `tell_waiting`."""
    folder = clean(shlex.quote(run))
    line = f"{clean(run)}: waits for a review: {state.reason}; next: {program} review {folder}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def tell_waiting(console: Console, state: RunState, run: str, program: str) -> None:
    """Print that a run waits for people, and the commands with which they go on.

    Args:
        console: the console to write to.
        state: the state of the run.
        run: folder or id of the run.
        program: the name by which this program was called.
    """
    folder = clean(shlex.quote(run))
    told = f"the run waits for a review: {state.reason}; no training before all are decided"
    console.print(told, style="bold", markup=False, highlight=False, soft_wrap=True)
    ways = {
        "review {}": "one text after the other, in this terminal",
        "review {} --browser": "the same as a page",
        "review {} --out review.csv": "as a file; --in review.csv reads it back",
        "resume {}": "goes on when all are decided",
        "resume {} --rest accept": "leaves the undecided ones as they are; the hardest are asked about first",
    }
    for number, (command, what) in enumerate(ways.items()):
        line = f"{'      ' if number else 'next: '}{program} {command.format(folder)}  ({what})"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
