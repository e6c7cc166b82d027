"""`evokd eval`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import ContentAsJson, RunsDir, StudentRun


def evaluate(
    run: StudentRun,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled rows, as a domain's data.")],
    text_column: Annotated[str | None, typer.Option(metavar="NAME", help="Column of the texts, if not 'text'.")] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the labels, if not 'label'.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: ContentAsJson = False,
) -> None:
    """Score a run's student on labelled rows: metrics, a report per label, the confusion matrix.

    \b
    Examples:
      evokd eval my_run new_rows.jsonl
      evokd eval my_run mails.csv --text-column Body --label-column Queue --json
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.evaluation_page import show_evaluation

    named = {"text": text_column, "label": label_column}
    columns = {known: name for known, name in named.items() if name is not None}
    facts = api.load_student(run, runs_dir).evaluate(file, columns)
    if as_json:
        console.print_json(facts)
    else:
        show_evaluation(console.stdout(), facts)
