"""The page of a review: the key, who may ask, what is stored, and nothing that a text could do to it."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from evokd.review.app import STATIC, TOKEN_HEADER, create_app
from evokd.review.pending import ReviewSession
from tests.review.waiting import ENTITIES, decided, wait

BASE = "http://127.0.0.1:8000"
KEY = {TOKEN_HEADER: "secret"}


@pytest.fixture
def session(tmp_path: Path) -> ReviewSession:
    return wait(tmp_path / "ledger.db")


def make_client(session: ReviewSession) -> TestClient:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await create_app(session, "one", "secret")({**scope, "server": ("127.0.0.1", 8000)}, receive, send)

    return TestClient(app, base_url=BASE)


def test_a_decision_is_stored_at_once(session: ReviewSession) -> None:
    client = make_client(session)
    shown = client.get("/api/review", headers=KEY).json()
    assert [item["text"] for item in shown["items"]] == [item.text for item in session.read().items]
    assert [label["name"] for label in shown["labels"]] == ["billing", "login", "=delivery"]
    body = {"id": "c001-l01-d03", "action": "correct", "label": "=delivery"}
    reply = client.post("/api/decide", json=body, headers=KEY)
    assert reply.json()["decision"] == {"action": "correct", "reviewer": "ana"}
    assert decided(session) == {"c001-l01-d03": ("correct", "=delivery", "ana")}


def test_entities_are_corrected_as_marked_text(tmp_path: Path) -> None:
    session = wait(tmp_path / "ledger.db", ENTITIES, "ner")
    client = make_client(session)
    shown = client.get("/api/review", headers=KEY).json()["items"][0]
    assert shown["marked"] == "[Robin](person) saw 😀 two robins"
    assert shown["pieces"] == [["", None], ["Robin", "person"], [" saw 😀 two robins", None]]
    body = {"id": "c001-l01-d01", "action": "correct", "marked": "Robin saw 😀 two [robins](species)"}
    assert client.post("/api/decide", json=body, headers=KEY).status_code == 200
    assert decided(session)["c001-l01-d01"][1] == [{"start": 16, "end": 22, "label": "species"}]
    wrong = client.post("/api/decide", json={**body, "marked": "Robin saw [robins](species)"}, headers=KEY)
    assert (wrong.status_code, "the words are not those" in wrong.json()["error"]) == (422, True)


REFUSED = {
    "no key": ({TOKEN_HEADER: ""}, 403),
    "a wrong key": ({TOKEN_HEADER: "secreT"}, 403),
    "another site": ({**KEY, "Origin": "http://evil.example"}, 403),
    "a name that leads here": ({**KEY, "Host": "evil.example:8000"}, 403),
    "another port": ({**KEY, "Host": "127.0.0.1:9"}, 403),
}


@pytest.mark.parametrize(("headers", "status"), REFUSED.values(), ids=REFUSED)
def test_nobody_else_reads_or_decides(session: ReviewSession, headers: dict[str, str], status: int) -> None:
    client = make_client(session)
    assert client.get("/api/review", headers=headers).status_code == status
    body = {"id": "c001-l01-d01", "action": "refuse"}
    assert client.post("/api/decide", json=body, headers=headers).status_code == status
    assert decided(session) == {}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"id": 1}', 400),
        (b'{"id": "c001-l01-d99", "action": "accept"}', 422),
        (b'{"id": "c001-l01-d01", "action": "drop"}', 422),
        (b'{"id": "c001-l01-d01", "action": "correct", "label": "nothing"}', 422),
        (b" " * (2**20 + 1), 413),
    ],
)
def test_a_request_of_another_form_changes_nothing(session: ReviewSession, content: bytes, status: int) -> None:
    reply = make_client(session).post("/api/decide", content=content, headers=KEY)
    assert reply.status_code == status
    assert reply.json()["error"]
    assert decided(session) == {}


def test_the_page_asks_nobody_else_and_runs_no_text(session: ReviewSession) -> None:
    client = make_client(session)
    page = client.get("/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "SUM" not in page.text
    for name in ("review.js", "review.css"):
        assert client.get(f"/static/{name}").status_code == 200
        assert "//" not in (STATIC / name).read_text(encoding="utf-8").replace("// ", "")
    script = (STATIC / "review.js").read_text(encoding="utf-8")
    assert not any(
        word in script for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write")
    )
    assert client.get("/static/page.html").status_code == 404
    assert client.put("/", headers=KEY).status_code == 405
