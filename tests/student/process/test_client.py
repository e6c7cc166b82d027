import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.student.process.client import StudentClient, StudentCrashed, StudentError
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


class FaultyClient(StudentClient):
    """Its process dies as planned (see tests/faulty_worker.py)."""

    def __init__(self, folder: Path, student: str) -> None:
        super().__init__(folder / "student.log", device="cpu", threads=1)
        self.plan = folder / "plan"
        self.plan.mkdir()
        self.worker = ("-m", "tests.faulty_worker", str(self.plan), student)  # type: ignore[misc]

    def fail(self, *faults: str) -> None:
        for number, fault in enumerate(faults):
            (self.plan / f"{number}-{fault}").touch()


@pytest.fixture
async def words(tmp_path: Path) -> AsyncIterator[FaultyClient]:
    """Starts in a blink: no torch."""
    client = FaultyClient(tmp_path, "words")
    yield client
    await client.close()


async def test_a_training_in_which_the_process_is_killed_is_made_again_with_half_at_once(
    make_job: MakeJob, tmp_path: Path
) -> None:
    client = FaultyClient(tmp_path, "torch")
    client.fail("train-SIGKILL")
    job = make_job(batch=16)
    try:
        result = await client.train(job)
        assert len(await client.predict(Path(job.out), TEXTS)) == len(TEXTS)
    finally:
        await client.close()
    assert (result.at_once, result.steps) == (8, 12)
    (fault,) = result.faults
    assert fault.startswith("the student process died (signal SIGKILL) during train; ")
    assert fault.endswith("; again in a new process with half as many texts at once")
    assert list(client.plan.iterdir()) == []


@pytest.mark.parametrize(("way", "cause"), [("exit", "exit code 7"), ("SIGSEGV", "signal SIGSEGV")])
async def test_after_another_crash_the_same_training_is_made_again(
    words: FaultyClient, make_job: MakeJob, way: str, cause: str
) -> None:
    words.fail(f"train-{way}")
    result = await words.train(make_job())
    assert result.at_once == 16
    (fault,) = result.faults
    assert f"({cause}) during train; " in fault
    assert fault.endswith("; again in a new process")


async def test_a_prediction_in_which_the_process_dies_is_made_again(words: FaultyClient, make_job: MakeJob) -> None:
    job = make_job()
    await words.train(job)
    expected = await words.predict(Path(job.out), TEXTS)
    words.fail("predict-SIGKILL")
    assert await words.predict(Path(job.out), TEXTS) == expected
    words.fail("predict-exit", "predict-SIGSEGV")
    with pytest.raises(StudentCrashed, match=r"signal SIGSEGV\) during predict; .* died before \(exit code 7\)"):
        await words.predict(Path(job.out), TEXTS)


async def test_a_second_crash_is_an_error_in_one_line_and_the_next_call_works(
    words: FaultyClient, make_job: MakeJob
) -> None:
    words.fail("train-SIGKILL", "train-SIGSEGV")
    with pytest.raises(StudentCrashed) as caught:
        await words.train(make_job())
    message = str(caught.value)
    assert message.startswith("the student process died (signal SIGSEGV) during train; ")
    assert (
        "; it had died before (signal SIGKILL) and was started again in a new process with half as many texts at once;"
        " free memory on this machine, or set a smaller student.max_length"
    ) in message
    assert "\n" not in message
    assert caught.value.exit_code == 1
    assert (await words.train(make_job())).faults == []


async def test_a_process_that_dies_between_calls_is_replaced_without_a_word(
    words: FaultyClient, make_job: MakeJob
) -> None:
    job = make_job()
    await words.train(job)
    first = child_of(words)
    os.kill(first, signal.SIGKILL)
    while words._process is not None and words._process.returncode is None:
        await asyncio.sleep(0.01)
    assert len(await words.predict(Path(job.out), TEXTS)) == len(TEXTS)
    assert child_of(words) != first


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="needs Linux")
async def test_the_system_takes_the_child_first_when_memory_runs_out(words: FaultyClient, make_job: MakeJob) -> None:
    await words.train(make_job())
    ours, childs = (
        int(Path(f"/proc/{process}/oom_score_adj").read_text()) for process in ("self", str(child_of(words)))
    )
    assert childs == max(ours, 500)


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


async def test_it_hears_of_the_steps_of_a_training_now_and_then(
    client: StudentClient, make_job: MakeJob, tmp_path: Path
) -> None:
    often = tmp_path / "often.py"
    often.write_text("from evokd.student.process import worker\nworker._REPORT_EVERY = 0.0\nworker.main()\n", "utf-8")
    client.worker = (str(often),)  # type: ignore[misc]
    heard: list[tuple[int, int]] = []
    client.on_step = lambda step, steps: heard.append((step, steps))
    result = await client.train(make_job(tune="full", steps=6, min_epochs=0.0))
    assert heard == [(step, result.steps) for step in range(1, result.steps + 1)]
    await client.train(make_job("head", tune="head"))
    assert len(heard) == result.steps
    client.on_step = None
    assert (await client.train(make_job("again", tune="full", steps=6, min_epochs=0.0))).steps == result.steps


async def test_ctrl_c_does_not_reach_the_child(client: StudentClient, make_job: MakeJob) -> None:
    await client.warm_up()
    first = child_of(client)
    job = make_job(tune="head")
    await client.train(job)
    os.kill(first, signal.SIGINT)
    assert len(await client.predict(Path(job.out), TEXTS)) == len(TEXTS)
    assert child_of(client) == first
    assert os.getsid(first) == first
