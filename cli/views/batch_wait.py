"""What a run waits for at a server that answers by batch."""

from collections.abc import Callable, Mapping
from typing import Any

from evokd.cli.views.experiment_progress import format_duration
from evokd.cli.views.layout import count

_ENDS = {
    "completed": "has ended",
    "expired": "has expired",
    "cancelled": "was cancelled",
    "failed": "was refused by the server",
}


class BatchWait:
    """Follows the batches of a run that have not ended.

    Args:
        clock: seconds, from any zero.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, tuple[Mapping[str, Any], float]] = {}
        """Id of a batch -> the last event about it, and the time of the next look."""

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Take one event in; returns a line where a batch has begun or ended."""
        name, status = event["batch"], event["status"]
        calls = count(event["calls"], "call")
        if event.get("missing"):
            lost = "that call" if event["calls"] == 1 else count(event["missing"], "call")
            again = "it is" if event["missing"] == 1 else "they are"
            return f"the output of the batch of {calls} lacks {lost}: {again} asked again, and perhaps charged twice"
        if event["next_look"] is None:
            self._open.pop(name, None)
            without = f", {event['failed']:,} without a reply" if event["failed"] else ""
            return f"batch of {calls} {_ENDS.get(status, status)}: {event['done']:,} answered{without}"
        is_new = name not in self._open
        self._open[name] = (event, self._clock() + event["next_look"])
        if not is_new:
            return None
        fate = "was sent earlier" if event.get("is_found") else "sent"
        return f"batch of {calls} {fate} ({name}); waiting, Ctrl-C is safe: evokd resume goes on"

    def tell(self) -> str:
        """Write what is waited for, behind the name of the node; empty where nothing is."""
        if not self._open:
            return ""
        event, at = max(self._open.values(), key=lambda item: item[0]["calls"])
        others = f" and {len(self._open) - 1} more" if len(self._open) > 1 else ""
        left = format_duration(max(0.0, at - self._clock()))
        status = str(event["status"]).replace("_", " ")
        batch = f"batch of {count(event['calls'], 'call')}{others}"
        return f", {batch}: {status}, {event['done']:,} done, next look in {left}"
