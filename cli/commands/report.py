"""`evokd report`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import RunsDir


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids in the runs folder, or paths.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file.  [default: report.html in the run's folder]")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Write a page with everything about a run into one file, which opens without a server and without a network.

    Several runs are compared, in ./comparison.html. The report on the example that comes with the program is
    ./report.html.

    \b
    Examples:
      evokd report my_run
      evokd report run1 run2 --out compared.html
      evokd report example
    """
    from evokd import api
    from evokd.cli import console

    written = api.report(*runs, out=out, runs_dir=runs_dir)
    size = written.path.stat().st_size
    console.say(f"{written.path} ({size / 1e6:.1f} MB)")
