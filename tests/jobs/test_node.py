"""What a machine of a cluster does when it is asked, without a cluster."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evokd.jobs.node import NodeProgram, NodeServer, ProcessDiedError, check_node
from evokd.messages import EvokdError, InputError


def refuse(body: Mapping[str, Any]) -> None:
    if "refuse" in body:
        raise InputError(body["refuse"])
    if "unreadable" in body:
        (Path(body["unreadable"]) / "file").read_text()


class Player:
    def do(self, job_id: str, kind: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if kind == "dies":
            raise ProcessDiedError("exit code 9")
        if kind == "fails":
            raise EvokdError("a fault")
        if kind == "is wrong":
            raise TypeError("an error of ours\nin two lines")
        yield {"event": {"event": "trained"}}
        yield {"result": dict(body)}


def play(body: Mapping[str, Any]) -> Player:
    return Player()


def make_program(folder: Path, **body: Any) -> NodeProgram:
    return NodeProgram(f"{__name__}:refuse", f"{__name__}:play", body, str(folder))


def test_a_machine_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_node(make_program(tmp_path)) is None
    assert check_node(make_program(tmp_path, refuse="no data")) == "no data"
    missing = check_node(make_program(tmp_path / "else"))
    assert missing is not None
    assert f"there is no folder {tmp_path / 'else'}" in missing
    unreadable = check_node(make_program(tmp_path, unreadable=str(tmp_path / "gone")))
    assert unreadable is not None
    assert "cannot be read there (No such file or directory)" in unreadable
    assert NodeServer(make_program(tmp_path, refuse="no data")).prepare() == {"unfit": "no data"}


def test_messages_of_a_job_carry_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    server = NodeServer(make_program(tmp_path))
    assert server.prepare() == {"ready": True}
    told = [{"id": "j", "event": {"event": "trained"}}, {"id": "j", "result": {"n": 1}}]
    assert list(server.do("j", "works", {"n": 1})) == told
    assert list(server.do("j", "dies", {})) == [{"id": "j", "died": "exit code 9"}]
    assert list(server.do("j", "fails", {})) == [{"id": "j", "error": {"message": "a fault", "code": 1}}]
    wrong = {"message": "TypeError: an error of ours", "code": 1}
    assert list(server.do("j", "is wrong", {})) == [{"id": "j", "error": wrong}]


def test_files_of_the_user_are_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray looks for modules in the folder where the command was typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path, str(tmp_path)])
    check_node(make_program(tmp_path))
    assert str(tmp_path) not in sys.path
    (tmp_path / "evokd").mkdir()
    sys.path.append(str(tmp_path))
    check_node(make_program(tmp_path))
    assert sys.path[-1] == str(tmp_path)
