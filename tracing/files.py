"""JSON files that are there whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages import EvokdError, InputError


def make_folder(path: Path, option: str) -> None:
    """Make a folder that results are written to, with those above it.

    Args:
        path: the folder; may be there.
        option: the command's option that named it.

    Raises:
        InputError: something else has this name, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as exc:
        raise InputError(f"{option} {path}: is not a folder; name another one") from exc
    except (OSError, ValueError) as exc:
        told = getattr(exc, "strerror", None) or exc
        raise InputError(f"{option} {path}: the folder cannot be made ({told}); name another one") from exc


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")
    part.replace(path)


def read_json(path: Path, needed: str, advice: str) -> dict[str, Any] | None:
    """Read a JSON file; None where there is none.

    Args:
        path: the file.
        needed: a key without which it is not what it should be.
        advice: how to mend a damaged one.

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
