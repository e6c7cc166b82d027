"""`evokd.json` of a student folder: its task, labels, length, and how sure it may be. Light: no torch."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.student.base_config import RECORD
from evokd.student.protocol import Calibration, StudentError

NEEDED: Mapping[str, type] = {"task": str, "labels": list}
"""What answers cannot be given without."""


def read_record(folder: Path) -> dict[str, Any]:
    """Read `evokd.json` of a student folder: task, labels, max_length, tune, encoder, calibration.

    Raises:
        StudentError: the folder is no student.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise StudentError(f"{folder} is no student of this program: {RECORD} cannot be read ({exc})") from exc
    return record


def open_record(folder: Path, needs: Mapping[str, type] = NEEDED) -> dict[str, Any]:
    """Read `evokd.json` of a folder that a user names, and check it.

    Args:
        folder: the folder.
        needs: key -> type of what must stand in it.

    Raises:
        InputError: the folder is no student, or the file is not as this program writes it.
    """
    try:
        record = read_record(folder)
    except StudentError as exc:
        raise InputError(str(exc)) from exc
    fault = _find_fault(record, needs)
    if fault is not None:
        raise InputError(f"{folder / RECORD}: damaged ({fault}); export the run that made the student")
    return record


def _find_fault(record: Any, needs: Mapping[str, type]) -> str | None:
    """What no `evokd.json` of this program holds, or lacks; None where nothing is wrong."""
    for key, kind in needs.items():
        if not isinstance(record, dict) or not isinstance(record.get(key), kind):
            return f"the key {key!r} is missing or not a {kind.__name__}"
    calibration = record.get("calibration")
    temperature = calibration.get("temperature", 1.0) if isinstance(calibration, dict) else 1.0
    if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        return f"temperature {temperature!r}"
    return None


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `evokd.json`; it appears whole or not at all."""
    write_atomically(folder / RECORD, json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def store_calibration(folder: Path, calibration: Calibration) -> None:
    """Add to a student's `evokd.json` what its logits are divided by; a folder without the file is left alone."""
    if (folder / RECORD).is_file():
        write_record(folder, {**read_record(folder), "calibration": calibration.model_dump(mode="json")})


def read_temperature(record: Mapping[str, Any]) -> float:
    """Read from an `evokd.json` what the student's logits are divided by; 1.0 where nothing was measured."""
    calibration = record.get("calibration")
    return float(calibration.get("temperature", 1.0)) if isinstance(calibration, dict) else 1.0
