"""`evokd teacher serve`."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    corpus: Annotated[
        Path | None, typer.Option(help="Labelled corpus of a domain; that of support_tickets if not given.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on the loopback interface; 0 takes a free one.")
    ] = 8808,
    noise: Annotated[float, typer.Option(min=0, max=1, help="Share of labels (of entities) given wrong.")] = 0.0,
    typicality: Annotated[float, typer.Option(min=0, max=1, help="Pull of unguided requests to typical texts.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed for requests that bring none.")] = 0,
    batches: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Answer by batch as well; a batch takes so many seconds."),
    ] = None,
) -> None:
    """Serve the rehearsal teacher over HTTP, on this machine alone. It calls no language model."""
    from evokd import api
    from evokd.cli import console

    def announce(url: str, corpus: Path) -> None:
        console.say(f"rehearsal teacher at {url} (this machine alone; no language model is called)")
        console.say(f"it answers from {corpus}; a run on another domain gets nothing useful")
        console.say(f"use it: {console.program()} run DOMAIN --teacher any-name --base-url {url}")
        if batches is not None:
            console.say(f"batches take {batches:g} s each: add --set teacher.batch=true")
        console.say("stop it with Ctrl-C")

    api.serve_rehearsal(corpus, port, announce, noise=noise, typicality=typicality, seed=seed, batch_seconds=batches)
