"""The live pages answer from the record alone, to this machine alone, whatever the record holds."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from evokd.messages.page_guard import HEADERS
from evokd.viewer.pages import SCRIPTS
from tests.viewer.client import Client
from tests.viewer.conftest import ServePages
from tests.viewer.made_runs import MadeRun, Size, damage, make_hostile, make_run
from tests.viewer.made_texts import ATTACKS

RESOURCES = (
    *("overview", "cycles", "weaknesses", "scores", "timeline", "settings", "graph", "facets", "map"),
    *("cycle/0", "cycle/2", "call/c001-analyst-1", "sample/c001-l01-d01", "samples", "calls", "rows/test"),
    *("scores/test/refit", "scores/validation/c001", "samples?search=order&count=3&cycle=1&state=accepted"),
)


@pytest.mark.parametrize("resource", RESOURCES)
def test_answers_every_resource_with_json_that_is_not_kept(made_pages: Client, resource: str) -> None:
    answer = made_pages.get(f"/api/run/made/{resource}")
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()


def test_pages_lists_comparison_and_files(made_pages: Client, made_run: Path) -> None:
    for path, mode in (("/", "runs"), ("/run/made", "run"), ("/run/made/x/y", "run"), ("/compare?run=made", "compare")):
        answer = made_pages.get(path)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        start = answer.body.decode().split('id="start">')[1].split("</script>")[0]
        assert json.loads(start)["mode"] == mode
    assert made_pages.get("/api/runs").json() == {"folder": str(made_run.parent), "runs": [{"run_id": "made"}]}
    assert [run["run"]["id"] for run in made_pages.get("/api/compare?run=made&run=made").json()["runs"]] == ["made"]
    for name in (*SCRIPTS, "style.css"):
        answer = made_pages.get(f"/static/{name}")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/css" if name == "style.css" else "text/javascript")
    unchanged = made_pages.get("/static/app.js", {"If-None-Match": made_pages.get("/static/app.js").headers["etag"]})
    assert unchanged.status in (200, 304)


def test_long_answers_are_compressed_for_who_asks(made_pages: Client) -> None:
    packed = made_pages.get("/api/run/made/samples", {"Accept-Encoding": "gzip, br"})
    plain = made_pages.get("/api/run/made/samples")
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert len(packed.body) < len(plain.body) / 2


@pytest.mark.parametrize(
    "path",
    [
        "/api/run/none/overview",
        "/api/run/made/none",
        "/api/run/made/cycle/99",
        "/api/run/made/call/none",
        "/api/run/%2e%2e/overview",
        "/api/run/..%2fmade/overview",
        "/run/none",
        "/run/%2e%2e",
        "/static/page.html.jinja",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/nothing",
        "/api/run/none/changes",
    ],
)
def test_what_is_not_there_is_one_line(made_pages: Client, path: str) -> None:
    answer = made_pages.get(path)
    assert answer.status == 404
    assert list(answer.json()) == ["error"]
    assert "\n" not in answer.json()["error"]


def test_a_comparison_of_nothing_is_refused(made_pages: Client) -> None:
    assert made_pages.get("/api/compare").status == 400
    assert made_pages.get("/api/compare?" + "&".join(["run=made"] * 51)).status == 400


# --------------------------------------------------------------------------------------------------- who may ask


def test_every_answer_says_what_a_browser_may_do(made_pages: Client) -> None:
    for path in ("/", "/run/made", "/static/app.js", "/api/runs", "/api/run/made/none", "/nothing"):
        headers = made_pages.get(path).headers
        assert {name: headers[name.lower()] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_own_names_are_answered(made_pages: Client, name: str) -> None:
    port = made_pages.base.rsplit(":", 1)[1]
    assert made_pages.get("/api/runs", {"Host": f"{name}:{port}"}).status == 200
    origin = f"http://{name.lower()}:{port}"
    assert made_pages.get("/api/runs", {"Host": f"{name}:{port}", "Origin": origin}).status == 200


STRANGERS = {
    "another_name": {"Host": "evil.example:{port}"},
    "a_name_that_begins_alike": {"Host": "localhost.evil.example:{port}"},
    "no_port": {"Host": "127.0.0.1"},
    "another_port": {"Host": "127.0.0.1:1"},
    "an_empty_name": {"Host": ""},
    "a_user": {"Host": "evil@127.0.0.1:{port}"},
    "another_page": {"Origin": "http://evil.example"},
    "a_page_of_a_file": {"Origin": "null"},
    "another_server_of_this_machine": {"Origin": "http://127.0.0.1:1"},
    "a_secure_page": {"Origin": "https://127.0.0.1:{port}"},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("path", ["/", "/api/runs", "/api/run/made/changes", "/static/app.js"])
def test_strangers_are_refused(made_pages: Client, headers: dict[str, str], path: str) -> None:
    port = made_pages.base.rsplit(":", 1)[1]
    answer = made_pages.get(path, {name: value.format(port=port) for name, value in headers.items()})
    assert answer.status == 403
    assert "error" in answer.json()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_pages_can_only_be_read(made_pages: Client, method: str) -> None:
    answer = made_pages.get("/api/runs", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/run/made", "/api/runs", "/api/run/made/overview", "/api/run/made/changes"])
def test_head_is_answered_without_a_body(made_pages: Client, path: str) -> None:
    answer = made_pages.get(path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


# ---------------------------------------------------------------------------------------------- damaged and hostile


def test_a_damaged_ledger_is_one_line_and_the_other_runs_are_shown(serve_pages: ServePages, tmp_path: Path) -> None:
    make_run(tmp_path / "good")
    damage(make_run(tmp_path / "bad"))
    client = serve_pages(tmp_path)
    for resource in RESOURCES:
        answer = client.get(f"/api/run/bad/{resource}")
        assert answer.status in (200, 422), resource  # the timeline is read from the events alone
        if answer.status == 422:
            assert "\n" not in answer.json()["error"]
    assert client.get("/api/run/bad/overview").status == 422
    assert client.get("/api/compare?run=good&run=bad").status == 422
    assert client.get("/api/run/good/overview").status == 200
    assert client.get("/run/bad").status == 200


ODD = {
    "cycles": ("UPDATE cycles SET body = '[1]'", "overview"),
    "no_json": ("UPDATE samples SET label = 'x'", "samples"),
    "messages": ("UPDATE messages SET body = '7'", "cycle/1"),
    "weaknesses": ("UPDATE weaknesses SET mastery = '\"x\"'", "weaknesses"),
    "a_call": ("UPDATE calls SET status = 'odd'", "call/c001-analyst-1"),
    "no_table": ("DROP TABLE timings", "overview"),
    "no_column": ("ALTER TABLE weaknesses DROP COLUMN advice", "weaknesses"),
}


@pytest.mark.parametrize(("change", "resource"), ODD.values(), ids=ODD.keys())
def test_odd_rows_are_no_fault_of_the_server(
    serve_pages: ServePages, tmp_path: Path, change: str, resource: str
) -> None:
    folder = make_run(tmp_path / "odd")
    db = sqlite3.connect(folder / "ledger.db")
    db.execute(change)
    db.commit()
    db.close()
    answer = serve_pages(tmp_path).get(f"/api/run/odd/{resource}")
    assert answer.status in (200, 422), answer.body


@pytest.mark.parametrize("query", ["cycle=" + "9" * 30, "search=" + "a" * 60_000, "label=" + "b" * 60_000])
def test_a_filter_of_any_size_finds_nothing(made_pages: Client, query: str) -> None:
    answer = made_pages.get(f"/api/run/made/samples?{query}")
    assert (answer.status, answer.json()) == (200, {"total": 0, "rows": []})


@pytest.mark.parametrize("missing", ["summary.json", "events.jsonl", "config.yaml", "ledger.db"])
def test_a_file_that_is_missing_is_no_fault_of_the_server(
    serve_pages: ServePages, tmp_path: Path, missing: str
) -> None:
    folder = make_run(tmp_path / "part")
    (folder / missing).unlink()
    client = serve_pages(tmp_path)
    for resource in RESOURCES:
        assert client.get(f"/api/run/part/{resource}").status in (200, 404, 422), resource


def test_a_loss_that_is_not_a_number_is_null(serve_pages: ServePages, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "nan")
    db = sqlite3.connect(folder / "ledger.db")
    db.execute("UPDATE cycles SET body = '{\"loss\": NaN, \"all\": [Infinity, 1.5]}' WHERE part = 'training'")
    db.commit()
    db.close()
    body = serve_pages(tmp_path).get("/api/run/nan/cycle/1").body
    assert b'"training":{"loss":null,"all":[null,1.5]}' in body


def test_hostile_texts_arrive_as_they_are(serve_pages: ServePages, tmp_path: Path) -> None:
    make_hostile(tmp_path / "run").rename(tmp_path / "<img src=x onerror=x>")
    client = serve_pages(tmp_path)
    page = client.get("/run/%3Cimg%20src=x%20onerror=x%3E")
    assert page.status == 200
    assert b"<img" not in page.body
    rows = client.get("/api/run/%3Cimg%20src=x%20onerror=x%3E/samples?count=500").json()["rows"]
    texts = "".join(row["text"] for row in rows)
    assert all(attack in texts for attack in ATTACKS)
    assert max(len(row["text"]) for row in rows) > 2**20


# ------------------------------------------------------------------------------------------------- while a run goes on


def test_a_page_that_listens_hears_of_every_new_cycle(serve_pages: ServePages, tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "live").begin()
    client = serve_pages(tmp_path)
    with client.listen("/api/run/live/changes") as changes:
        first = next(changes)
        assert (first["state"], first["event"], first["cycle"]) == ("running", "decided", 0)
        run.add_cycle()
        while (change := next(changes))["cycle"] != 1 or change["event"] != "decided":
            pass
        assert change["size"] > first["size"]
        assert [point["cycle"] for point in client.get("/api/run/live/cycles").json()] == [0, 1]
        run.end()
        while (change := next(changes))["state"] != "done":
            pass
    wait_until(lambda: client.watcher.watched == 0)


def test_many_pages_need_one_watch_and_no_threads(serve_pages: ServePages, made_run: Path) -> None:
    client = serve_pages(made_run.parent)
    opened = [client.listen("/api/run/made/changes") for _ in range(60)]
    for stream in opened:
        assert next(stream.__enter__())["state"] == "done"
    assert client.watcher.watched == 1
    assert client.get("/api/run/made/overview").status == 200
    for stream in opened:
        stream.__exit__(None, None, None)
    wait_until(lambda: client.watcher.watched == 0)


def test_a_stream_without_news_gives_signs_of_life_and_ends_with_the_server(
    serve_pages: ServePages, made_run: Path
) -> None:
    client = serve_pages(made_run.parent)
    with client.connect() as connection:
        connection.request("GET", "/api/run/made/changes")
        answer = connection.getresponse()
        lines = []
        while b": alive\n" not in lines:
            lines.append(answer.readline())
        client.watcher._is_closed = True  # as the server does when it ends; see test_serving
        while answer.readline():
            pass


def test_a_run_is_written_while_it_is_read(serve_pages: ServePages, tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "busy", Size(samples=100)).begin()
    client = serve_pages(tmp_path)
    slowest = 0.0
    for _ in range(10):
        began = time.monotonic()
        run.add_cycle()
        slowest = max(slowest, time.monotonic() - began)
        for resource in ("overview", "cycles", "samples", "facets"):
            assert client.get(f"/api/run/busy/{resource}").status == 200
    run.end()
    assert slowest < 5
    assert sorted(path.name for path in run.folder.path.iterdir()) == [
        *("config.yaml", "events.jsonl", "ledger.db", "summary.json")
    ]


def wait_until(holds: object, seconds: float = 10) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
