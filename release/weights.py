"""Write a student as a folder for plain transformers, its temperature divided into the output layer."""

import json
import shutil
from pathlib import Path

from evokd.release.student_folder import StudentFolder
from evokd.student.base_config import RECORD

_OURS = {RECORD, "README.md"}
"""Files that are written anew."""


def copy_without_weights(student: StudentFolder, out: Path) -> None:
    """Copy configuration and tokenizer, and write `evokd.json`.

    Args:
        student: the student.
        out: an existing folder.
    """
    for path in sorted(student.path.iterdir()):
        if path.is_file() and path.name not in _OURS and ".safetensors" not in path.name:
            shutil.copyfile(path, out / path.name)
    text = json.dumps(student.released_record(), ensure_ascii=False, indent=2) + "\n"
    (out / RECORD).write_text(text, encoding="utf-8", newline="\n")


def write_weights(student: StudentFolder, out: Path) -> None:
    """Write the weights as safetensors; bit for bit those of the student where there is no temperature.

    Args:
        student: the student.
        out: an existing folder.
    """
    if student.temperature == 1.0:
        for path in sorted(student.path.glob("*.safetensors*")):
            shutil.copyfile(path, out / path.name)
        return
    config = (out / "config.json").read_bytes()
    student.load_calibrated().save_pretrained(out)  # type: ignore[operator]
    (out / "config.json").write_bytes(config)
    for path in out.glob("*.safetensors"):  # safetensors writes for the owner alone
        path.chmod((out / "config.json").stat().st_mode)
