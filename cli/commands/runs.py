"""`evokd runs`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evokd.cli.options import AsJson, RunsDir

if TYPE_CHECKING:
    from evokd.api.record import Run


def runs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs to delete: ids in the runs folder, or paths.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the named runs, after a question.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List the runs, the newest last: state, cost, gain, and the score of the gate cycle by cycle.

    \b
    Examples:
      evokd runs
      evokd runs --delete first second
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.run_list import print_runs
    from evokd.messages import InputError

    if delete:
        _delete(api.find_runs_to_delete(names or [], runs_dir), bool(names), yes)
        return
    if names or yes:
        raise InputError("runs takes names and --yes with --delete alone; a run is shown by: evokd show RUN")
    rows = api.list_runs(runs_dir)
    if as_json:
        for row in rows:
            console.print_json(row)
    elif rows:
        print_runs(console.stdout(), rows)
    else:
        console.say(f"no runs in {runs_dir}; start one with: evokd run support_tickets")


def _delete(found: "Sequence[Run]", has_names: bool, yes: bool) -> None:
    from evokd import api
    from evokd.cli import console
    from evokd.messages import InputError

    if not has_names:
        raise InputError("--delete: name the runs to delete, such as: evokd runs --delete first second")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("--delete: nobody can be asked here; add --yes to delete without a question")
    if not yes:
        for run in found:
            console.say(f"{run.path} ({run.state})")
        typer.confirm(
            f"Delete {'this run' if len(found) == 1 else f'these {len(found)} runs'} for good?", abort=True, err=True
        )
    for run in found:
        store = run.store
        api.delete_run(run)
        console.say(f"deleted {run.path}" + (f"; the run itself is still in {store}" if store else ""))
