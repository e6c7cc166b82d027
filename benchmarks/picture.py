"""Draw the picture of the README from a finished run: its events as the terminal showed them, and one weakness.

evokd run support_tickets --cycles 3 --seed 1 --run-id demo
python -m benchmarks.picture runs/demo            # writes docs/demo.svg
"""

import argparse
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from evokd.cli.views.lineage_pages import show_weakness
from evokd.cli.views.progress import Progress
from evokd.cli.views.result_view import tell_result
from evokd.messages import InputError
from evokd.tracing.events import read_events
from evokd.tracing.ledger import open_ledger
from evokd.tracing.summary import read_summary

WIDTH = 140
SHOWN_LINES = 26
"""Lines of the weakness that the picture shows."""
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--weakness", help="its id; the first that was taught if not given")
    parser.add_argument("--out", type=Path, default=Path("docs/demo.svg"))
    arguments = parser.parse_args()
    arguments.out.write_text(draw(arguments.run, arguments.weakness), encoding="utf-8")


def draw(run: Path, weakness: str | None) -> str:
    """The picture of a finished run as SVG text, without fonts from elsewhere."""
    summary = read_summary(run / "summary.json")
    if summary is None:
        raise InputError(f"{run}: the run has not ended; finish it with: evokd resume {run}")
    console = _Paper(record=True, width=WIDTH, force_terminal=True, force_interactive=False)
    cycles = summary["cycles"][-1]["cycle"]
    _type(console, f"evokd run {summary['domain']} --cycles {cycles} --seed {summary['seed']} --run-id {run.name}")
    progress = Progress(console)
    for event in read_events(run / "events.jsonl"):
        progress(_place(event, run))
    tell_result(console, summary, f"runs/{run.name}", "evokd")
    ledger = open_ledger(run / "ledger.db")
    chosen = weakness or next((row["id"] for row in ledger.weaknesses() if row["state"] != "dropped"), None)
    if chosen is not None:
        _type(console, f"evokd show {run.name} --weakness {chosen}")
        _show_beginning(console, lambda paper: show_weakness(paper, ledger, chosen))
    ledger.close()
    text = console.export_svg(title="evokd")
    return re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL).replace("Fira Code, monospace", FONT)


class _Paper(Console):
    """A console that breaks every line at its width: a picture has nothing beside it, as a terminal has below it."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
        """Print, and break lines that are meant for a terminal to break."""
        super().print(*objects, soft_wrap=False, **options)


def _show_beginning(console: Console, show: Callable[[Console], None]) -> None:
    """Show the first lines of a page, and how many follow."""
    page = io.StringIO()
    show(_Paper(file=page, width=WIDTH, force_terminal=True))
    lines = page.getvalue().splitlines()
    for line in lines[:SHOWN_LINES]:
        console.print(Text.from_ansi(line))
    if len(lines) > SHOWN_LINES:
        console.print(f"    ({len(lines) - SHOWN_LINES} more lines)", style="dim", highlight=False)


def _type(console: Console, command: str) -> None:
    console.print(f"$ {command}", markup=False, highlight=False, style="bold")


def _place(event: dict[str, Any], run: Path) -> dict[str, Any]:
    """The event with the paths that a user in the project's folder would see."""
    if "folder" not in event:
        return event
    notes = [re.sub(r"^\S*/(?=domains/)", "", note) for note in event.get("notes", [])]
    return {**event, "folder": f"runs/{run.name}", "notes": notes}


if __name__ == "__main__":
    main()
