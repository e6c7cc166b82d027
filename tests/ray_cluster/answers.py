"""Short lines for a small student, answered on a cluster whose machines are killed; every row is there once."""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from tests.ray_cluster.compare import Meanwhile
from tests.ray_cluster.machines import Machines, wait_until
from tests.student.conftest import FILLERS, LABELS, WORDS


def write_lines(path: Path, count: int) -> None:
    """Write rows of two to five words, each with its number."""
    rng = random.Random(1)
    words = [*FILLERS, *(word for label in LABELS for word in WORDS[label])]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps({"id": number, "text": " ".join(rng.choices(words, k=rng.randint(2, 5)))}) + "\n")


def predict_command(student: Path, source: Path, out: Path, address: str, size: int) -> list[str]:
    """Answer the rows on a cluster."""
    command = [sys.executable, "-m", "evokd", "predict", str(student), str(source), "--output", str(out)]
    return [*command, "--on", "ray", "--ray-address", address, "--shard-rows", str(size)]


def kill_twice(out: Path, cluster: Machines, shards: int) -> Meanwhile:
    """Make a function that kills a machine after a third of the shards and after two thirds, and adds new ones."""

    def has(count: int) -> Callable[[], bool]:
        return lambda: len(list(out.glob("part-*.jsonl"))) >= count

    def kill(has_ended: Callable[[], bool]) -> None:
        for third in (1, 2):
            wait_until(has(third * shards // 3), "too few parts", has_ended)
            cluster.kill()
            cluster.replace()

    return kill


def check_answers(source: Path, out: Path) -> int:
    """Check that every row of the input is there once, in its place, with an answer; returns how many there are."""
    shards = sorted(out.glob("part-*.jsonl"))
    assert [path.name for path in out.iterdir() if path.name.endswith(".partial")] == []
    count = 0
    with source.open(encoding="utf-8") as given:
        for shard in shards:
            with shard.open(encoding="utf-8") as lines:
                for line in lines:
                    answered, row = json.loads(line), json.loads(next(given))
                    assert {key: answered[key] for key in row} == row, (shard, answered, row)
                    assert answered["predicted_label"] in LABELS
                    count += 1
        assert next(given, None) is None, "rows are missing"
    return count
