"""Where the record of a run lies."""

from dataclasses import dataclass
from pathlib import Path

from evokd.exporters.timeline import Timeline, read_timeline
from evokd.tracing.ledger import Ledger, open_ledger


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
            EvokdError: there is no event log, or nothing is in it.
        """
        return read_timeline(self.events)

    def open_ledger(self) -> Ledger:
        """Open the ledger for reading; the caller closes it.

        Raises:
            EvokdError: there is none.
        """
        return open_ledger(self.ledger)
