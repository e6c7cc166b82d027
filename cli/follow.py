"""Follow a run that a command drives: progress for people, events as JSON lines, and its result."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evokd.api.record import Run
    from evokd.api.runs import Event


class RunInterrupted(Exception):
    """A signal has ended the work; typer would turn a KeyboardInterrupt into a silent exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class OutputClosed(Exception):
    """The reader of the output is gone; typer would exit silently on a closed pipe."""


def follow(
    as_json: bool,
    work: "Callable[[Callable[[Event], None]], Run]",
    folder: str | None = None,
    shown: Path | None = None,
    export: "Callable[[Event], None] | None" = None,
    is_quiet: bool = False,
) -> None:
    """Drive a run with progress on standard error and, if asked for, events on standard output.

    Args:
        as_json: whether events go to standard output.
        work: drives the run; it is given a listener of its events.
        folder: the run's folder, where it is there already.
        shown: the folder of runs of which live pages are served meanwhile; None: none are.
        export: takes the events as well, and never fails.
        is_quiet: whether standard error gets warnings, errors and one line at the end, and nothing else.

    Raises:
        InputError: no port is free for the pages.
        RunInterrupted: a signal has ended the run.
        OutputClosed: nobody reads standard output or standard error any more.
    """
    from evokd.api.interruption import exit_code, signals_stop
    from evokd.cli import console
    from evokd.cli.views import result_view
    from evokd.cli.views.progress import Progress

    with ExitStack() as stack, signals_stop(), Progress(console.stderr(), is_quiet=is_quiet) as progress:
        progress.folder = folder
        if shown is not None:
            from evokd.api.viewing import serve_pages

            progress.pages = stack.enter_context(serve_pages(shown))

        def listen(event: "Event") -> None:
            entry = event.to_json()
            progress(entry)
            if export is not None:
                export(event)
            if as_json:
                console.print_json(entry)

        try:
            run = work(listen)
        except BaseException as exc:
            error = exc
            if isinstance(exc, KeyboardInterrupt):
                error = RunInterrupted(exit_code(exc))
            elif isinstance(exc, BrokenPipeError):
                error = OutputClosed()
            error.add_note(f"{FOLDER_NOTE}{getattr(exc, 'folder', None) or progress.folder}")
            if error is exc:
                raise
            raise error from exc
    place, paper = progress.folder or str(run.path), console.stderr()
    if run.summary is None:
        tell = result_view.tell_waiting_briefly if is_quiet else result_view.tell_waiting
        tell(paper, run.state, place, console.program())
    elif is_quiet:
        result_view.tell_result_briefly(paper, run.summary, place)
    else:
        result_view.tell_result(paper, run.summary, place, console.program())


FOLDER_NOTE = "evokd-folder="
"""How the note of an error begins that names the run to go on with."""
