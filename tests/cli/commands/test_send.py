"""`evokd send`, and `evokd run --trace`: what they send, and that they refuse before anything is paid for."""

import shutil
from pathlib import Path

import pytest

from evokd.cli import main
from tests.cli.conftest import check_refusal, toy_domain, word_students
from tests.conftest import ServeApp
from tests.exporters.receiver import Receiver
from tests.graph.toy import QUICK

__all__ = ["toy_domain", "word_students"]
NOBODY = "http://127.0.0.1:9"


def test_the_example_is_sent(serve_app: ServeApp, capsys: pytest.CaptureFixture[str]) -> None:
    receiver = Receiver()
    address = serve_app(receiver.app)
    assert main.run_cli(["send", "example", "--trace", address]) == 0
    assert capsys.readouterr().err == f"61 spans sent to {address}/v1/traces\n"
    assert len(receiver.spans) == 61


@pytest.mark.usefixtures("word_students")
def test_a_run_is_sent_while_it_goes_on(serve_app: ServeApp, toy_domain: Path, tmp_path: Path) -> None:
    receiver = Receiver()
    command = ["run", str(toy_domain), *QUICK, "--runs-dir", str(tmp_path), "--run-id", "r"]
    assert main.run_cli([*command, "--trace", serve_app(receiver.app), "--no-content"]) == 0
    ids = {span.span_id for span in receiver.spans}
    assert len(ids) == len(receiver.spans)
    assert [span.name for span in receiver.spans if span.parent_span_id not in ids] == ["run r"]
    assert {"cycle 0", "cycle 1", "cycle 2"} <= {span.name for span in receiver.spans}
    assert b"Labeler in a team" not in b"".join(span.SerializeToString() for span in receiver.spans)


@pytest.mark.usefixtures("word_students")
def test_an_outage_ends_a_run_as_usual_with_a_line_more(
    toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(toy_domain), *QUICK, "--runs-dir", str(tmp_path), "--run-id", "r"]
    assert main.run_cli([*command, "--trace", NOBODY]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "not delivered" in line]
    assert len(lines) == 1
    assert (
        "spans were not delivered to http://127.0.0.1:9/v1/traces (it cannot be reached); send them with:" in lines[0]
    )
    assert lines[0].endswith(f"send {tmp_path / 'r'} --trace http://127.0.0.1:9/v1/traces")


def test_an_outage_is_an_error_of_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.api.exports.LATER_TIMEOUT", 1.0)
    assert main.run_cli(["send", "example", "--trace", NOBODY]) == 1
    assert capsys.readouterr().err == (
        "evokd: http://127.0.0.1:9/v1/traces: 61 of 61 spans were not delivered (it cannot be reached)\n"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--trace URL, --mlflow URI, or both"),
        (["--trace", "6006"], "--trace: expected an address"),
        (["--mlflow", "runs"], "--mlflow: expected sqlite:///FILE"),
        (["--no-content", "--mlflow", "sqlite:///x.db"], "--no-content goes with --trace"),
    ],
    ids=["nowhere", "address", "folder", "content"],
)
def test_refusals(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.exporters.mlflow.is_installed", lambda name: True)
    check_refusal(["send", "example", *options], [told], capsys)


@pytest.mark.parametrize("extra", ["trace", "mlflow"])
def test_a_run_without_the_package_is_refused_before_it_begins(
    extra: str, toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = {"trace": "otlp", "mlflow": "mlflow"}[extra]
    monkeypatch.setattr(f"evokd.exporters.{module}.is_installed", lambda name: False)
    runs = tmp_path / "runs"
    command = ["run", str(toy_domain), "--runs-dir", str(runs), f"--{extra}", "http://127.0.0.1:9"]
    check_refusal(command, [f"pip install 'evokd[{extra}]'"], capsys)
    assert not runs.exists()


def test_a_run_without_a_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE

    shutil.copytree(SHIPPED_EXAMPLE, tmp_path / "bare")
    (tmp_path / "bare" / "events.jsonl").unlink()
    capsys.readouterr()
    assert main.run_cli(["send", "bare", "--trace", NOBODY, "--runs-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "nothing to export" in told
