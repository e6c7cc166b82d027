"""A log file for a student process that belongs to no run, or to one whose folder must not be written to."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evokd.student.protocol import StudentError


@contextmanager
def log_elsewhere() -> Iterator[Path]:
    """Make a log file outside any run's folder, which may be read-only or in use by the run.

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
