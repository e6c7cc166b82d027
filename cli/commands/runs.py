"""`evokd runs`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evokd.cli.options import AsJson, RunsDir

if TYPE_CHECKING:
    from evokd.api.record import Run
    from evokd.api.run_deletion import StoredRun


def runs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs to delete: ids in the runs folder, or paths.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the named runs, after a question.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
    runs_dir: RunsDir = Path("runs"),
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="ADDRESS|env",
            help="List or delete the runs of this database: postgresql://USER@HOST/DB, or env for EVOKD_STORE.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, the newest last: state, cost, gain, and the score of the gate cycle by cycle.

    \b
    Examples:
      evokd runs
      evokd runs --delete first second
      evokd runs --store postgresql://me@db.example/runs
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.run_list import print_runs
    from evokd.messages import InputError

    if delete and store is None:
        _delete(api.find_runs_to_delete(names or [], runs_dir), bool(names), yes)
        return
    if delete and store is not None:
        _delete_stored(api.find_stored_runs_to_delete(names or [], store), bool(names), yes)
        return
    if names or yes:
        shown = "a run is shown by: evokd show RUN; another folder's runs are listed by: --runs-dir FOLDER"
        raise InputError(f"runs takes names and --yes with --delete alone; {shown}")
    rows, hidden = (api.list_runs(runs_dir), 0) if store is None else api.list_stored_runs(store)
    if as_json:
        for row in rows:
            console.print_json(row)
    elif rows:
        print_runs(console.stdout(), rows)
    else:
        begin = "evokd run support_tickets" + ("" if store is None else " --store ADDRESS")
        console.say(f"no runs in {runs_dir if store is None else 'the database'}; start one with: {begin}")
    if hidden:
        console.say(f"{'1 run belongs' if hidden == 1 else f'{hidden} runs belong'} to other users of the database")


def _delete(found: "Sequence[Run]", has_names: bool, yes: bool) -> None:
    from evokd import api
    from evokd.cli import console

    _ask([f"{run.path} ({run.state})" for run in found], has_names, yes)
    for run in found:
        store = run.store
        api.delete_run(run)
        console.say(f"deleted {run.path}" + (f"; what {store} holds of it stays there" if store else ""))


def _delete_stored(found: "Sequence[StoredRun]", has_names: bool, yes: bool) -> None:
    from evokd import api
    from evokd.cli import console

    _ask([f"{run.run_id} in {run.address.full_name}" for run in found], has_names, yes)
    for run in found:
        api.delete_stored_run(run)
        console.say(f"deleted {run.run_id} from {run.address}; a folder of it is deleted without --store")


def _ask(told: Sequence[str], has_names: bool, yes: bool) -> None:
    """Ask whether runs are to be deleted; nothing is asked with `--yes`."""
    from evokd.cli import console
    from evokd.messages import InputError

    if not has_names:
        raise InputError("--delete: name the runs to delete, such as: evokd runs --delete first second")
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("--delete: nobody can be asked here; add --yes to delete without a question")
    for line in told:
        console.say(line)
    typer.confirm(
        f"Delete {'this run' if len(told) == 1 else f'these {len(told)} runs'} for good?", abort=True, err=True
    )
