"""`evokd presets`."""

import json
import textwrap
from typing import Annotated

import typer


def presets(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line per preset on standard output.")] = False,
) -> None:
    """List the published loops: where each is from, and what it sets otherwise than the default."""
    from evokd import api
    from evokd.cli import console

    for preset in api.list_presets():
        if as_json:
            console.print_json(preset.tell())
            continue
        typer.echo(f"{preset.name}  ({preset.source})")
        typer.echo(textwrap.fill(preset.description, 110, initial_indent="  ", subsequent_indent="  "))
        for key, (default, value) in preset.differs.items():
            typer.echo(f"    {key}: {_write(value)}  (default {_write(default)})")
        typer.echo()


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
