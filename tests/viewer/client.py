"""A small HTTP client for tests of the live pages: it sends what it is told, also what no browser would."""

import gzip
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from evokd.viewer.changes import Watcher


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)


@dataclass(frozen=True)
class Client:
    """Asks a server of live pages."""

    base: str
    watcher: Watcher

    def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """Ask for a path."""
        with self.connect() as connection:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            known = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, known, answer.read())

    @contextmanager
    def listen(self, path: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Open a stream of server-sent events; gives the data of one after another."""
        with self.connect() as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield (json.loads(line[6:]) for line in iter(answer.readline, b"") if line.startswith(b"data: "))

    @contextmanager
    def connect(self) -> Iterator[http.client.HTTPConnection]:
        """Connect to the server."""
        address = urlsplit(self.base)
        assert address.hostname
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        try:
            yield connection
        finally:
            connection.close()
