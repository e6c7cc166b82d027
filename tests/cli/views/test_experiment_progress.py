"""Warnings of an experiment's runs on the terminal."""

import io

from rich.console import Console

from evokd.cli.views.experiment_progress import ExperimentProgress
from evokd.jobs.pool import PoolJob


def test_a_warning_that_all_runs_give_is_shown_once_with_its_text_as_it_is() -> None:
    shown = io.StringIO()
    progress = ExperimentProgress(Console(file=shown, width=200), is_quiet=True)
    for name in ("one [a]", "two"):
        progress({"event": "warning", "job": PoolJob(name, "run", "", name, {}), "message": "no [red]limiter[/]"})
    assert shown.getvalue() == "one [a]: no [red]limiter[/]\n"
