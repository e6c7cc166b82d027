"""Ask a run's student."""

import asyncio
from typing import Any

from agents.messages import EvokdError
from graph.config import Layer, build_settings
from graph.folder import RunFolder, read_config
from student.client import StudentClient
from student.save import read_record
from student.tasks import codec


def predict_texts(folder: RunFolder, texts: list[str]) -> list[dict[str, Any]]:
    """Let the champion of a finished run answer texts: rows of the data format plus `confidence` and `scores`.

    Raises:
        EvokdError: the run has no student yet, or the student fails.
    """
    if not folder.student.is_dir():
        raise EvokdError(f"{folder.path}: {_tell_no_student(folder)}")
    settings = build_settings([Layer(str(folder.config), read_config(folder)["settings"])])
    record = read_record(folder.student)
    task = codec(record["task"], record["labels"])

    async def ask() -> list[dict[str, Any]]:
        log = folder.path / "student.log"
        client = StudentClient(log, device=settings.student.device, threads=settings.student.threads)
        try:
            found = await client.predict(folder.student, texts)
        finally:
            await client.close()
        return [
            {**task.write_row(text, item.answer), "confidence": item.confidence, "scores": item.scores}
            for text, item in zip(texts, found, strict=True)
        ]

    return asyncio.run(ask())


def _tell_no_student(folder: RunFolder) -> str:
    if folder.summary.is_file():
        return "its student was deleted, as a backtest does with its runs; make one that keeps it with: evokd run"
    return f"no student yet; the run has not ended, go on with: evokd resume {folder.path}"
