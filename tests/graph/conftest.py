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

from evokd.cli import main
from evokd.graph import open_context
from evokd.graph.setup.run_folder import RunFolder
from evokd.inference import asking
from tests.graph.toy import QUICK, WordStudent, WordTagger, write_domain, write_reports

ROOT = Path(__file__).parents[2]


@pytest.fixture
def toy_domain(tmp_path: Path) -> Path:
    """A domain folder of three labels."""
    return write_domain(tmp_path / "toy")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A domain folder with entities of six types."""
    return write_reports(tmp_path / "reports")


@pytest.fixture
def word_students(monkeypatch: pytest.MonkeyPatch) -> list[WordStudent]:
    """Runs get the word student; the list takes every one that was made."""
    return give_student(monkeypatch, WordStudent)


@pytest.fixture
def word_taggers(monkeypatch: pytest.MonkeyPatch) -> list[WordStudent]:
    """Runs get the word tagger; the list takes every one that was made."""
    return give_student(monkeypatch, WordTagger)


def give_student(monkeypatch: pytest.MonkeyPatch, kind: type[WordStudent]) -> list[WordStudent]:
    """Give runs and predictions a student of this kind; the list takes every one that is made."""
    made: list[WordStudent] = []

    def make(*args: Any, **options: Any) -> WordStudent:
        made.append(kind(*args, **options))
        return made[-1]

    monkeypatch.setattr(open_context, "StudentClient", make)
    monkeypatch.setattr(asking, "StudentClient", make)
    return made


def run_quick(domain: Path, *options: str, run_id: str = "one") -> RunFolder:
    """Run a domain in this process, with the options of a quick run, into `runs` beside it."""
    runs = domain.parent / "runs"
    assert main.run_cli(["run", str(domain), *QUICK, *options, "--runs-dir", str(runs), "--run-id", run_id]) == 0
    return RunFolder(runs / run_id)


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
