"""Ask a run's student."""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.messages import EvokdError, InputError
from graph.config import Layer, build_settings
from graph.folder import RunFolder, read_config
from graph.sight import note_texts
from student.client import StudentClient, StudentError
from student.save import read_record
from student.tasks import codec


def read_texts(name: str, lines: Iterable[bytes], as_json: bool | None) -> list[str]:
    """Read texts: one a line, or JSON Lines with a key "text".

    Args:
        name: how an error names the source.
        lines: raw lines.
        as_json: whether lines are JSON objects; None looks at the first line.

    Raises:
        InputError: a line is not UTF-8, or no JSON object with a text; nothing to read at all.
    """
    texts = []
    for number, raw in enumerate(lines, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as exc:
            raise InputError(f"{name}:{number}: not UTF-8 text (byte {exc.start}); save the file as UTF-8") from exc
        if line and as_json is None:
            as_json = line.startswith("{")
        if line:
            texts.append(_text_of(f"{name}:{number}", line) if as_json else line)
    if not texts:
        raise InputError(f"{name}: no texts; give one a line, or JSON Lines with a key 'text'")
    return texts


def _text_of(place: str, line: str) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{place}: not a line of JSON; for plain texts use a file that is not named .jsonl") from exc
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{place}: needs a key 'text' with a text")
    return text


def note_sight(folder: RunFolder, texts: list[str]) -> list[str]:
    """Say what the run's student cannot see of texts; nothing where it has no student."""
    if not folder.student.is_dir():
        return []
    record = read_record(folder.student)
    task = codec(record["task"], record["labels"])
    return note_texts(folder.student, texts, record["max_length"], task.windows)


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

    async def ask(log: Path) -> list[dict[str, Any]]:
        client = StudentClient(log, device=settings.student.device, threads=settings.student.threads)
        try:
            found = await client.predict(folder.student, texts)
        finally:
            await client.close()
        return [
            {**task.write_row(text, item.answer), "confidence": item.confidence, "scores": item.scores}
            for text, item in zip(texts, found, strict=True)
        ]

    with _log_elsewhere() as log:
        return asyncio.run(ask(log))


@contextmanager
def _log_elsewhere() -> Iterator[Path]:
    """A file for the words of the student process: the run's folder may be read-only, or hold a run that goes on.

    It is kept where something went wrong, for the error names it.
    """
    try:
        number, name = tempfile.mkstemp(prefix="evokd-student-", suffix=".log")
        os.close(number)
    except OSError:  # no room anywhere
        name = os.devnull
    kept = name == os.devnull
    try:
        yield Path(name)
    except StudentError:
        kept = True
        raise
    finally:
        if not kept:
            Path(name).unlink(missing_ok=True)


def _tell_no_student(folder: RunFolder) -> str:
    if folder.summary.is_file():
        return "its student was deleted, as a backtest does with its runs; make one that keeps it with: evokd run"
    return f"no student yet; the run has not ended: wait for it, or go on with: evokd resume {folder.path}"


def read_file(path: Path) -> list[str]:
    """Read the texts of a file, JSON Lines if it is named so.

    Raises:
        InputError: see `read_texts`; also when there is no such file.
    """
    try:
        with path.open("rb") as file:
            return read_texts(str(path), file, path.suffix in (".jsonl", ".json"))
    except FileNotFoundError as exc:
        raise InputError(f"{path}: no such file") from exc
    except IsADirectoryError as exc:
        raise InputError(f"{path}: is a folder; name a file") from exc
    except PermissionError as exc:
        raise InputError(f"{path}: cannot be read") from exc
