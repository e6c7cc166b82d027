"""Small domains cut from the shipped ones, and students that count words and answer at once."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evokd.messages.spans import Span, split_words
from evokd.student.protocol import (
    Appraisal,
    AppraiseJob,
    CalibrateJob,
    Calibration,
    GroupEffect,
    Prediction,
    TrainJob,
    TrainResult,
    VectorKind,
)
from evokd.student.tasks.ner.spans import to_gold, to_spans

SHIPPED = Path(__file__).parents[2] / "domains" / "support_tickets"
REPORTS = Path(__file__).parents[2] / "domains" / "field_reports"
LABELS = ("cancel_plan", "delivery_trouble", "login_trouble")
_CHOSEN = (
    "curriculum.quotas.drafts=12",
    "curriculum.quotas.lesson=24",
    "curriculum.quotas.mixed=false",
    "curriculum.quotas.weaknesses=0.25",
    "curriculum.analyst.first=1",
    "curriculum.analyst.every=1",
    "curriculum.analyst.above_chance=0",
    "curriculum.analyst.real=false",
    "curriculum.profile=off",
    "curriculum.labels=labeler",
    "curriculum.quotas.least=1",
    "curriculum.test_statements=false",  # the word student reads too little to bear any out
    "student.regime=continue",
    "student.replay=0.5",
    "gate.tolerance=0.05",
)
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


def add_pool(folder: Path, count: int = 60) -> list[str]:
    """Give a domain a pool: every other text of its corpus, without labels."""
    texts = [row["text"] for row in read_rows(folder / "corpus.jsonl")][::2][:count]
    write_rows(folder / "pool.jsonl", [{"text": text} for text in texts])
    tree = yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))
    write_yaml(folder / "domain.yaml", {**tree, "data": {**tree["data"], "pool": "pool.jsonl"}})
    return texts


SIZES = {"seeds": 2, "validation": 20, "test": 20, "corpus": 60}
"""Rows of the domain with entities."""


def write_reports(folder: Path, *, validation: bool = True, **changes: Any) -> Path:
    """Write a domain with entities of six types, with rows from all over the shipped files; changes as above."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = yaml.safe_load((REPORTS / "domain.yaml").read_text(encoding="utf-8"))
    data = {split: f"{split}.jsonl" for split in ("seeds", "validation", "test") if validation or split != "validation"}
    for name in (*data.values(), "corpus.jsonl"):
        rows, size = read_rows(REPORTS / name), SIZES[name.removesuffix(".jsonl")]
        cut = [rows[number * len(rows) // size] for number in range(size)]
        write_rows(folder / name, [{key: row[key] for key in ("text", "entities")} for row in cut])
    tree = {**whole, "name": "reports", "data": data, **changes}
    write_yaml(folder / "domain.yaml", {key: value for key, value in tree.items() if value is not None})
    return folder


def write_yaml(path: Path, tree: object) -> None:
    path.write_text(yaml.safe_dump(tree, sort_keys=False, width=10_000), encoding="utf-8")


class WordStudent:
    """Stands in for `student.process.client.StudentClient`: naive Bayes over words, in this process.

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

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
        counts = _read_counts(folder)
        return [_answer(counts, text.lower().split()) for text in texts]

    async def calibrate(self, job: CalibrateJob) -> Calibration | None:
        """Nothing was measured."""
        return None

    async def appraise(self, job: AppraiseJob) -> Appraisal:
        """Say that every kind of text helps alike."""
        names = sorted(set(job.groups))
        effects = [GroupEffect(group=name, mean=0.001, error=0.001, samples=job.groups.count(name)) for name in names]
        return Appraisal(loss=0.5, effects=effects)

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        """Count words by the bytes they are made of, a stand-in for a direction in space."""
        rows = []
        for text in texts:
            row = [0.0] * 32
            for word in text.lower().split():
                row[sum(word.encode()) % len(row)] += 1.0
            length = math.sqrt(sum(value * value for value in row)) or 1.0
            rows.append([value / length for value in row])
        return rows

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        np.save(out, np.array(await self.embed(base, texts), dtype=np.float16))


class ForgetfulStudent(WordStudent):
    """Knows one answer only once it was trained a second time."""

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
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


class WordTagger(WordStudent):
    """Stands in for the client where answers are entities: remembers the tags of words, of pairs and of their shapes.

    Words in masked parts are passed over.
    """

    async def train(self, job: TrainJob) -> TrainResult:
        self.jobs.append(job)
        seen = _read_counts(Path(job.start)) if job.start else {}
        for item in [*job.examples, *job.replay]:
            tagged = zip(_places(item.text), _keys(item.text), _tags(item.text, to_spans(item.gold)), strict=True)
            for (start, end), keys, tag in tagged:
                if not any(start < stop and begin < end for begin, stop in item.masked):
                    for key in keys:
                        seen.setdefault(key, Counter())[tag] += 1
        out = Path(job.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / "words.json").write_text(json.dumps(seen), encoding="utf-8")
        (out / "README.md").write_text("# Words\n", encoding="utf-8")
        record = {"task": job.task, "labels": job.labels, "max_length": 8, "tune": "head"}
        (out / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
        used = {item.id for item in [*job.examples, *job.replay]}
        return TrainResult(
            steps=1, samples=len(used), seconds=0.0, loss=0.5, tune="head", device="cpu", precision="float32"
        )

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
        seen = _read_counts(folder)
        labels = json.loads((folder / "evokd.json").read_text(encoding="utf-8"))["labels"]
        return [_tag(seen, text, labels) for text in texts]


def _places(text: str) -> list[tuple[int, int]]:
    return [place for place in split_words(text) if text[place[0]].isalnum()]


def _keys(text: str) -> list[tuple[str, str, str]]:
    """Per word: the word, the word behind the one before it, and how both begin."""
    words = [text[start:end] for start, end in _places(text)]
    shapes = ["X" if word[0].isupper() else "x" for word in words]
    before = zip(["", *words], ["", *shapes], strict=False)
    return [(w, f"{v} {w}", f"{t} {s}") for w, s, (v, t) in zip(words, shapes, before, strict=False)]


def _tags(text: str, spans: Sequence[Span]) -> list[str]:
    tags = []
    for start, end in _places(text):
        span = next((span for span in spans if span.start < end and start < span.end), None)
        tags.append("" if span is None else f"{'B' if span.start == start else 'I'}-{span.label}")
    return tags


def _tag(seen: dict[str, Counter[str]], text: str, labels: Sequence[str]) -> Prediction:
    spans: list[Span] = []
    scores = dict.fromkeys(labels, 0.0)
    sure = 1.0
    inside = ""
    for (start, end), keys in zip(_places(text), _keys(text), strict=True):
        counts = Counter({"": 1})
        for key, weight in zip(keys, (100, 200, 2), strict=True):
            for tag, count in seen.get(key, Counter[str]()).items():
                counts[tag] += weight * count
        best = max(sorted(counts), key=lambda tag: counts[tag])
        share, label = counts[best] / counts.total(), best[2:]
        if label and best[0] == "I" and label == inside:
            spans[-1] = spans[-1]._replace(end=end)
        elif label:
            spans.append(Span(start, end, label))
        if label:
            scores[label] = max(scores[label], round(share, 6))
        sure, inside = min(sure, share), label
    return Prediction(answer=to_gold(spans), confidence=round(sure, 6), scores=scores)


STUDENTS = {"words": WordStudent, "forgetful": ForgetfulStudent, "tagger": WordTagger}
