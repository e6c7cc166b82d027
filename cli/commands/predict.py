"""`evokd predict`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import Run, RunsDir


def predict(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Texts in any data format; - reads them in.")] = "-",
    form: Annotated[str | None, typer.Option("--format", metavar="lines|jsonl|csv|tsv|conll")] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Let a run's student answer texts; prints JSON lines."""
    from evokd import api
    from evokd.cli import console

    student = api.load_student(run, runs_dir)
    texts = api.read_texts(file, sys.stdin.buffer, form)
    for line in [*texts.describe(), *(f"note: {note}" for note in student.note_unseen(texts.texts))]:
        console.say(line)
    for number, answer in zip(texts.lines, student.predict(texts.texts), strict=True):
        console.print_json({"line": number, **answer})
