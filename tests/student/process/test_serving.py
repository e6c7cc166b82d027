"""A child that serves requests, started as both parents start theirs; no torch."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from evokd.student.process.child import child_command, child_options, encode_request

SERVE = """
import os, signal, sys, time
from evokd.messages import InputError
from evokd.student.process.serving import serve

def load_handlers(emit):
    def talk(body):
        print("stray print"); os.write(1, b"stray write\\n"); os.system("echo stray child"); sys.stdin.read()
        emit({"event": "talked"})
        return body["x"]

    def refuse(body):
        raise InputError("no folder")

    def describe(body):
        return {name: os.environ.get(name) for name in body["names"]} | {"path": sys.path, "session": os.getsid(0)}

    return {"talk": talk, "refuse": refuse, "hang": lambda body: time.sleep(600), "describe": describe}

serve(load_handlers)
"""


class Child:
    """A child and its pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout

    def request(self, request_id: int | str, call: str, **body: object) -> None:
        self.stdin.write(encode_request(request_id, call, body))
        self.stdin.flush()

    def read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.stdout.readline())
        return message

    def end(self) -> int:
        """Close its input; gives its exit code."""
        self.stdin.close()
        return self.process.wait(30)


@contextmanager
def start(folder: Path) -> Iterator[Child]:
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(child_command(("-c", SERVE)), **child_options(log)) as process,
    ):
        child = Child(process)
        assert child.read() == {"ready": True}
        yield child


def test_stray_prints_do_not_reach_the_protocol_and_the_end_of_input_ends_the_process(tmp_path: Path) -> None:
    with start(tmp_path) as child:
        child.request(7, "talk", x="\u2028é")
        assert [child.read(), child.read()] == [{"id": 7, "event": {"event": "talked"}}, {"id": 7, "result": "\u2028é"}]
        assert child.end() == 0
        assert child.stdout.read() == b""
    assert (tmp_path / "log").read_bytes().count(b"stray") == 3


def test_errors_come_back_with_their_exit_code_and_the_next_call_works(tmp_path: Path) -> None:
    with start(tmp_path) as child:
        child.request("a", "refuse")
        child.request("b", "talk", y=1)
        child.request("c", "talk", x=1)
        assert child.read() == {"id": "a", "error": {"message": "no folder", "code": 2}}
        answers = [child.read() for _ in range(4)]
        assert answers[1] == {"id": "b", "error": {"message": "KeyError: 'x'", "code": 1}}
        assert answers[3] == {"id": "c", "result": 1}
        assert child.end() == 0
    assert "Traceback" in (tmp_path / "log").read_text(encoding="utf-8")


def test_the_end_of_input_ends_the_process_in_the_middle_of_its_work(tmp_path: Path) -> None:
    with start(tmp_path) as child:
        child.request(1, "hang")
        assert child.end() == 0


def test_a_child_has_a_session_of_its_own_the_modules_of_its_parent_and_threads_that_wait_passively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "7")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    with start(tmp_path) as child:
        child.request(1, "describe", names=["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "LRU_CACHE_CAPACITY"])
        described = child.read()["result"]
        assert child.end() == 0
    assert (described["OMP_WAIT_POLICY"], described["GOMP_SPINCOUNT"]) == ("passive", "1000")
    assert described["LRU_CACHE_CAPACITY"] == "7", "what the user has set stays"
    assert str(tmp_path / "modules") in described["path"]
    assert "" not in described["path"]
    assert described["session"] not in (0, os.getsid(0))


def test_threads_wait_as_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    with (tmp_path / "log").open("ab") as log:
        environment = child_options(log)["env"]
    assert environment["OMP_WAIT_POLICY"] == "active"
    assert "GOMP_SPINCOUNT" not in environment, "the number of turns would win over the policy"
