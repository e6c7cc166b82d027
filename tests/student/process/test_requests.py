"""A job goes to the student process as `json` would write it, whatever is in it."""

import json
import math

import pytest

from evokd.student.process.client import _write_request
from evokd.student.protocol import TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings


@pytest.mark.parametrize("text", ["plain", 'two\nlines\u2028 and "quotes"', "Grüße \U0001f600", "half a pair \ud83d"])
def test_a_request_holds_the_job_whatever_its_texts_are(text: str) -> None:
    gold = [{"start": 0, "end": 3, "label": "é"}]
    example = TrainExample(id="a", text=text, gold=gold, masked=[(0, 2)], weight=0.1 + 0.2, shares={"é": 1 / 3})
    settings = StudentSettings(head_until=math.inf)
    job = TrainJob(task="ner", labels=["é"], examples=[example] * 3, out="out", settings=settings, seed=1)
    line = _write_request(7, "train", job)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    request = json.loads(line)
    assert (request["id"], request["call"]) == (7, "train")
    assert request["body"] == job.model_dump(mode="json")
    assert TrainJob.model_validate(request["body"]) == job
