"""`evokd export`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import RunsDir


def export(
    run: Annotated[str, typer.Argument(metavar="RUN|FOLDER", help="A run id, a run's path, or a student's folder.")],
    form: Annotated[str, typer.Option("--format", metavar="hf|onnx|dataset|conll", help="What to write.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that is new or empty.")],
    with_own_rows: Annotated[
        bool, typer.Option("--with-own-rows", help="Data sets: also your own texts, which stay private otherwise.")
    ] = False,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="NAME", help="Licence for the card, such as apache-2.0.")
    ] = None,
    push: Annotated[
        str | None,
        typer.Option("--push", metavar="OWNER/NAME", help="Push to the model hub; the token is in HF_TOKEN."),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="The repository that is made may be seen by all.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Take a student or the texts of a run away, with a card that says what it is.

    \b
    hf       a folder for plain transformers
    onnx     model.onnx and model_int8.onnx for onnxruntime
    dataset  texts with their lineage, as JSON lines and Parquet (also called jsonl)
    conll    texts as columns of words and tags

    \b
    Examples:
      evokd export my_run --format hf --to my_model
      evokd export my_run --format onnx --to my_onnx
      evokd export my_run --format dataset --to my_data --license cc-by-4.0
      evokd export my_run --format hf --to my_model --push my-team/my-model
    """
    from evokd import api
    from evokd.api.interruption import signals_stop
    from evokd.cli import console

    with signals_stop():  # so that nothing half written is left
        done = api.export(
            run, form, to, with_own_rows=with_own_rows, licence=licence, push_to=push, public=public, runs_dir=runs_dir
        )
    for line in done.told:
        console.say(line)
    console.say(f"written to {done.folder}")
    if done.address is not None:
        console.say(f"pushed to {done.address}")
