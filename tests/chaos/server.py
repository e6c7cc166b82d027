"""An OpenAI-compatible server that answers from labelled corpora, and badly as often as it is told to.

    python -m tests.chaos.server --corpus NAME=FILE [--corpus ...] [--settings JSON]

It listens on two free ports of the loopback interface and prints them as one JSON line. A model's name chooses the
corpus. Requests go to `/v1/chat/completions`, or to `/t/TAG/v1/...` to be counted apart. Control, on its own port:

    GET  /chaos/stats[?tag=TAG]     counts: requests, answers, tokens, per body, most in flight
    GET  /chaos/log[?tag=TAG]       every request with its times, its fault and what was sent
    POST /chaos/reset               forget all requests
    POST /chaos/settings            change settings (see `tests.chaos.endpoint.Settings`); returns all of them

The server ends when its standard input closes.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from evokd.graph.setup.simulated_teacher import corpus_to_serve
from evokd.simulator.corpus import Corpus
from tests.chaos.book import Book, to_json
from tests.chaos.endpoint import Chaos, Settings, error_answer
from tests.chaos.wire import Answer, Connection, Request, json_answer, listen, port_of


class Control:
    """The address that the server is told and asked through."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos

    async def serve(self, connection: Connection) -> None:
        """Serve one connection, request after request."""
        again = True
        while again:
            request = await connection.receive()
            again = await connection.send(await self._answer(request))

    async def _answer(self, request: Request) -> Answer:
        address = urlsplit(request.path)
        tag = parse_qs(address.query).get("tag", [None])[0]
        match request.method, address.path:
            case "GET", "/chaos/stats":
                return json_answer(self._chaos.book.stats(tag))
            case "GET", "/chaos/log":
                return json_answer([to_json(entry) for entry in self._chaos.book.of(tag)])
            case "POST", "/chaos/reset":
                self._chaos.book = Book()
                return json_answer({})
            case "POST", "/chaos/settings":
                try:
                    await self._chaos.change(json.loads(request.body))
                except (ValueError, TypeError) as exc:
                    return error_answer(400, str(exc))
                return json_answer(asdict(self._chaos.settings))
        return error_answer(404, f"no such address: {request.method} {request.path}")


async def _run(corpora: Mapping[str, Corpus], settings: Settings) -> None:
    chaos = Chaos(corpora, settings)
    await chaos.start()
    control = await listen(0, Control(chaos).serve)
    sys.stdout.write(json.dumps({"port": chaos.port, "control": port_of(control)}) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description="an OpenAI-compatible server with faults")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--settings", default="{}", metavar="JSON")
    options = parser.parse_args()
    threading.Thread(target=_end_with_input, daemon=True).start()
    given = json.loads(options.settings)
    settings = Settings(**{**given, **({"kinds": tuple(given["kinds"])} if "kinds" in given else {})})
    named = [item.partition("=") for item in options.corpus]
    corpora = {name: corpus_to_serve(Path(file)) for name, _, file in named}
    asyncio.run(_run(corpora, settings))


if __name__ == "__main__":
    main()
