"""Ask a trained student."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evokd.api.blocking import call_blocking
from evokd.api.record import Run, find_run
from evokd.graph.predict import note_sight, predict_texts
from evokd.messages import InputError


class Student:
    """The student of a finished run.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Answer texts in a separate process.

        Returns:
            Per text a row of the data format ("text" with "label" or "entities"), "confidence" (0 to 1) and "scores".

        Raises:
            InputError: `texts` is no list of texts.
            EvokdError: the run has no student yet, or the student fails.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise InputError("predict: give a list of texts, such as ['where is my parcel?']")
        return call_blocking(lambda: predict_texts(self._run.folder, list(texts)))

    def note_unseen(self, texts: Sequence[str]) -> list[str]:
        """Say what the student cannot see of texts: the ends of long ones, characters that it does not know."""
        return note_sight(self._run.folder, list(texts))


def load_student(run: str | Path | Run, runs_dir: str | Path = "runs") -> Student:
    """Find the student of a run.

    Args:
        run: the run, its folder, or its id in `runs_dir`.
        runs_dir: folder that holds the runs.

    Raises:
        InputError: there is no such run.
    """
    return Student(run if isinstance(run, Run) else find_run(run, runs_dir))
