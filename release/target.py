"""The folder that an export is written to: new or empty before, and whole or absent afterwards."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean


def check_target(path: Path) -> None:
    """Check that an export may be written to a folder.

    Raises:
        InputError: something lies there already, or nothing can be written there.
    """
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"--to {path}: is a file; name a folder that is new or empty")
        if path.is_dir() and any(path.iterdir()):
            raise InputError(f"--to {path}: already holds files; name a folder that is new or empty")
        existing = next(parent for parent in path.absolute().parents if parent.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"--to {path}: {existing} cannot be written to; name another folder")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(f"--to {path}: cannot be written ({reason}); name another folder") from exc


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write to, which takes its name once all is written; on an error nothing is left.

    Raises:
        InputError: see `check_target`.
        EvokdError: it cannot be written, such as to a full disk.
    """
    check_target(path)
    whole = path.absolute()  # `.` has no name of its own
    partial = whole.with_name(f".{whole.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if whole.is_dir():  # it may be where somebody works, so that it stays the same folder
            for item in partial.iterdir():
                item.rename(whole / item.name)
        else:
            partial.rename(whole)
    except OSError as exc:
        if exc.errno is None:  # what transformers raises where it cannot load a model
            raise EvokdError(f"the student cannot be exported ({clean(str(exc), 200)})") from exc
        raise EvokdError(f"--to {path}: cannot be written ({exc.strerror})") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)
