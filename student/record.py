"""`evokd.json` of a student folder: its task, labels, length, and how sure it may be. Light: no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages.files import write_atomically
from evokd.student.base_config import RECORD
from evokd.student.protocol import Calibration, StudentError


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
