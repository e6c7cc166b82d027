"""`evokd predict`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evokd.cli.options import On, Quiet, RayAddress, RayGpus, RunsDir, StudentRun

if TYPE_CHECKING:
    from evokd.api import RayOptions, ShardOptions
    from evokd.api.students import Student
    from evokd.api.texts import Input

_PREFIX = "predicted_"
"""What the columns of the answers begin with in a file, where nothing else is said."""


def predict(
    run: StudentRun,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="Rows in any data format; - reads them in.")
    ] = None,
    given: Annotated[str | None, typer.Option("--input", metavar="FILE", help="The same, as an option.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="All columns and the answers go here: .csv, .tsv, .jsonl, .parquet; on Ray a folder. None: JSON lines."
        ),
    ] = None,
    text_column: Annotated[str | None, typer.Option(metavar="NAME", help="Column of the texts, if not 'text'.")] = None,
    reject: Annotated[
        float | None, typer.Option(metavar="CONFIDENCE", help="Below this confidence (0 to 1) an answer is 'unsure'.")
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Write the probability of every label with --output; JSON lines have it.")
    ] = False,
    prefix: Annotated[
        str | None,
        typer.Option(help="What the columns of the answers begin with; with --output 'predicted_' if left out."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="With a folder of `export --format onnx`: 8-bit weights.")
    ] = False,
    form: Annotated[str | None, typer.Option("--format", metavar="lines|jsonl|csv|tsv|conll|parquet")] = None,
    on: On = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = 0.0,
    shard_rows: Annotated[
        int | None,
        typer.Option(
            min=1, help="On Ray: lines of the input per file of answers.  [default: 5,000]", show_default=False
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="On Ray: workers; all cores if not given.")] = None,
    runs_dir: RunsDir = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Let a run's student answer the rows of a file; other columns, ids and rows without a text are kept.

    \b
    Examples:
      echo 'where is my parcel?' | evokd predict my_run
      evokd predict my_run mails.csv --text-column Body --output answered.csv
      evokd predict my_run mails.csv --text-column Body --reject 0.7 --output answered.csv
      evokd predict my_run mails.parquet --on ray --output answered/
    """
    from evokd import api
    from evokd.api.interruption import signals_stop
    from evokd.cli.ray_options import choose_cluster
    from evokd.messages import InputError

    if file is not None and given is not None:
        raise InputError(f"--input {given}: the rows are named already ({file}); leave one of them out")
    if output is not None and prefix == "":
        raise InputError("--prefix: give one letter or more, so that no column of the input is written over")
    api.check_reject(reject)
    name = file or given or "-"
    cluster = choose_cluster(on, ray_address, ray_gpus)
    if cluster is not None:
        options = api.ShardOptions(shard_rows or api.SHARD_ROWS, prefix or _PREFIX, reject, scores)
        student, rows = api.load_student(run, runs_dir, int8=int8), _open(name, form, text_column)
        _write_shards(student, rows, output, cluster, options, jobs, quiet)
        return
    if shard_rows is not None or jobs is not None:
        raise InputError(f"--{'jobs' if shard_rows is None else 'shard-rows'}: is for a cluster; add --on ray")
    with signals_stop(), api.AnsweringProcess() as process:  # it loads torch while the rest is looked at
        student = api.load_student(run, runs_dir, int8=int8, process=process)
        if output is not None:
            api.check_output(output)
            _check_apart(output, name)
        rows = _open(name, form, text_column)
        _tell_rows(student, rows, quiet)
        if output is None:
            _print(student, rows, prefix or "", reject)
        else:
            _write(student, rows, output, prefix or _PREFIX, reject, scores, quiet)


def _open(name: str, form: str | None, text_column: str | None) -> "Input":
    from evokd import api

    return api.open_input(name, sys.stdin.buffer, form, text_column)


def _tell_rows(student: "Student", rows: "Input", quiet: bool) -> None:
    """Say how the rows were read, and what the student cannot read of them."""
    from evokd.cli import console

    for line in [*rows.describe(quiet), *(f"note: {note}" for note in student.note_unseen(rows.first))]:
        console.say(line)


def _write_shards(
    student: "Student",
    rows: "Input",
    output: Path | None,
    cluster: "RayOptions",
    options: "ShardOptions",
    jobs: int | None,
    quiet: bool,
) -> None:
    """Answer on a cluster, into a folder of files."""
    from evokd import api
    from evokd.api.interruption import signals_stop
    from evokd.cli import console
    from evokd.cli.views.layout import count
    from evokd.cli.views.shard_progress import ShardProgress
    from evokd.messages import InputError

    if output is None:
        raise InputError("--on ray: the answers are a folder of files; name it with --output")
    api.check_shardable(rows)
    _tell_rows(student, rows, quiet)
    with signals_stop(), ShardProgress(console.stderr(), rows.count, quiet) as progress:
        done = api.predict_on_ray(student, rows, output, cluster, options, jobs=jobs, on_event=progress)
    console.say(f"{count(done.texts, 'answer')} in {count(done.shards, 'file')}: {output}")


def _check_apart(output: Path, file: str) -> None:
    """Refuse to write answers over the rows that they are about.

    Raises:
        InputError: input and output are one file.
    """
    from evokd.messages import InputError

    if output.exists() and Path(file).exists() and output.samefile(file):
        raise InputError(f"--output {output}: is the input, which stays as it is; name another file")


def _print(student: "Student", rows: "Input", prefix: str, reject: float | None) -> None:
    """Print answers as JSON lines; rows without a text are passed over."""
    from evokd.cli import console

    for part in student.answer_rows(iter(rows), prefix, reject):
        for item in part:
            if item.columns:
                console.print_json({"line": item.row.number, "text": item.row.text, **item.columns})


def _write(
    student: "Student",
    rows: "Input",
    output: Path,
    prefix: str,
    reject: float | None,
    scores: bool,
    quiet: bool,
) -> None:
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.answer_progress import count_answers
    from evokd.cli.views.layout import count

    names = student.name_columns(prefix, reject, scores, rows.columns)
    api.check_rows(output, (row.fields for row in rows))
    empty = dict.fromkeys(names)
    answered = student.answer_rows(iter(rows), prefix, reject, scores, api.has_cells(output))
    with api.OutputFile(output, [*rows.columns, *names]) as file:
        for part in count_answers(answered, rows.count, quiet):
            file.write([{**item.row.fields, **empty, **item.columns} for item in part])
    console.say(f"{count(rows.texts, 'answer')}: {output}")
