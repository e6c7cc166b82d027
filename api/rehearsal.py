"""Serve the rehearsal teacher over HTTP."""

from collections.abc import Callable
from pathlib import Path

from evokd.graph.setup.domain import SHIPPED
from evokd.graph.setup.simulated_teacher import corpus_to_serve
from evokd.simulator.app import create_app
from evokd.simulator.batches import BatchScript
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.server import serve


def serve_rehearsal(
    corpus: Path | None,
    port: int,
    announce: Callable[[str, Path], None],
    *,
    noise: float = 0.0,
    typicality: float = 0.0,
    seed: int = 0,
    batch_seconds: float | None = None,
) -> None:
    """Serve the rehearsal teacher on the loopback interface until it is interrupted.

    Args:
        corpus: labelled corpus of a domain; None: that of `support_tickets`.
        port: 0 takes a free one.
        announce: called with the address and the corpus once requests are answered.
        noise: share of labels (of entities) given wrong, 0 to 1.
        typicality: pull of unguided requests to typical texts, 0 to 1.
        seed: for requests that bring none.
        batch_seconds: time that a batch takes; None: there are no batches.

    Raises:
        InputError: the corpus cannot be read, or the port is taken.
    """
    path = corpus or SHIPPED / "support_tickets" / "corpus.jsonl"
    settings = RehearsalSettings(corpus=str(path), noise=noise, typicality=typicality)
    batches = None if batch_seconds is None else BatchScript(batch_seconds)
    app = create_app(corpus_to_serve(path), settings, seed, batches)
    serve(app, port, lambda url: announce(url, path))
