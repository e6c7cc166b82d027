"""What the terminal tells of batches: that they are waited for, how they stand, how they end."""

import io
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from evokd.cli.views.batch_wait import BatchWait
from evokd.cli.views.progress import Progress


@dataclass
class FakeClock:
    """A clock that goes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def look(status: str, done: int, next_look: float | None, **changes: Any) -> dict[str, Any]:
    counts = {"calls": 412, "done": done, "failed": 0}
    return {"event": "batch", "batch": "batch_1", "status": status, **counts, "next_look": next_look, **changes}


def test_the_live_line_tells_how_the_largest_batch_stands() -> None:
    clock = FakeClock()
    wait = BatchWait(clock)
    assert wait.tell() == ""
    assert wait.take(look("validating", 0, 15.0)) == (
        "batch of 412 calls sent (batch_1); waiting, Ctrl-C is safe: evokd resume goes on"
    )
    assert wait.take(look("in_progress", 120, 30.0)) is None, "it is said once"
    assert wait.tell() == ", batch of 412 calls: in progress, 120 done, next look in 30 s"
    clock.now += 12
    assert wait.tell().endswith("next look in 18 s")
    wait.take(look("in_progress", 1, 300.0, batch="batch_2", calls=7))
    assert wait.tell().startswith(", batch of 412 calls and 1 more: in progress")


def test_a_batch_that_an_earlier_process_sent_is_not_said_to_be_sent_again() -> None:
    told = BatchWait(FakeClock()).take(look("in_progress", 1, 15.0, is_found=True))
    assert told == ("batch of 412 calls was sent earlier (batch_1); waiting, Ctrl-C is safe: evokd resume goes on")


def test_an_end_is_told_with_what_is_left_without_a_reply() -> None:
    wait = BatchWait(FakeClock())
    wait.take(look("in_progress", 120, 30.0))
    told = wait.take(look("expired", 300, None, failed=112))
    assert told == "batch of 412 calls has expired: 300 answered, 112 without a reply"
    assert wait.tell() == ""


def test_calls_that_the_output_lacks_are_told_once_it_is_read() -> None:
    wait = BatchWait(FakeClock())
    wait.take(look("completed", 412, None))
    assert wait.take(look("completed", 412, None, missing=3)) == (
        "the output of the batch of 412 calls lacks 3 calls: they are asked again, and perhaps charged twice"
    )
    assert wait.take(look("completed", 1, None, calls=1, missing=1)) == (
        "the output of the batch of 1 call lacks that call: it is asked again, and perhaps charged twice"
    )


def test_a_line_of_a_run_fits_into_80_columns_and_shows_what_a_server_wrote_as_text() -> None:
    paper = io.StringIO()
    progress = Progress(Console(file=paper, width=80, force_terminal=True, color_system=None), clock=FakeClock())
    progress({"event": "node_started", "cycle": 1, "node": "label"})
    progress(look("in_progress", 120, 30.0, batch="[red]b[/]\x1b[2J"))
    line = progress._line()
    assert line[:80].endswith("in progress, 120 done, next look in 30 s"[: 80 - line.index("in progress")])
    assert line.index("120 done") < 70
    assert "[red]b[/]" in paper.getvalue()
    assert "\x1b[2J" not in paper.getvalue()
