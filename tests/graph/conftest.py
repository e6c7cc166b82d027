"""Runs of the whole graph: in this process with the word student, or in processes that can be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import graph.run
from tests.graph.toy import WordStudent, write_domain

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy_domain(tmp_path: Path) -> Path:
    """A domain folder of three labels."""
    return write_domain(tmp_path / "toy")


@pytest.fixture
def word_students(monkeypatch: pytest.MonkeyPatch) -> list[WordStudent]:
    """Runs get the word student; the list takes every one that was made."""
    made: list[WordStudent] = []

    def make(*args: Any, **options: Any) -> WordStudent:
        made.append(WordStudent(*args, **options))
        return made[-1]

    monkeypatch.setattr(graph.run, "StudentClient", make)
    return made


class Zygote:
    """A process with everything loaded that forks a command of evokd on request (see tests/kill_at.py)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill_at", "serve"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str, log: Path, **trap: Any) -> tuple[int, str]:
        """Run a command; returns its exit code (negative: killed by that signal) and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"args": list(args), "log": str(log), "student": "words", **trap}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())["code"]
        return code, log.read_text(encoding="utf-8")

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    process = Zygote()
    yield process
    process.close()


Evokd = Callable[..., tuple[int, str]]


@pytest.fixture
def evokd(zygote: Zygote, tmp_path: Path) -> Evokd:
    """Run a command of evokd in a process of its own, with a word student unless told otherwise."""
    return lambda *args, **trap: zygote(*args, log=tmp_path / "printed.txt", **trap)


KILLED = -signal.SIGKILL
