"""Types the command lines of docs/tutorial.md: `python -m tests.docs.tutorial` in full, the tests in a short form."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
PORT = "8808"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tutorial:
    """The fenced blocks of the page."""

    files: list[str]
    """The command that writes the files."""
    online: list[str]
    """With a language model."""
    server: list[str]
    """In the second terminal."""
    offline: list[str]
    """With the rehearsal teacher."""
    outputs: list[str]
    """What the page says that commands print."""


@dataclass(frozen=True)
class Typed:
    """A command that was typed."""

    line: str
    seconds: float
    out: str
    err: str


def read_page() -> Tutorial:
    """Read the command lines and outputs of the page."""
    blocks = _FENCE.findall(PAGE.read_text(encoding="utf-8"))
    files, online, server, offline = (text.splitlines() for kind, text in blocks if kind == "sh")
    return Tutorial(files, online, server, offline, [text for kind, text in blocks if kind == "text"])


def words_of(line: str) -> list[str]:
    """The command of a line; `evokd` is the one of this environment."""
    words = shlex.split(line, comments=True)
    assert words[0] == "evokd", line
    return [sys.executable, "-m", "evokd", *words[1:]]


def type_line(line: str, folder: Path, more: Sequence[str] = ()) -> Typed:
    """Type a line in a folder.

    Args:
        line: as it stands on the page.
        folder: the working directory.
        more: options behind it.

    Raises:
        RuntimeError: the command failed.
    """
    began = time.monotonic()
    done = subprocess.run([*words_of(line), *more], cwd=folder, capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        raise RuntimeError(f"{line}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return Typed(line, time.monotonic() - began, done.stdout, done.stderr)


@contextmanager
def serving(line: str, port: str, folder: Path) -> Iterator[None]:
    """Type the line of the second terminal, and end it afterwards."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(words_of(line), cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _await(f"http://127.0.0.1:{port}/v1/models", server)
            yield
        finally:
            server.terminate()
            server.wait(timeout=30)


def _await(address: str, server: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no server at {address}; is the port taken?")


def main() -> None:
    """Type everything as it stands on the page, and print the time of each command."""
    page = read_page()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [*page.files, *page.offline]
        with serving(page.server[0], PORT, folder):
            for line in lines:
                typed = type_line(line, folder)
                print(f"$ {line}\n{typed.err}{typed.out}[{typed.seconds:.1f} s]\n", flush=True)
        answers = (folder / "answered.csv").read_text(encoding="utf-8").splitlines()
        print("\n".join(["answered.csv:", *answers[:4], f"... {len(answers) - 1} rows"]))


if __name__ == "__main__":
    main()
