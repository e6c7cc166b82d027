"""`evokd show`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import Run, RunsDir


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
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views import show as page
    from evokd.messages import InputError

    if sum(option is not None for option in (cycle, weakness, sample)) > 1:
        raise InputError("--cycle, --weakness and --sample: use one of them")
    opened = api.open_run(run, runs_dir)
    if run == api.EXAMPLE and not opened.is_shipped:
        console.say(f"this is your own run {opened.path}, not the example that comes with the program")
    with opened.ledger() as ledger:
        if cycle is not None:
            page.show_cycle(console.stdout(), ledger, cycle)
        elif weakness is not None:
            page.show_weakness(console.stdout(), ledger, weakness)
        elif sample is not None:
            page.show_sample(console.stdout(), ledger, sample)
        else:
            page.show_run(console.stdout(), ledger, opened.summary)
