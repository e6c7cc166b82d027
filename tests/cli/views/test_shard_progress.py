"""What is told while machines of a cluster work."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from evokd.cli.views.experiment_progress import ExperimentProgress
from evokd.cli.views.shard_progress import ShardProgress
from evokd.jobs.pool import PoolJob

JOB = PoolJob("part-00001.jsonl", "answer", "answers", "part-[b]1", {})
EVENTS: list[dict[str, Any]] = [
    {"event": "cluster", "message": "Ray: a cluster of 3 machines, 3 cores"},
    {"event": "planned", "shards": 4, "done": 1, "processes": 3},
    {"event": "waiting"},
    {"event": "started", "job": JOB},
    {"event": "repeated", "job": JOB, "lost_node": True},
    {"event": "unfit", "message": "no [folder] {x}"},
    {"event": "failed", "job": JOB, "message": "full"},
    {"event": "done", "job": JOB, "result": {}},
]


def follow(events: list[dict[str, Any]], is_quiet: bool) -> list[str]:
    paper = StringIO()
    with ShardProgress(Console(file=paper), 10_000, is_quiet) as progress:
        for event in events:
            progress(event)
        assert progress._outline().startswith("2/4 parts done; ")
    return paper.getvalue().splitlines()


def test_answers_on_a_cluster_are_followed() -> None:
    warnings = [
        "no machine of the cluster has room; waiting",
        "what answered part-[b]1 went away; once more",
        "a machine of the cluster is not used: no [folder] {x}",
        "part-[b]1 failed: full",
    ]
    first = ["Ray: a cluster of 3 machines, 3 cores", "10,000 rows in 4 parts, 1 done before, 3 at once"]
    assert follow(EVENTS, is_quiet=False) == [*first, *warnings]
    assert follow(EVENTS, is_quiet=True) == warnings


def test_a_log_says_once_a_minute_how_far_the_answers_are() -> None:
    now = [0.0]
    paper = StringIO()
    with ShardProgress(Console(file=paper, width=200), 10_000, clock=lambda: now[0]) as progress:
        progress({"event": "planned", "shards": 20, "done": 0, "processes": 2})
        for _ in range(8):
            now[0] += 20.0
            progress({"event": "done", "job": JOB, "result": {}})
    lines = paper.getvalue().splitlines()[1:]
    assert lines == ["3/20 parts done; 25 rows/s; about 6 min left", "6/20 parts done; 25 rows/s; about 5 min left"]


def test_a_folder_that_keeps_its_parts_is_told() -> None:
    paper = StringIO()
    with ShardProgress(Console(file=paper, width=200), 10_000, is_quiet=True) as progress:
        progress({"event": "kept", "shards": 10, "wanted": 25})
    assert paper.getvalue() == "goes on with the 10 parts of the first command; 25 would need another folder\n"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"event": "cluster", "message": "Ray: here"}, "Ray: here"),
        ({"event": "waiting"}, "no machine of the cluster has room; waiting"),
        ({"event": "unfit", "message": "no key"}, "a machine of the cluster is not used: no key"),
        (
            {"event": "repeated", "job": JOB, "lost_node": True},
            "the machine of part-[b]1, or Ray's process there, went away; once more",
        ),
        ({"event": "repeated", "job": JOB, "lost_node": False}, "the process of part-[b]1 died; once more"),
    ],
)
def test_an_experiment_on_a_cluster_is_followed(event: Mapping[str, Any], line: str) -> None:
    paper = StringIO()
    with ExperimentProgress(Console(file=paper)) as progress:
        progress(event)
    assert paper.getvalue() == f"{line}\n"
