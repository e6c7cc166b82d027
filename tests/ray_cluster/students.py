"""The smallest student that can answer: untrained, or with its head trained on a few toy texts."""

import asyncio
from pathlib import Path

from evokd.student.process.local import LocalStudent
from evokd.student.protocol import TrainJob
from evokd.student.student_settings import StudentSettings
from tests.student.conftest import LABELS, build_tiny, write_texts

__all__ = ["build_tiny", "train_tiny"]


def train_tiny(base: Path, out: Path) -> Path:
    """Train the head of a tiny student; returns its folder."""
    settings = StudentSettings.model_validate({"base": str(base), "tune": "head", "device": "cpu", "threads": 1})
    job = TrainJob(
        task="classification",
        labels=LABELS,
        meanings={label: label for label in LABELS},
        examples=write_texts(24, 1),
        out=str(out),
        seed=3,
        settings=settings,
    )
    asyncio.run(LocalStudent(device="cpu", threads=1).train(job))
    return out
