"""`evokd runs`."""

from pathlib import Path

from evokd.cli.options import AsJson, RunsDir


def runs(
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List the runs."""
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.run_list import print_runs

    rows = api.list_runs(runs_dir)
    if as_json:
        for row in rows:
            console.print_json(row)
    elif rows:
        print_runs(console.stdout(), rows)
    else:
        console.say(f"no runs in {runs_dir}; start one with: evokd run support_tickets")
