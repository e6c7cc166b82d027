"""Send a run into other tools while a command drives it, and say at its end what was not delivered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evokd.api.runs import Event


@contextmanager
def export_live(trace: str | None, mlflow: str | None, no_content: bool) -> "Iterator[Callable[[Event], None] | None]":
    """Yield a listener that sends a run on; None where nothing is asked for.

    Raises:
        InputError: a package is missing, or an address is none.
    """
    check_content(trace, no_content)
    if trace is None and mlflow is None:
        yield None
        return
    from evokd import api
    from evokd.cli import console

    exports = None
    try:
        with api.exporting(trace, mlflow, content=not no_content) as exports:
            yield exports
    finally:
        for left in exports.undelivered if exports else ():
            console.say(f"{left.tell()}; send them with: {console.program()} send {left.folder} {left.option}")


def check_content(trace: str | None, no_content: bool) -> None:
    """Check that there are spans to leave the content out of.

    Raises:
        InputError: there are none.
    """
    if no_content and trace is None:
        from evokd.messages import InputError

        raise InputError("--no-content goes with --trace")
