"""`evokd review`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evokd.cli.options import Rest, Reviewer, Run, RunsDir

if TYPE_CHECKING:
    from evokd.api.reviewing import Review


def review(
    run: Run,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the texts to a file: .jsonl, .csv, or .json (Label Studio).")
    ] = None,
    files: Annotated[
        list[Path] | None, typer.Option("--in", help="Take in the decisions of such a file; may be repeated.")
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option("--prefer", metavar="NAME|first|last", help="Whose decision counts where files differ."),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser", help="Review on a page of this machine.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port of the page.  [default: a free one]")
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    rest: Rest = None,
    reviewer: Reviewer = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Decide on the texts that a run waits for: here, on a page (--browser), or by file (--out, --in).

    A run waits if it was started with --review. Every decision is stored at once, so a review can be left and gone on
    with. Then evokd resume trains on what was decided.

    \b
    Examples:
      evokd review my_run                          one text after the other
      evokd review my_run --browser --open
      evokd review my_run --out review.csv
      evokd review my_run --in ana.csv --in ben.csv --prefer ana
      evokd review my_run --rest accept            what is left stays as it is
    """
    from evokd import api

    _check_options(out, files, prefer, browser, port, opens, rest)
    opened = api.open_review(run, reviewer=reviewer, runs_dir=runs_dir)
    if out is not None:
        _write(opened, out)
    elif files:
        _read(opened, files, prefer)
    elif browser:
        _serve(opened, port, opens)
    elif rest is None:
        _ask(opened)
    if rest is not None:
        _decide_rest(opened, rest)
    if out is None:
        _tell_state(opened)


def _check_options(
    out: Path | None,
    files: list[Path] | None,
    prefer: str | None,
    browser: bool,
    port: int | None,
    opens: bool,
    rest: str | None,
) -> None:
    """Refuse options that contradict each other, or that would do nothing.

    Raises:
        InputError: names them.
    """
    from evokd.messages import InputError

    ways = [name for name, given in (("--out", out), ("--in", files), ("--browser", browser)) if given]
    if len(ways) > 1:
        raise InputError(f"{' and '.join(ways)}: one of them at a time")
    if prefer is not None and not files:
        raise InputError("--prefer settles conflicts of files; name them with --in")
    if (port is not None or opens) and not browser:
        raise InputError(f"{'--open' if opens else '--port'} belongs to --browser")
    if rest is not None and (browser or out is not None):
        raise InputError(f"--rest and {ways[0]}: one of them at a time")


def _write(opened: "Review", out: Path) -> None:
    from evokd.cli import console
    from evokd.cli.views.layout import count

    texts = count(len(opened.pending().items), "text")
    for path in opened.write(out):
        kind = texts if path == out else "the labelling configuration for Label Studio's project"
        console.say(f"wrote {path} ({kind})")
    if out.suffix.lower() == ".json":
        console.say(f"import it there, export as JSON, then: {_call('review', opened)} --in EXPORT.json")
        return
    console.say(f"fill in `decision` (accept, correct, refuse, skip), then: {_call('review', opened)} --in {out}")


def _read(opened: "Review", files: list[Path], prefer: str | None) -> None:
    from evokd.cli import console
    from evokd.cli.views.layout import count

    got = opened.read(*files, prefer=prefer)
    more = [f"{count(got.agreed, 'text')} on which several people agree"] if got.agreed else []
    more += [f"{count(got.settled, 'conflict')} settled by --prefer {prefer}"] if got.settled else []
    console.say("; ".join([f"{count(got.read, 'decision')} read, {got.new} of them new", *more]))


def _serve(opened: "Review", port: int | None, opens: bool) -> None:
    from evokd.cli import console

    def announce(address: str) -> None:
        console.say(f"review at {address} (for this machine alone, with the key in it); stop with Ctrl-C")
        if opens:
            import webbrowser

            webbrowser.open(address)

    opened.serve(port, announce)


def _decide_rest(opened: "Review", rest: str) -> None:
    from evokd.api.reviewing import decide_rest
    from evokd.cli import console
    from evokd.cli.views.layout import count

    left = decide_rest(opened.run.folder, rest, opened.reviewer)
    console.say(f"{count(left, 'text')} left without a decision: {'as before' if rest == 'accept' else 'refused'}")


def _ask(opened: "Review") -> None:
    import sys

    from evokd.cli import console
    from evokd.cli.views.review_dialog import ReviewDialog

    ReviewDialog(console.stderr(), opened, sys.stdin.readline).ask()


def _tell_state(opened: "Review") -> None:
    from evokd.api.reviewing import summarise
    from evokd.cli import console

    counts = summarise(opened.pending().items)
    left = counts.pop("undecided")
    told = ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "nothing yet"
    console.say(f"decided: {told}; {left} left")
    if left:
        console.say(f"next: {_call('review', opened)}  or  {_call('resume', opened)} --rest accept|refuse")
    else:
        console.say(f"next: {_call('resume', opened)}")


def _call(command: str, opened: "Review") -> str:
    from evokd.cli import console

    return f"{console.program()} {command} {shlex.quote(str(opened.run.path))}"
