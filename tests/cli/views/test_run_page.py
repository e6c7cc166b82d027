import io
import re

from rich.console import Console

from evokd.api.record import open_run
from evokd.cli.views import run_page


def test_a_cycle_of_a_run_fits_on_one_screen() -> None:
    run = open_run("example")
    console = Console(record=True, width=80, file=io.StringIO())
    with run.ledger() as ledger:
        run_page.show_run(console, run, ledger)
    told = console.export_text(styles=False)
    for cycle in re.split(r"(?m)^(?=cycle \d .*\u2500$)", told)[1:]:
        assert len(cycle.split("\nwith texts and calls")[0].splitlines()) <= 24, cycle
