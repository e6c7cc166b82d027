"""`--on ray` refuses what cannot be before a cluster is opened."""

import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import check_refusal
from tests.inference.students import write_student

BENCH = ["bench", "support_tickets", "--presets", "random", "--seeds", "1", "--shots", "1", "--no-full-shot"]


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find(name, *more))


@pytest.fixture
def with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray seems to be installed; it must not be imported."""
    find = importlib.util.find_spec
    found: Any = object()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: found if name == "ray" else find(name, *more))


def test_options_of_a_cluster_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal([*BENCH, "--on", "rai"], ["--on rai: unknown place (did you mean 'ray'?)"], capsys)
    check_refusal([*BENCH, "--ray-address", "h:1"], ["--ray-address", "add --on ray"], capsys)
    check_refusal([*BENCH, "--ray-gpus", "1"], ["--ray-gpus", "add --on ray"], capsys)
    for option in ("--jobs", "--shard-rows"):
        check_refusal(["predict", "r", "f", option, "2"], [option, "add --on ray"], capsys)


@pytest.mark.usefixtures("without_ray")
def test_without_the_extra_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*BENCH, "--on", "ray", "--out", str(tmp_path / "out")]
    check_refusal(command, ["pip install 'evokd[ray]'"], capsys)


@pytest.mark.usefixtures("with_ray")
@pytest.mark.parametrize("address", ["ray://h:10001", "h", "h:x", ":6379", "h:99999"])
def test_what_is_no_address_is_refused(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*BENCH, "--on", "ray", "--ray-address", address, "--out", str(tmp_path / "out")]
    check_refusal(command, [f"--ray-address {address}: not the address of a cluster", "HOST:PORT"], capsys)


@pytest.mark.usefixtures("with_ray")
def test_an_address_where_nobody_answers_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    command = [*BENCH, "--on", "ray", "--out", str(tmp_path / "out")]
    check_refusal(command, [f"RAY_ADDRESS {address}: nobody answers there", "ray start --head"], capsys)


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("rows.csv", ["--output", "out"], "rows of CSV cannot be cut by their place; save them as .jsonl"),
        ("rows.jsonl", [], "the answers are a folder of files; name it with --output"),
        ("rows.jsonl", ["--output", "out.jsonl"], "--output out.jsonl: on Ray the answers are a folder"),
        ("rows.jsonl", ["--output", "full"], "--output full: holds other files (mine); name a folder that is new"),
        ("rows.jsonl", ["--output", "out", "--prefix", "i"], "the input has a column 'iconfidence' already"),
    ],
)
def test_predict_refuses_before_a_cluster_is_opened(
    name: str,
    more: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evokd.api.students.Student.note_unseen", lambda _, texts: [])
    student = write_student(tmp_path / "student")
    (tmp_path / "rows.csv").write_text("text,iconfidence\na,1\n", encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "iconfidence": 1}\n', encoding="utf-8")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    check_refusal(["predict", str(student), name, "--on", "ray", *more, "--quiet"], [said], capsys)
