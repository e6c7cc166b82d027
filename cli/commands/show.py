"""`evokd show`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evokd.cli.options import ContentAsJson, Run, RunsDir

if TYPE_CHECKING:
    from evokd.api.record import Run as OpenRun


def show(
    run: Run,
    cycle: Annotated[int | None, typer.Option(help="One cycle alone.")] = None,
    weakness: Annotated[str | None, typer.Option(metavar="ID", help="One weakness, such as c001-w1.")] = None,
    sample: Annotated[str | None, typer.Option(metavar="ID", help="One sample, such as c001-l01-d01.")] = None,
    call: Annotated[
        str | None, typer.Option(metavar="ID", help="One call, such as c001-l01-labeler-1: request and reply.")
    ] = None,
    case: Annotated[
        str | None, typer.Option(metavar="ID", help="One error that the Analyst was shown, with --cycle.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: ContentAsJson = False,
) -> None:
    """Tell what happened: what the student failed, what the agents said and wrote, what it did to the score.

    `evokd show example` tells of a run with a language model that comes with the program.

    \b
    Examples:
      evokd show my_run
      evokd show my_run --cycle 2
      evokd show my_run --cycle 2 --case r32
      evokd show my_run --call c002-l01-labeler-1 --json
    """
    from evokd import api
    from evokd.cli import console
    from evokd.messages import InputError

    _check_options(cycle, weakness, sample, call, case)
    opened = api.open_run(run, runs_dir)
    if run == api.EXAMPLE and not opened.is_shipped:
        console.say(f"this is your own run {opened.path}, not the example that comes with the program")
    if not opened.folder.ledger.is_file() and opened.state.can_resume:
        raise InputError(f"{opened.path}: the run has not begun; go on with: {console.program()} resume {opened.path}")
    wanted = {"cycle": cycle, "weakness": weakness, "sample": sample, "call": call, "case": case}
    if as_json:
        console.print_json(_read(opened, wanted))
    else:
        _show(opened, wanted)


def _check_options(
    cycle: int | None, weakness: str | None, sample: str | None, call: str | None, case: str | None
) -> None:
    from evokd.messages import InputError

    if case is not None and cycle is None:
        raise InputError(f"--case {case[:100]!r}: ids of cases begin anew in every cycle; add --cycle N")
    if sum(option is not None for option in (case if case is not None else cycle, weakness, sample, call)) > 1:
        raise InputError("--cycle, --weakness, --sample and --call: use one of them")


def _read(run: "OpenRun", wanted: dict[str, Any]) -> dict[str, Any]:
    from evokd.api import run_content as content

    if wanted["case"] is not None:
        return content.read_case(run, wanted["cycle"], wanted["case"])
    if wanted["cycle"] is not None:
        return content.read_cycle(run, wanted["cycle"])
    if wanted["weakness"] is not None:
        return content.read_weakness(run, wanted["weakness"])
    if wanted["sample"] is not None:
        return content.read_sample(run, wanted["sample"])
    return content.read_call(run, wanted["call"]) if wanted["call"] is not None else content.read_run(run)


def _show(run: "OpenRun", wanted: dict[str, Any]) -> None:
    from evokd.cli import console
    from evokd.cli.views import call_page, cycle_page, lineage_pages, run_page

    paper, cycle = console.stdout(), wanted["cycle"]
    with run.ledger() as ledger:
        if wanted["case"] is not None:
            lineage_pages.show_case(paper, ledger, cycle, wanted["case"])
        elif cycle is not None:
            nodes = run.node_times(ledger)
            cycle_page.show_cycle(paper, ledger, cycle, nodes.of_cycle(cycle))
        elif wanted["weakness"] is not None:
            lineage_pages.show_weakness(paper, ledger, wanted["weakness"])
        elif wanted["sample"] is not None:
            lineage_pages.show_sample(paper, ledger, wanted["sample"])
        elif wanted["call"] is not None:
            call_page.show_call(paper, run, ledger, wanted["call"])
        else:
            run_page.show_run(paper, run, ledger, console.program())
