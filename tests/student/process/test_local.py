"""The student in this process answers as the one in a process of its own does."""

from pathlib import Path

from evokd.student.process.client import StudentClient
from evokd.student.process.local import LocalStudent
from tests.student.conftest import MakeJob


async def test_it_trains_and_answers_as_the_student_process_does(make_job: MakeJob, tmp_path: Path) -> None:
    texts = ["the cat saw an engine", "a motor", "a motor"]
    local, client = LocalStudent(device="cpu", threads=1), StudentClient(tmp_path / "log", device="cpu", threads=1)
    jobs = [make_job(name, tune="head", threads=1) for name in ("here", "there")]
    try:
        results = [await student.train(job) for student, job in zip((local, client), jobs, strict=True)]
        answers = [
            await student.predict(Path(job.out), texts) for student, job in zip((local, client), jobs, strict=True)
        ]
    finally:
        await client.close()
        await local.close()
    assert answers[0] == answers[1]
    assert answers[0][1] == answers[0][2]
    assert results[0].loss == results[1].loss
    assert await local.predict(Path(jobs[0].out), []) == []
