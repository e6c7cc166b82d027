"""The learning curve of a finished run: what its champion scores on test data after every cycle."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evokd.graph.context import cycle_name
from evokd.graph.nodes.evaluation import answer_once
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.protocol import StudentProtocol
from evokd.student.tasks.scores import Scores
from evokd.tracing.files import read_json, write_json
from evokd.tracing.ledger import Ledger

FILE = "curve.json"
_ADVICE = "remove it to have it made again"


@dataclass(frozen=True)
class Point:
    """The champion after a cycle."""

    cycle: int
    version: str
    """The champion's student version: of this cycle, or of an earlier one if this cycle was rolled back."""
    samples: int
    """Samples accepted so far, without those of cycles that were rolled back."""
    tokens: int
    """Tokens read and written by the teacher so far, including those of cycles that were rolled back."""
    calls: int
    test: Mapping[str, float]
    """Metric -> score on test data, 0 to 1."""
    labels: Mapping[str, float]
    """Label -> F1 on test data, 0 to 1."""


async def score_versions(
    summary: Mapping[str, Any], folder: RunFolder, domain: Domain, student: StudentProtocol
) -> list[Point]:
    """Score the champion after each cycle on test data; each version is scored once.

    Args:
        summary: of the finished run.
        folder: the run's, with its student versions; its ledger has the answers of the first and the last one.
        domain: the run's, with its test data.
        student: gives the answers.
    """
    ledger = Ledger(folder.ledger)
    try:
        return await _score_versions(summary, folder, domain, ledger, student)
    finally:
        ledger.close()


async def _score_versions(
    summary: Mapping[str, Any], folder: RunFolder, domain: Domain, ledger: Ledger, student: StudentProtocol
) -> list[Point]:
    points: list[Point] = []
    scored: dict[str, Scores] = {}
    samples = tokens = calls = 0
    champion = cycle_name(0)
    for cycle in summary["cycles"]:
        if cycle["gate"]["promoted"]:
            champion = cycle_name(cycle["cycle"])
        if champion not in scored:
            predictions = await answer_once(ledger, student, folder.version(champion), "test", domain.test)
            gold = [example.gold for example in domain.test]
            scored[champion] = domain.codec.evaluate(gold, [prediction.answer for prediction in predictions])
        samples += cycle["accepted"]
        tokens += cycle["input_tokens"] + cycle["output_tokens"]
        calls += cycle["calls"]
        scores = scored[champion]
        metrics = {name: round(value, 6) for name, value in scores.metrics.items()}
        labels = {line.label: round(line.f1, 6) for line in scores.report}
        points.append(Point(cycle["cycle"], champion, samples, tokens, calls, metrics, labels))
    return points


def write_curve(folder: Path, head: Mapping[str, Any], points: list[Point]) -> dict[str, Any]:
    """Write `curve.json` beside a run, whole or not at all; returns what was written."""
    record = {**head, "points": [asdict(point) for point in points]}
    write_json(folder / FILE, record)
    return record


def read_result(path: Path, needed: str) -> dict[str, Any] | None:
    """Read the result of a job of an experiment; None while there is none.

    Args:
        path: the file.
        needed: a key that every such file has.

    Raises:
        EvokdError: the file is damaged.
    """
    return read_json(path, needed, _ADVICE)
