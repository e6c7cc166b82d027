"""Spans over OTLP/HTTP: what arrives, what is refused, and how a failure is told."""

import socket
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from evokd.exporters import delivery, names
from evokd.exporters.delivery import DeliveryError, hide_secrets
from evokd.exporters.otlp import OtlpExporter, find_endpoint
from evokd.messages import InputError
from tests.conftest import ServeApp
from tests.exporters.receiver import Receiver, attributes_of, refuse_some, source_of


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "TRACES_ENDPOINT", "HEADERS", "TRACES_HEADERS"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)


def test_the_example_arrives_whole_with_parents_and_times(serve_app: ServeApp) -> None:
    receiver, source = Receiver(), source_of("example")
    exporter = OtlpExporter(serve_app(receiver.app))
    count = exporter.count_left(source, 0, ended=True)
    exporter.send(source, 0, ended=True)
    assert (len(receiver.spans), exporter.count_left(source, 0, ended=True)) == (count, 0)
    assert receiver.requests == -(-count // 32)
    ids = {span.span_id for span in receiver.spans}
    assert [span.name for span in receiver.spans if span.parent_span_id not in ids] == ["run tickets"]
    assert all(
        len(span.trace_id) == 16 and span.start_time_unix_nano <= span.end_time_unix_nano for span in receiver.spans
    )
    calls = [attributes_of(span) for span in receiver.spans if span.kind == 3]
    assert sum(call[names.INPUT_TOKENS] for call in calls) == 23_333
    assert receiver.resources[0]["service.name"] == receiver.resources[0][names.PROJECT] == "evokd"


def test_headers_come_from_the_environment(serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", serve_app(receiver.app))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken")
    OtlpExporter("env").send(source_of("example"), 1, ended=False)
    assert receiver.headers[0]["authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1"}, "http://h:1/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1/base/"}, "http://h:1/base/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1/own"}, "http://h:1/own"),
    ],
)
def test_the_address_of_the_environment(
    variables: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_endpoint("env") == endpoint


@pytest.mark.parametrize(
    "target", ["env", "", "6006", "localhost:6006", "ftp://h", "http://", "http://h:x", "http://[x"]
)
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(InputError):
        OtlpExporter(target)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evokd.exporters.otlp.is_installed", lambda name: False)
    with pytest.raises(InputError, match=r"pip install 'evokd\[trace\]'"):
        OtlpExporter("http://127.0.0.1:1")
    assert not delivery.is_installed("no_such_package.inside")


def answer_html() -> Response:
    return HTMLResponse("<h1>hello</h1>")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: refuse_some(3, "too\x1b[31m old"), "3 spans were refused: too"),
        (answer_html, "a web page answered"),
        (lambda: Response(status_code=401), "HTTP 401"),
        (lambda: RedirectResponse("/elsewhere"), "redirects to another address"),
    ],
    ids=["partial", "page", "key", "redirect"],
)
def test_what_was_not_taken_is_told_and_sent_again(
    answer: Callable[[], Response], told: str, serve_app: ServeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver, source = Receiver([answer()]), source_of("example")
    exporter = OtlpExporter(serve_app(receiver.app))
    with pytest.raises(DeliveryError, match=told) as failed:
        exporter.send(source, 0, ended=True)
    assert "\x1b" not in str(failed.value)
    exporter.send(source, 0, ended=True)
    assert len(receiver.spans) == 61
    assert capfd.readouterr() == ("", "")


def test_a_receiver_that_is_busy_for_a_moment_is_asked_again(serve_app: ServeApp) -> None:
    receiver = Receiver([Response(status_code=503, headers={"retry-after": "0"})])
    OtlpExporter(serve_app(receiver.app)).send(source_of("example"), 0, ended=True)
    assert len(receiver.spans) == 61


def test_nobody_there_and_nobody_answering(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = OtlpExporter(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        with pytest.raises(DeliveryError, match="did not answer in time"):
            exporter.send(source_of("example"), 0, ended=True)
    with pytest.raises(DeliveryError, match="cannot be reached"):
        exporter.send(source_of("example"), 0, ended=True)
    assert capfd.readouterr() == ("", "")


def test_a_web_page_at_the_root_is_not_the_receiver(serve_app: ServeApp) -> None:
    site = Starlette(routes=[Route("/{path:path}", lambda request: answer_html(), methods=["POST"])])
    with pytest.raises(DeliveryError, match="no receiver of OTLP/HTTP"):
        OtlpExporter(serve_app(site)).send(source_of("example"), 0, ended=True)


def test_secrets_of_an_address_are_not_shown() -> None:
    assert hide_secrets("https://me:pw@host:8/p?key=1#x") == "https://host:8/p"
    exporter = OtlpExporter("http://me:pw@127.0.0.1:1", content=False)
    assert exporter.option == "--trace http://127.0.0.1:1/v1/traces --no-content"
    assert "pw" not in exporter.address
