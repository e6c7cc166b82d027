"""Ask a run's student."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evokd.graph.setup.config_layers import ConfigSource, build_settings
from evokd.graph.setup.readability import note_texts
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.messages import EvokdError
from evokd.student.process.client import StudentClient, StudentError
from evokd.student.record import read_record
from evokd.student.tasks.registry import codec


def note_sight(folder: RunFolder, texts: list[str]) -> list[str]:
    """Say what the run's student cannot read in the texts; empty if the run has no student."""
    try:
        record = read_record(folder.student)
    except StudentError:  # `predict_texts` reports it
        return []
    task = codec(record["task"], record["labels"])
    return note_texts(folder.student, texts, record.get("max_length", sys.maxsize), task.windows)


def predict_texts(folder: RunFolder, texts: list[str]) -> list[dict[str, Any]]:
    """Let the champion of a finished run answer texts: rows of the data format plus `confidence` and `scores`.

    Raises:
        EvokdError: the run has no student yet, or the student fails.
    """
    if not folder.student.is_dir():
        raise EvokdError(f"{folder.path}: {_tell_no_student(folder)}")
    settings = build_settings([ConfigSource(str(folder.config), read_config(folder)["settings"])])
    record = read_record(folder.student)
    task = codec(record["task"], record["labels"])

    async def ask(log: Path) -> list[dict[str, Any]]:
        client = StudentClient(log, device=settings.student.device, threads=settings.student.threads)
        try:
            predictions = await client.predict(folder.student, texts)
        finally:
            await client.close()
        return [
            {**task.write_row(text, item.answer), "confidence": item.confidence, "scores": item.scores}
            for text, item in zip(texts, predictions, strict=True)
        ]

    with _log_elsewhere() as log:
        return asyncio.run(ask(log))


@contextmanager
def _log_elsewhere() -> Iterator[Path]:
    """A log file for the student process outside the run's folder, which may be read-only or in use by the run.

    It is kept if something went wrong, since the error names it.
    """
    try:
        number, name = tempfile.mkstemp(prefix="evokd-student-", suffix=".log")
        os.close(number)
    except OSError:  # no space anywhere
        name = os.devnull
    keep = name == os.devnull
    try:
        yield Path(name)
    except StudentError:
        keep = True
        raise
    finally:
        if not keep:
            Path(name).unlink(missing_ok=True)


def _tell_no_student(folder: RunFolder) -> str:
    if folder.summary.is_file():
        return "its student was deleted, as experiments do after their runs; start a run that keeps it with: evokd run"
    return f"no student yet, as the run has not ended; wait for it, or resume it with: evokd resume {folder.path}"
