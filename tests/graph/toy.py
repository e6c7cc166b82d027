"""A small domain cut from the shipped one, and a student that counts words and answers at once."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from student.jobs import Prediction, TrainJob, TrainResult

SHIPPED = Path(__file__).parents[2] / "domains" / "support_tickets"
LABELS = ("cancel_plan", "delivery_trouble", "login_trouble")
_CHOSEN = ("curriculum.quotas.drafts=12", "student.regime=continue", "student.replay=0.5", "gate.tolerance=0.05")
QUICK = ["--cycles", "2", "--device", "cpu", *(part for choice in _CHOSEN for part in ("--set", choice))]
"""Options of a run that is over in a blink with the word student, and that passes through every node."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def write_rows(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_domain(folder: Path, *, validation: bool = True, **changes: Any) -> Path:
    """Write a domain of three labels; changes: keys of domain.yaml, None takes one away."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = yaml.safe_load((SHIPPED / "domain.yaml").read_text(encoding="utf-8"))
    data = {split: f"{split}.jsonl" for split in ("seeds", "validation", "test") if validation or split != "validation"}
    for name in (*data.values(), "corpus.jsonl"):
        write_rows(folder / name, [row for row in read_rows(SHIPPED / name) if row["label"] in LABELS])
    labels = {label: whole["labels"][label] for label in LABELS}
    tree = {**whole, "name": "toy", "labels": labels, "data": data, **changes}
    write_yaml(folder / "domain.yaml", {key: value for key, value in tree.items() if value is not None})
    return folder


def write_yaml(path: Path, tree: object) -> None:
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


class WordStudent:
    """Stands in for `student.client.StudentClient`: naive Bayes over words, in this process.

    What it learns depends on every example, on the replay and on the folder it continues from, so that a training with
    other material gives another student.
    """

    def __init__(self, log: Path, *, device: str = "auto", threads: int | None = None) -> None:
        self.jobs: list[TrainJob] = []

    async def warm_up(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def train(self, job: TrainJob) -> TrainResult:
        self.jobs.append(job)
        counts = _read_counts(Path(job.start)) if job.start else {label: Counter() for label in job.labels}
        for item in [*job.examples, *job.replay]:
            counts[str(item.gold)].update(item.text.lower().split())
        out = Path(job.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / "words.json").write_text(json.dumps(counts), encoding="utf-8")
        (out / "README.md").write_text("# Words\n", encoding="utf-8")
        used = {item.id for item in [*job.examples, *job.replay]}
        return TrainResult(
            steps=1, samples=len(used), seconds=0.0, loss=0.5, tune="head", device="cpu", precision="float32"
        )

    async def predict(self, folder: Path, texts: Sequence[str]) -> list[Prediction]:
        counts = _read_counts(folder)
        return [_answer(counts, text.lower().split()) for text in texts]


class ForgetfulStudent(WordStudent):
    """Knows one answer only once it was trained a second time."""

    async def predict(self, folder: Path, texts: Sequence[str]) -> list[Prediction]:
        if folder.name == "c000":
            return await super().predict(folder, texts)
        label = next(iter(_read_counts(folder)))
        return [Prediction(answer=label, confidence=0.9, scores={label: 0.9}) for _ in texts]


def _read_counts(folder: Path) -> dict[str, Counter[str]]:
    stored = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    return {label: Counter(words) for label, words in stored.items()}


def _answer(counts: dict[str, Counter[str]], words: Sequence[str]) -> Prediction:
    logs = {
        label: sum(math.log((known[word] + 0.1) / (known.total() + 100)) for word in words)
        for label, known in counts.items()
    }
    top = max(logs.values())
    shares = {label: math.exp((value - top) / 4) for label, value in logs.items()}
    scores = {label: round(share / sum(shares.values()), 6) for label, share in shares.items()}
    best = max(scores, key=lambda label: scores[label])
    return Prediction(answer=best, confidence=scores[best], scores=scores)


STUDENTS = {"words": WordStudent, "forgetful": ForgetfulStudent}
