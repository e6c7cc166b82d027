"""The end of a run, behind its summary: it is cleaned up, its last event is written, its files are stored."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_store import save_files
from evokd.messages import EvokdError
from evokd.tracing.events import FINISHED, Emit, EventLog, holds_event
from evokd.tracing.summary import read_summary


def finish_run(folder: RunFolder, log: Emit, keep_versions: bool = False) -> dict[str, Any]:
    """Clean up after a run whose graph has ended, and log its end; returns the summary.

    Raises:
        EvokdError: the graph has left no summary.
    """
    summary = read_summary(folder.summary)
    if summary is None:
        raise EvokdError(f"{folder.path}: the graph ended without a summary; its events are in {folder.events}")
    if not keep_versions:
        shutil.rmtree(folder.work, ignore_errors=True)
    log(FINISHED, **summary)
    return summary


def lacks_end(folder: RunFolder) -> bool:
    """Whether the process of a run ended between its summary and its last event: killed, or by a full disk."""
    return folder.summary.is_file() and folder.events.is_file() and not holds_event(folder.events, FINISHED)


def complete_end(folder: RunFolder, summary: Mapping[str, Any], keep_versions: bool = False) -> None:
    """Do what the process that wrote the summary of a run was yet to do.

    Raises:
        ResumeError: another process is working on it.
        OSError: the last event cannot be written.
        LedgerError: the database is away, or refuses.
    """
    clears, lacks = folder.work.is_dir() and not keep_versions, lacks_end(folder)
    if not (clears or lacks or folder.is_in_database):
        return
    with folder.lock():
        if clears:
            shutil.rmtree(folder.work, ignore_errors=True)
        if lacks:
            _log_end(folder, summary)
        save_files(folder)


def _log_end(folder: RunFolder, summary: Mapping[str, Any]) -> None:
    """Write the last event with the time at which the summary was written: until then the run was at work."""
    time = datetime.fromtimestamp(folder.summary.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    log = EventLog(folder.events, folder.run_id)
    try:
        log(FINISHED, **{**summary, "time": time})
    finally:
        log.close()
