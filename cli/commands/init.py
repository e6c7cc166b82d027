"""`evokd init`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evokd.cli.options import AsJson, BaseUrl

if TYPE_CHECKING:
    from evokd.api.domain_making import AmbiguousColumnsError


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new domain folder.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Your texts: a table, JSON, CoNLL, or a labelling tool's export."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="classification|multilabel|ner", help="Taken from the file if left out; multilabel never is."
        ),
    ] = None,
    text_column: Annotated[str | None, typer.Option(metavar="NAME", help="The column of the texts.")] = None,
    label_column: Annotated[str | None, typer.Option(metavar="NAME", help="The column of the labels.")] = None,
    label_names: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="What the labels 0, 1, ... mean; or the labels you want.")
    ] = None,
    pool: Annotated[Path | None, typer.Option(metavar="FILE", help="More texts without labels.")] = None,
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Language of the texts; guessed.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
    teacher: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A language model that drafts description and meanings.")
    ] = None,
    base_url: BaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a domain folder from your own file, or an example to edit.

    \b
    Examples:
      evokd init my_domain --from tickets.csv
      evokd init my_domain --from tickets.csv --text-column Body --label-column Queue
      evokd init my_domain --from labelled.jsonl --pool archive.txt
      evokd init my_domain --from tickets.csv --teacher gpt-4o-mini
      evokd init my_domain --from remarks.csv --task multilabel --label-column Tags
      evokd init my_domain --task ner
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.views.new_domain_view import print_new_domain
    from evokd.cli.views.waiting import show_waiting

    asked: dict[str, Any] = {"text_column": text_column, "label_column": label_column}
    while True:
        try:
            with show_waiting("reading the rows and comparing them with each other"):
                facts = api.init_domain(
                    name,
                    source=source,
                    task=task,
                    label_names=label_names.split(",") if label_names is not None else (),
                    pool=pool,
                    language=language,
                    seed=seed,
                    teacher=teacher,
                    base_url=base_url,
                    **asked,
                )
            break
        except api.AmbiguousColumnsError as exc:
            key = exc.flag.removeprefix("--").replace("-", "_")
            if asked[key] is not None or not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            asked[key] = _choose(exc)
    if as_json:
        console.print_json(facts)
    else:
        print_new_domain(console.stdout(), facts, console.program())


def _choose(exc: "AmbiguousColumnsError") -> str:
    """Ask which of several columns is meant."""
    from evokd.cli import console

    what = "texts" if exc.flag == "--text-column" else "labels"
    console.say(f"Which column holds the {what}?")
    for number, (name, sample) in enumerate(exc.choices, start=1):
        console.say(f"  {number}  {name}: {sample}")
    number = 0
    while not 1 <= number <= len(exc.choices):
        number = typer.prompt("Number", type=int, err=True)
    return exc.choices[number - 1][0]
