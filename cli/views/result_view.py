"""The end of a run in the terminal: scores, costs, and the commands that may follow."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.views.progress import notice
from evokd.cli.views.run_sentences import describe_costs, describe_gains, describe_labels
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
    for line in (describe_costs(summary), *describe_labels(summary)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if summary["rehearsal"]:
        console.print(f"[yellow]{notice(summary['teacher'])}[/]", highlight=False, soft_wrap=True)
    folder = clean(shlex.quote(run))
    console.print(f"next: {program} show {folder}", markup=False, highlight=False, soft_wrap=True)
    ask = f"      echo 'a text of yours' | {program} predict {folder} -"
    console.print(ask, markup=False, highlight=False, soft_wrap=True)
