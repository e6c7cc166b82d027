"""`evokd runs` and `evokd show`: they read run folders and change nothing in them."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import AsJson, Run, RunsDir


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(runs)
    app.command()(show)


def runs(
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List the runs."""
    from evokd.cli import console
    from evokd.cli.views.run_list import list_runs, print_runs

    rows = list_runs(runs_dir)
    if as_json:
        for row in rows:
            console.print_json(row)
    elif rows:
        print_runs(console.stdout(), rows)
    else:
        _tell(f"no runs in {runs_dir}; start one with: evokd run support_tickets")


def show(
    run: Run,
    cycle: Annotated[int | None, typer.Option(help="One cycle alone.")] = None,
    weakness: Annotated[str | None, typer.Option(metavar="ID", help="One weakness, such as c001-w1.")] = None,
    sample: Annotated[str | None, typer.Option(metavar="ID", help="One sample, such as c001-l01-d01.")] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Tell what happened: what the student failed, what the agents said and wrote, what it did to the score.

    `evokd show example` tells of a run with a language model that comes with the program.
    """
    from evokd.cli import console
    from evokd.cli.views import show as page
    from evokd.graph.setup.run_folder import EXAMPLE, SHIPPED_EXAMPLE, find_run_to_show
    from evokd.messages import InputError
    from evokd.tracing.ledger import open_ledger
    from evokd.tracing.summary import read_summary

    if sum(option is not None for option in (cycle, weakness, sample)) > 1:
        raise InputError("--cycle, --weakness and --sample: use one of them")
    folder = find_run_to_show(run, runs_dir)
    if run == EXAMPLE and folder.path != SHIPPED_EXAMPLE:
        _tell(f"this is your own run {folder.path}, not the example that comes with the program")
    with open_ledger(folder.ledger) as ledger:
        if cycle is not None:
            page.show_cycle(console.stdout(), ledger, cycle)
        elif weakness is not None:
            page.show_weakness(console.stdout(), ledger, weakness)
        elif sample is not None:
            page.show_sample(console.stdout(), ledger, sample)
        else:
            page.show_run(console.stdout(), ledger, read_summary(folder.summary))


def _tell(message: str) -> None:
    from evokd.cli import console
    from evokd.tracing.text import clean

    console.stderr().print(clean(message), markup=False, highlight=False, soft_wrap=True)
