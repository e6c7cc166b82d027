"""`evokd tutorial`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import ContentAsJson


def tutorial(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; it has to be there.")] = Path(),
    as_json: ContentAsJson = False,
) -> None:
    """Write tickets.csv and mails.csv, the files that docs/tutorial.md begins with.

    \b
    Examples:
      evokd tutorial
      evokd tutorial ~/tickets
    """
    from evokd import api
    from evokd.cli import console

    written = api.write_tutorial_files(folder)
    if as_json:
        console.print_json(written)
        return
    tickets, mails = written["files"]
    console.say(f"{tickets}: {written['labelled']} messages with a label, {written['unlabelled']} without")
    console.say(f"{mails}: {written['mails']} messages to answer")
