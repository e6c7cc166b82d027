"""The chaos server does what its faults say, counts right, and repeats itself."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from evokd.messages import DraftBatch, DraftText, LessonPlan, LessonTopic, Quota, fence
from tests.chaos import faults
from tests.chaos.book import Entry, call_hash
from tests.chaos.remote import Server
from tests.graph.toy import LABELS, write_domain, write_reports

MEANINGS = dict.fromkeys(LABELS, "a meaning")
TOPIC = LessonTopic(name="n", pattern="p", labels=["cancel_plan"], advice="")
PLAN = LessonPlan(
    id="l1",
    mode="write",
    weakness=TOPIC,
    labels=MEANINGS,
    quotas=[Quota(label="cancel_plan", hard=2, easy=2)],
    examples=[],
    avoid=[],
)
BATCH = DraftBatch(
    labels=MEANINGS, drafts=[DraftText(id="t1", text="please cancel it"), DraftText(id="t2", text="where is my parcel")]
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a small corpus of labels and one of entities."""
    folder = tmp_path_factory.mktemp("chaos")
    corpora = {"toy": write_domain(folder / "toy"), "reports": write_reports(folder / "reports")}
    with Server({name: path / "corpus.jsonl" for name, path in corpora.items()}) as started:
        yield started
    # it has ended because its input was closed
    assert started.returncode == 0


@pytest.fixture
def calm(server: Server) -> Server:
    """The server without faults and without a past."""
    kinds = list(faults.KINDS)
    server.set(
        rate=0, kinds=kinds, latency=0, spread=0, echo=False, down=None, down_after=None, down_for=None, slow=0.3
    )
    server.reset()
    return server


def request(message: Any = PLAN, seed: int = 1, model: str = "toy") -> dict[str, Any]:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": f"Reply.\n\n{fence(message)}"}]
    return {"model": model, "messages": turns, "seed": seed}


def post(server: Server, body: dict[str, Any], tag: str = "a", **headers: str) -> httpx2.Response:
    # verify: loading certificates for plain HTTP would take longer than the request
    url = f"{server.url(tag)}/chat/completions"
    return httpx2.post(url, json=body, headers=headers, timeout=20, verify=False)


def content(reply: httpx2.Response) -> Any:
    return json.loads(reply.json()["choices"][0]["message"]["content"])


def only(server: Server, kind: str, message: Any = PLAN, seed: int = 1) -> tuple[httpx2.Response, Entry]:
    """The reply to a request that is sure to get a fault, and what the server says of it."""
    server.set(rate=1, kinds=[kind])
    reply = post(server, request(message, seed))
    return reply, server.log("a")[-1]


def test_without_faults_the_answers_are_those_of_the_corpus_and_everything_is_counted(calm: Server) -> None:
    drafts = content(post(calm, request()))["drafts"]
    assert [draft["intended"] for draft in drafts] == ["cancel_plan"] * 4
    reply = post(calm, request(BATCH)).json()
    post(calm, request(), tag="b")
    counted = calm.stats("a")
    assert (counted["requests"], counted["answers"], counted["faults"]) == (2, 2, {})
    assert counted["tokens"] == sum(entry.tokens for entry in calm.log("a"))
    assert calm.log("a")[1].tokens == reply["usage"]["total_tokens"] > 50
    assert calm.stats()["requests"] == 3
    one, two, other = calm.log()
    assert one.body == other.body != two.body
    assert one.arrived < one.begun <= one.answered <= one.ended < two.arrived
    seen = [(turn["role"], turn["content"]) for turn in request()["messages"]]
    assert one.call == call_hash(seen, 1)


def test_a_connection_is_used_again(calm: Server) -> None:
    with httpx2.Client() as client:
        for seed in range(3):
            assert client.post(f"{calm.url('a')}/chat/completions", json=request(seed=seed)).status_code == 200
        # a second connection would be told by the peer's port; the pool keeps one
        assert len(client._transport._pool.connections) == 1
    assert calm.stats("a")["bodies"] == {entry.body: 1 for entry in calm.log("a")}


def test_a_server_answers_for_several_domains(calm: Server) -> None:
    plan = PLAN.model_copy(update={"labels": {"person": "p"}, "quotas": [Quota(label="person", hard=1, easy=0)]})
    assert content(post(calm, request(plan, model="reports")))["drafts"][0]["intended"][0]["label"] == "person"
    assert post(calm, request(model="other")).status_code == 400


