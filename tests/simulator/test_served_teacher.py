"""The served teacher and clients that mean harm, over real sockets."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from evokd.simulator import bodies
from evokd.simulator.app import LARGEST_BODY, create_app
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.server import HOST, guard
from tests.simulator.toy import make_corpus

Send = Callable[..., tuple[int, dict[str, str], Any]]


@pytest.fixture
def address(serve_app: Callable[[Any], str]) -> tuple[str, int]:
    """Where the guarded teacher is served."""
    url = urlsplit(serve_app(guard(create_app(make_corpus(), RehearsalSettings(), 0))))
    return url.hostname or "", url.port or 0


@pytest.fixture
def send(address: tuple[str, int]) -> Iterator[Send]:
    """Send bytes and read one answer: status, headers and JSON."""
    opened: list[socket.socket] = []

    def exchange(*parts: bytes) -> tuple[int, dict[str, str], Any]:
        client = socket.create_connection(address, timeout=20)
        opened.append(client)
        for part in parts:
            try:
                client.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        raw = b""
        while b"\r\n\r\n" not in raw or len(raw.partition(b"\r\n\r\n")[2]) < _length(raw):
            got = client.recv(65_536)
            if not got:
                break
            raw += got
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        is_json = headers.get("content-type", "").startswith("application/json")
        return int(lines[0].split()[1]), headers, json.loads(body) if is_json else body

    yield exchange
    for client in opened:
        client.close()


def _length(raw: bytes) -> int:
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def ask(*headers: str, method: str = "POST", path: str = "/v1/chat/completions", body: bytes = b"{}") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST:8808", "127.0.0.1:1"])
def test_clients_of_this_machine_are_answered(name: str, send: Send) -> None:
    status, headers, body = send(ask(f"Host: {name}", method="GET", path="/v1/models", body=b""))
    assert (status, body["object"]) == (200, "list")
    assert not [header for header in headers if header.startswith("access-control")]
    assert send(ask(f"Host: {name}", f"Origin: http://{name}"))[0] == 400, "its own page may ask; it asks nonsense"


@pytest.mark.parametrize(
    "headers",
    [
        ["Host: evil.example"],
        ["Host: evil.example:8808"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host: localhost.evil.example"],
        ["Host: 127.0.0.1:80@evil.example"],
        ["Host: "],
        ["Host: 127.0.0.1", "Origin: https://evil.example"],
        ["Host: 127.0.0.1", "Origin: null"],
        ["Host: 127.0.0.1:8808", "Origin: http://127.0.0.1:3000"],
        ["Host: 127.0.0.1", "Origin: http://[", "Content-Type: text/plain"],
    ],
    ids=lambda headers: " ".join(headers),
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_web_pages_are_refused_in_one_line(headers: list[str], method: str, send: Send) -> None:
    path = "/v1/models" if method == "GET" else "/v1/chat/completions"
    status, answered, body = send(ask(*headers, method=method, path=path))
    assert status == 403
    assert "this teacher answers" in body["error"]["message"]
    assert "\n" not in body["error"]["message"]
    assert not [header for header in answered if header.startswith("access-control")]


def test_a_chunked_request_above_the_size_is_refused(send: Send) -> None:
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    status, _, body = send(head, *[chunk] * (LARGEST_BODY // 2**20 + 1), b"0\r\n\r\n")
    assert status == 413
    assert f"larger than {LARGEST_BODY} bytes" in body["error"]["message"]


@pytest.mark.parametrize(
    "raw",
    [
        ask(f"Host: {HOST}", *[f"X-{number}: {'a' * 100}" for number in range(5_000)]),
        ask(f"Host: {HOST}", "X-A: " + "a" * 200_000),
        ask(f"Host: {HOST}", path="/" + "a" * 200_000),
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: -1\r\n\r\n".encode(),
        ask(f"Host: {HOST}", "Content-Length: 3"),
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        ask(f"Host: {HOST}", f"Host: {HOST}"),
        ask(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        ask(f"Host: {HOST}", body=b'{"messages":' + b"[" * 1_000_000),
        ask(f"Host: {HOST}", body=b'{"messages":' + b"9" * 100_000 + b"}"),
        ask(f"Host: {HOST}", body=b"\xff\xfe{\x00}\x00"),
    ],
    ids=[
        *("header-flood", "long-header", "long-path", "negative-length", "two-lengths", "broken-chunk", "two-hosts"),
        *("no-host", "no-http", "deep-json", "long-number", "utf-16"),
    ],
)
def test_malformed_requests_are_refused_and_the_next_is_answered(
    raw: bytes, send: Send, capfd: pytest.CaptureFixture[str]
) -> None:
    status, _, _ = send(raw)
    assert status in (400, 403, 431)
    assert send(ask(f"Host: {HOST}", method="GET", path="/health", body=b""))[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_client_that_stops_in_the_middle_is_let_go(
    send: Send, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bodies, "LONGEST_READ", 0.2)
    short = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\n{{".encode()
    status, _, body = send(short)
    assert (status, body["error"]["message"]) == (408, "the request did not arrive within 0.2 s")
    monkeypatch.undo()
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(short)
    assert send(ask(f"Host: {HOST}", method="GET", path="/health", body=b""))[0] == 200
    assert "Traceback" not in capfd.readouterr().err
