"""The batch API of the served rehearsal teacher: files, batches, their ways and their ends."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from evokd.simulator.app import create_app
from evokd.simulator.batches import BatchScript
from evokd.simulator.rehearsal_settings import RehearsalSettings
from tests.simulator.toy import LABEL_OF, make_batch, make_corpus, make_request

BASE = "http://rehearsal"


def serve(script: BatchScript) -> TestClient:
    return TestClient(create_app(make_corpus(), RehearsalSettings(), 7, script), base_url=BASE)


def make_rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    texts = list(LABEL_OF)
    return [
        {
            "custom_id": f"k{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": make_request("draft_batch", make_batch(texts[number : number + 3]), seed=number),
            **changes,
        }
        for number in range(count)
    ]


def write_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def send(client: TestClient, content: bytes, **changes: Any) -> dict[str, Any]:
    uploaded = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("in.jsonl", content)}).json()
    assert (uploaded["purpose"], uploaded["bytes"]) == ("batch", len(content))
    wanted = {"input_file_id": uploaded["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch: dict[str, Any] = client.post("/v1/batches", json={**wanted, **changes}).json()
    return batch


def look(client: TestClient, batch: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/batches/{batch}").json()
    return found


def read_file(client: TestClient, name: str | None) -> list[dict[str, Any]]:
    if name is None:
        return []
    return [json.loads(line) for line in client.get(f"/v1/files/{name}/content").text.splitlines()]


def test_a_batch_goes_through_its_statuses_and_answers_as_the_chat_does() -> None:
    client, rows = serve(BatchScript()), make_rows(4)
    batch = send(client, write_lines(rows), metadata={"evokd": "t"})
    assert (batch["status"], batch["object"], batch["metadata"]) == ("validating", "batch", {"evokd": "t"})
    seen = [look(client, batch["id"]) for _ in range(3)]
    assert [state["status"] for state in seen] == ["in_progress", "finalizing", "completed"]
    assert seen[-1]["request_counts"] == {"total": 4, "completed": 4, "failed": 0}
    assert seen[-1]["error_file_id"] is None
    lines = read_file(client, seen[-1]["output_file_id"])
    direct = [client.post("/v1/chat/completions", json=row["body"]).json() for row in rows]
    assert [line["response"]["body"] for line in lines] == direct
    assert [line["custom_id"] for line in lines] == ["k0", "k1", "k2", "k3"]


def test_failed_requests_are_in_the_error_file() -> None:
    client, rows = serve(BatchScript(fail=lambda _, row: 500 if row == 1 else None)), make_rows(3)
    rows[2]["body"]["messages"] = "none"
    batch = send(client, write_lines(rows))
    state = [look(client, batch["id"]) for _ in range(3)][-1]
    assert state["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    errors = read_file(client, state["error_file_id"])
    assert [(line["custom_id"], line["response"]["status_code"]) for line in errors] == [("k1", 500), ("k2", 400)]
    assert [line["custom_id"] for line in read_file(client, state["output_file_id"])] == ["k0"]


def test_an_expired_batch_has_what_was_done() -> None:
    client = serve(BatchScript(end=lambda _: "expired"))
    batch = send(client, write_lines(make_rows(4)))
    state = [look(client, batch["id"]) for _ in range(3)][-1]
    assert state["status"] == "expired"
    assert [line["error"]["code"] for line in read_file(client, state["error_file_id"])] == ["batch_expired"] * 2
    assert len(read_file(client, state["output_file_id"])) == 2


def test_a_cancelled_batch_ends() -> None:
    client = serve(BatchScript(seconds=60))
    batch = send(client, write_lines(make_rows(2)))["id"]
    assert client.post(f"/v1/batches/{batch}/cancel").json()["status"] == "cancelling"
    assert look(client, batch)["status"] == "cancelled"
    assert client.post(f"/v1/batches/{batch}/cancel").status_code == 409


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (make_rows(1) + make_rows(1), "duplicate_custom_id"),
        (make_rows(1, url="/v1/embeddings"), "invalid_url"),
        (make_rows(1) + make_rows(1, custom_id="b", body={"model": "other"}), "mismatched_model"),
        ([{"custom_id": "k"}], "invalid_json_line"),
        ([{"custom_id": [], "body": {"model": {}}}], "invalid_json_line"),
    ],
)
def test_a_file_with_a_wrong_line_lets_the_batch_fail(rows: list[dict[str, Any]], code: str) -> None:
    client = serve(BatchScript())
    state = look(client, send(client, write_lines(rows))["id"])
    assert (state["status"], state["errors"]["data"][0]["code"]) == ("failed", code)
    assert state["errors"]["data"][0]["line"] == len(rows)


def test_what_is_unknown_or_wrong_is_an_error_as_openai_writes_it() -> None:
    client = serve(BatchScript())
    for path in ("/v1/batches/b", "/v1/files/f/content"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert client.post("/v1/files", data={"purpose": "batch"}).status_code == 400
    assert send(client, b"", endpoint="/v1/embeddings")["error"]["param"] == "endpoint"
    wanted = {"input_file_id": [], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    for odd in ([], {}, wanted, {**wanted, "metadata": "m"}):
        assert client.post("/v1/batches", json=odd).status_code == 400
    assert client.get("/v1/batches", params={"limit": "many"}).json()["error"]["param"] == "limit"


def test_lists_go_from_the_newest_page_by_page() -> None:
    client = serve(BatchScript())
    made = [send(client, write_lines(make_rows(1)))["id"] for _ in range(5)]
    first = client.get("/v1/batches", params={"limit": 2}).json()
    assert ([batch["id"] for batch in first["data"]], first["has_more"]) == (made[:2:-1], True)
    rest = client.get("/v1/batches", params={"limit": 3, "after": first["last_id"]}).json()
    assert ([batch["id"] for batch in rest["data"]], rest["has_more"]) == (made[2::-1], False)
    assert len(client.get("/v1/files").json()["data"]) == 5


def test_a_teacher_without_batches_says_so() -> None:
    client = TestClient(create_app(make_corpus(), RehearsalSettings(), 7), base_url=BASE)
    assert client.get("/v1/batches").status_code == 404
