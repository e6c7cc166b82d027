"""Where the record of a run lies."""

from dataclasses import dataclass
from pathlib import Path

from evokd.messages import InputError
from evokd.tracing.events import read_events
from evokd.tracing.ledger import Ledger, open_ledger
from evokd.tracing.timeline import Timeline, make_timeline


@dataclass(frozen=True)
class RunSource:
    """The files of a run that are exported."""

    run_id: str
    folder: Path
    events: Path
    ledger: Path
    summary: Path
    config: Path
    student: Path
    """Folder of the trained student; it is there once the run has ended."""

    def read_times(self) -> Timeline:
        """Read when things happened.

        Raises:
            InputError: there is no event log, or nothing is in it.
        """
        timeline = make_timeline(read_events(self.events) if self.events.is_file() else ())
        if timeline is None:
            raise InputError(f"{self.events}: no event of a run is in it, so there is nothing to export")
        return timeline

    def open_ledger(self) -> Ledger:
        """Open the ledger for reading; the caller closes it.

        Raises:
            InputError: there is none.
        """
        return open_ledger(self.ledger)
