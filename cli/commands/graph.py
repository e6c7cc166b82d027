"""`evokd graph`."""

import typer


def graph() -> None:
    """Print the compiled graph as Mermaid text."""
    from evokd import api

    typer.echo(api.draw_graph())
