"""`evokd view`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import RunsDir


def view(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN|FOLDER]", help="A run id, a path of a run or of a folder of runs, or `example`."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one.  [default: 8765, or the next free one]"),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show runs in the browser, also while they go on. The pages are served to this machine alone, and only read.

    \b
    Examples:
      evokd view                  all runs of the folder
      evokd view my_run           one run
      evokd view example          a run with a language model that comes with the program
    """
    from evokd import api
    from evokd.cli import console

    def announce(address: str) -> None:
        console.say(f"pages at {address} (for this machine alone); stop with Ctrl-C")
        if opens:
            import webbrowser

            webbrowser.open(address)

    api.view(run, port=port, runs_dir=runs_dir, announce=announce)