@pytest.mark.parametrize("kind", faults.STATUS)
def test_an_error_has_its_status_and_a_marker(kind: str, calm: Server) -> None:
    reply, entry = only(calm, kind)
    assert reply.status_code == faults.STATUS[kind] == entry.status
    assert entry.marker in reply.text == entry.sent
    assert reply.headers.get("retry-after") == ("1" if kind == "rate_limit" else None)
    assert entry.tokens == calm.stats("a")["tokens"] == calm.stats("a")["answers"] == 0


def test_an_error_repeats_the_key_only_when_told_to(calm: Server) -> None:
    calm.set(rate=1, kinds=["server_error"])
    assert "sk-secret" not in post(calm, request(), authorization="Bearer sk-secret").text
    calm.set(echo=True)
    reply = post(calm, request(), authorization="Bearer sk-secret")
    assert "sk-secret" in reply.text
    assert "sk-secret" in reply.headers["x-request-key"]


def test_a_dropped_connection_brings_nothing_and_costs_nothing(calm: Server) -> None:
    for seed in range(4):
        with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
            only(calm, "dropped", seed=seed)
    assert [(entry.fault, entry.tokens, entry.sent) for entry in calm.log("a")] == [("dropped", 0, "")] * 4


def test_half_a_body_breaks_off_and_costs_its_tokens(calm: Server) -> None:
    body = json.dumps(request()).encode()
    head = f"POST /t/a/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    calm.set(rate=1, kinds=["half_body"])
    with socket.create_connection(("127.0.0.1", calm.port)) as raw:
        raw.sendall(head + body)
        came = b""
        try:
            while part := raw.recv(2**16):
                came += part
        except ConnectionResetError:
            pass
    entry = calm.log("a")[0]
    start, _, half = came.partition(b"\r\n\r\n")
    promised = int(start.lower().partition(b"content-length: ")[2].split()[0])
    assert half.decode("utf-8", "replace") == entry.sent
    assert len(half) == promised // 2
    assert entry.answered is None
    assert entry.tokens == calm.stats("a")["tokens"] > 50


def test_slow_bytes_are_a_whole_answer(calm: Server) -> None:
    began = time.monotonic()
    reply, entry = only(calm, "slow")
    assert time.monotonic() - began >= 0.3
    assert len(content(reply)["drafts"]) == 4
    assert entry.answered - entry.begun >= 0.25


@pytest.mark.parametrize("kind", [*faults.HARMLESS, "injection"])
def test_what_can_be_read_past_leaves_the_answer_whole(kind: str, calm: Server) -> None:
    whole = content(post(calm, request()))
    reply, entry = only(calm, kind)
    text = reply.json()["choices"][0]["message"]["content"]
    assert text == entry.sent
    found = json.loads(text[text.index('{"drafts"') : text.rindex("]}") + 2])
    assert [draft["intended"] for draft in found["drafts"]] == [draft["intended"] for draft in whole["drafts"]]
    assert (found == whole) == (kind != "injection")


def test_an_injected_text_that_comes_back_fenced_is_seen_and_one_that_does_not_too(calm: Server) -> None:
    reply, entry = only(calm, "injection")
    texts = [draft["text"] for draft in content(reply)["drafts"]]
    assert set(entry.injected) == {texts[0], texts[2]}
    calm.set(rate=0)
    batch = DraftBatch(labels=MEANINGS, drafts=[DraftText(id="t1", text=text) for text in texts])
    post(calm, request(batch))
    good = calm.log("a")[-1]
    assert set(good.returned) == set(entry.injected)
    assert good.astray == ""
    loose = request(batch)
    loose["messages"][0]["content"] += f" beware of {faults.INJECTIONS[1]}"
    post(calm, loose)
    assert "outside the block of a system turn" in calm.log("a")[-1].astray


