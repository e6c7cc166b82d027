import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.messages import InputError
from student.client import StudentClient, StudentError
from tests.student.conftest import MakeJob, write_texts

TEXTS = [row.text for row in write_texts(12, 5)]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[StudentClient]:
    client = StudentClient(tmp_path / "logs" / "student.log", device="cpu", threads=1)
    yield client
    await client.close()


def child_of(client: StudentClient) -> int:
    assert client._process is not None
    return client._process.pid


async def test_it_trains_answers_and_embeds_in_one_child(client: StudentClient, make_job: MakeJob) -> None:
    await client.warm_up()
    child = child_of(client)
    job = make_job(tune="head")
    result = await client.train(job)
    assert (result.tune, result.samples) == ("head", 24)
    both = await asyncio.gather(client.predict(Path(job.out), TEXTS), client.predict(Path(job.out), TEXTS[:3]))
    assert both[0][:3] == both[1]
    rows = await client.embed(job.settings.base, TEXTS[:2])
    assert [len(row) for row in rows] == [32, 32]
    assert await client.predict(Path(job.out), []) == []
    assert child_of(client) == child


async def test_a_crash_is_an_error_with_the_last_words_and_the_next_call_works(
    client: StudentClient, make_job: MakeJob
) -> None:
    await client.warm_up()
    job = make_job(tune="head")
    first = child_of(client)
    waiting = asyncio.create_task(client.train(job))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGSEGV)
    with pytest.raises(StudentError, match=r"the student process died \(signal SIGSEGV\) during train"):
        await waiting
    assert (await client.train(job)).samples == 24
    assert child_of(client) != first


async def test_errors_in_the_child_come_back_as_what_they_are(
    client: StudentClient, make_job: MakeJob, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no folder"):
        await client.train(make_job(base="./none"))
    with pytest.raises(StudentError, match=r"student predict failed: .*is no student"):
        await client.predict(tmp_path, ["x"])
    child = child_of(client)
    with pytest.raises(StudentError, match=r"student train failed: .*see .*student\.log") as caught:
        await client.train(make_job(rate=0.9, steps=3, batch=1, precision="float32", card={"x": "\ud800"}))
    assert "\n" not in str(caught.value)
    assert child_of(client) == child


async def test_a_cancelled_call_ends_the_child_and_the_next_call_works(
    client: StudentClient, make_job: MakeJob
) -> None:
    await client.warm_up()
    first = child_of(client)
    slow = asyncio.create_task(client.train(make_job("slow", steps=100_000)))
    await asyncio.sleep(0.05)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert (await client.train(make_job(tune="head"))).samples == 24


async def test_ctrl_c_does_not_reach_the_child(client: StudentClient, make_job: MakeJob) -> None:
    await client.warm_up()
    first = child_of(client)
    job = make_job(tune="head")
    await client.train(job)
    os.kill(first, signal.SIGINT)
    assert len(await client.predict(Path(job.out), TEXTS)) == len(TEXTS)
    assert child_of(client) == first
    assert os.getsid(first) == first


NOISY = """
import os, sys, student.worker as worker
def handlers():
    def train(body):
        print("stray print"); os.write(1, b"stray write\\n"); os.system("echo stray child"); sys.stdin.read()
        return body["x"]
    return {"train": train}
worker._load_handlers = handlers
worker.main()
"""


def test_stray_prints_do_not_reach_the_protocol_and_the_end_of_input_ends_the_process() -> None:
    request = json.dumps({"id": 7, "call": "train", "body": {"x": "\u2028é"}})
    with subprocess.Popen(
        [sys.executable, "-c", NOISY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(request.encode() + b"\n")
        process.stdin.flush()
        replies = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(30) == 0
        assert replies == [{"ready": True}, {"id": 7, "result": "\u2028é"}]
        assert process.stdout.read() == b""
        assert process.stderr.read().count(b"stray") == 3


HANGING = """
import time, student.worker as worker
worker._load_handlers = lambda: {"train": lambda body: time.sleep(600)}
worker.main()
"""


def test_the_end_of_input_ends_the_process_in_the_middle_of_a_training() -> None:
    with subprocess.Popen([sys.executable, "-c", HANGING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(b'{"id": 1, "call": "train", "body": {}}\n')
        process.stdin.flush()
        process.stdin.close()
        assert process.wait(30) == 0
