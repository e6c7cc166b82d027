"""JSON files of runs and experiments, and the folders for them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages import EvokdError, InputError
from evokd.messages.files import write_atomically


def make_folder(path: Path, option: str) -> None:
    """Make a folder for results, with its parents.

    Args:
        path: the folder; it may exist.
        option: the option of the command that names it.

    Raises:
        InputError: something else has this name, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as exc:
        raise InputError(f"{option} {path}: is not a folder; name another one") from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise InputError(f"{option} {path}: the folder cannot be made ({reason}); name another one") from exc


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON file; it appears whole or not at all."""
    write_atomically(path, json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path, needed: str, advice: str) -> dict[str, Any] | None:
    """Read a JSON file; None where there is none.

    Args:
        path: the file.
        needed: a key that every such file has.
        advice: how to mend a damaged file.

    Raises:
        EvokdError: the file is damaged, or cannot be read.
    """
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise EvokdError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    except ValueError as exc:
        raise EvokdError(f"{path}: damaged ({exc}); {advice}") from exc
    if not isinstance(record, dict) or needed not in record:
        raise EvokdError(f"{path}: damaged (no {needed!r} in it); {advice}")
    return record