def test_faults_in_the_answer_itself(calm: Server) -> None:
    cut = only(calm, "cut_off")[0].json()["choices"][0]
    assert cut["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut["message"]["content"])
    renamed = content(only(calm, "wrong_schema")[0])["drafts"]
    assert all("the_intended" in draft and "intended" not in draft for draft in renamed)
    labels = [draft["intended"] for draft in content(only(calm, "unknown_labels")[0])["drafts"]]
    assert labels == [faults.FOREIGN_LABEL, "cancel_plan"] * 2
    foreign = content(only(calm, "unknown_labels", BATCH)[0])["verdicts"]
    assert foreign[0]["labels"] == [faults.FOREIGN_LABEL] != foreign[1]["labels"]
    assert [item["id"] for item in content(only(calm, "invented_ids", BATCH)[0])["verdicts"]] == ["t1", "t2", "t999"]
    doubled = content(only(calm, "repeated_ids", BATCH)[0])["verdicts"]
    assert [item["id"] for item in doubled] == ["t1", "t1", "t2", "t2"]
    assert doubled[0]["labels"] != doubled[1]["labels"]
    assert content(only(calm, "empty_list")[0]) == {"drafts": []}
    assert len(only(calm, "huge")[0].content) > faults.LONG
    reply, entry = only(calm, "invalid_utf8")
    assert faults.FOREIGN_BYTES in reply.content
    assert entry.marker in reply.text
    with pytest.raises(UnicodeDecodeError):
        reply.content.decode()


def test_the_fault_is_chosen_by_seed_body_and_repeat(calm: Server) -> None:
    calm.set(rate=0.5, seed=7, slow=0, kinds=[kind for kind in faults.KINDS if kind not in faults.BROKEN])

    def chosen(tag: str) -> list[str | None]:
        for seed in (1, 2, 3, 4):
            for _ in range(3):
                post(calm, request(BATCH, seed), tag)
        return [entry.fault for entry in calm.log(tag)]

    first = chosen("a")
    assert chosen("b") == first
    assert len(set(first)) > 3
    assert 2 <= first.count(None) <= 10
    calm.set(seed=8)
    assert chosen("c") != first


def test_every_kind_is_chosen_and_at_its_rate() -> None:
    drawn = [faults.choose(3, 0.3, faults.KINDS, f"b{at}", 0, "draft_batch") for at in range(3_000)]
    assert set(drawn) == {None, *faults.KINDS} - {"injection"}
    assert 0.27 < 1 - drawn.count(None) / len(drawn) < 0.33


async def test_latency_and_calls_in_flight(calm: Server) -> None:
    calm.set(latency=0.2)
    url = f"{calm.url('a')}/chat/completions"
    async with httpx2.AsyncClient() as client:
        began = time.monotonic()
        await asyncio.gather(*(client.post(url, json=request(seed=seed)) for seed in range(6)))
        assert 0.2 <= time.monotonic() - began < 0.9
    assert calm.stats("a")["most_in_flight"] == 6
    assert [entry.in_flight for entry in calm.log("a")] == [1, 2, 3, 4, 5, 6]


def test_a_client_that_goes_away_has_no_answer(calm: Server) -> None:
    calm.set(latency=0.5)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{calm.url('a')}/chat/completions", json=request(), timeout=0.1)
    time.sleep(0.1)
    entry = calm.log("a")[0]
    assert entry.answered is None
    assert entry.ended is not None
    assert entry.ended - entry.arrived < 0.4
    assert calm.stats("a")["tokens"] == 0


def test_an_answer_that_nobody_read_is_told_from_one_that_was(calm: Server) -> None:
    body = json.dumps(request()).encode()
    head = f"POST /t/a/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    for reads in (True, False):
        with socket.create_connection(("127.0.0.1", calm.port)) as raw:
            raw.sendall(head + body)
            while not calm.log("a")[-1:] or calm.log("a")[-1].answered is None or len(calm.log("a")) < 2 - reads:
                time.sleep(0.01)
            if reads:
                raw.recv(2**20)
    time.sleep(0.1)
    assert [entry.unread for entry in calm.log("a")] == [False, True]


def test_down_with_503_after_so_many_answers_and_up_again_by_itself(calm: Server) -> None:
    calm.set(down_after=2, down_how="503", down_for=0.4)
    assert [post(calm, request(seed=seed)).status_code for seed in range(4)] == [200, 200, 503, 503]
    time.sleep(0.5)
    assert post(calm, request(seed=5)).status_code == 200
    assert calm.stats("a")["faults"] == {"down": 2}


def test_down_with_errors_inside_200_and_up_again_by_itself(calm: Server) -> None:
    calm.set(down_after=1, down_how="200", down_for=0.4)
    replies = [post(calm, request(seed=seed)) for seed in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert [reply.json().get("error", {}).get("code") for reply in replies] == [None, 429, 429]
    time.sleep(0.5)
    assert content(post(calm, request(seed=5)))
    assert (calm.stats("a")["faults"], calm.stats("a")["answers"]) == ({"down": 2}, 2)


def test_down_without_anybody_listening(calm: Server) -> None:
    calm.set(down="refuse")
    with pytest.raises(httpx2.ConnectError):
        post(calm, request())
    calm.set(down=None)
    assert post(calm, request()).status_code == 200
