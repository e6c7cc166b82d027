"""`evokd compare`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import ReportAsJson, RunsDir


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Finished runs: ids in the runs folder, or paths.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for compare.md, compare.json and pictures.")] = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: ReportAsJson = False,
) -> None:
    """Compare finished runs; those that cannot be compared come into tables of their own.

    \b
    Examples:
      evokd compare first second
      evokd compare runs/* --out comparison
    """
    from evokd import api
    from evokd.cli import console

    comparison = api.compare(runs, runs_dir, out)
    if out is not None:
        console.say(f"comparison: {out / 'compare.md'}")
    if as_json:
        console.print_json(comparison.record)
    elif out is None:
        typer.echo(comparison.text)
    tables = len(comparison.groups)
    if tables > 1:
        console.say(f"{tables} tables: runs on other data, metrics or validation rows cannot stand in one")
