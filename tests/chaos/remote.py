"""The chaos server as an experiment sees it: a process that is started, told, asked and ended."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.chaos.book import Entry, from_json

ROOT = Path(__file__).parents[2]


class Server:
    """A chaos server in a process of its own.

    Args:
        corpora: model name -> file of the corpus that it answers from.
        settings: see `tests.chaos.endpoint.Settings`.
    """

    def __init__(self, corpora: Mapping[str, Path], **settings: Any) -> None:
        named = [part for name, path in corpora.items() for part in ("--corpus", f"{name}={path}")]
        command = [sys.executable, "-m", "tests.chaos.server", *named, "--settings", json.dumps(settings)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the chaos server did not start: {' '.join(command)}")
        ports = json.loads(line)
        self.returncode: int | None = None
        self.port, self._control = ports["port"], ports["control"]

    def url(self, tag: str) -> str:
        """The base address whose requests are counted under a tag."""
        return f"http://127.0.0.1:{self.port}/t/{tag}/v1"

    def set(self, **settings: Any) -> dict[str, Any]:
        """Change settings; returns all of them."""
        changed: dict[str, Any] = self._control_call("POST", "settings", settings)
        return changed

    def reset(self) -> None:
        """Forget all requests."""
        self._control_call("POST", "reset", {})

    def stats(self, tag: str | None = None) -> dict[str, Any]:
        """The counts, of a tag or of all."""
        counted: dict[str, Any] = self._control_call("GET", f"stats{_query(tag)}")
        return counted

    def log(self, tag: str | None = None) -> list[Entry]:
        """Every request in order of arrival, of a tag or of all."""
        return [from_json(row) for row in self._control_call("GET", f"log{_query(tag)}")]

    def _control_call(self, method: str, what: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._control}/chaos/{what}", data, method=method)
        # no proxy of the environment comes between two processes of one machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            return json.loads(reply.read())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self.returncode = self._process.wait(timeout=30)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _query(tag: str | None) -> str:
    return "" if tag is None else f"?tag={tag}"
