"""Whether the packages are installed that settings of the student ask for. Light: imports none of them."""

import importlib.util

from evokd.messages import InputError
from evokd.student.student_settings import StudentSettings


def check_lora(settings: StudentSettings) -> None:
    """Check that adapters can be trained where they are asked for.

    Raises:
        InputError: the package is missing.
    """
    if settings.lora.rank and importlib.util.find_spec("peft") is None:
        raise InputError("student.lora.rank: adapters need the package peft: pip install 'evokd[lora]'")
