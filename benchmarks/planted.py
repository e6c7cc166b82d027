"""A made-up domain of any size, and the folder of a long run on it, for `benchmarks.endurance`."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from evokd.graph.resumption import PLAN, THREAD
from evokd.graph.setup.plan import Plan, describe_plan, record_plan
from evokd.graph.setup.run_folder import RunFolder, create_folder, write_config
from evokd.messages import (
    CallRecord,
    Case,
    DraftBatch,
    DraftText,
    FeedbackPacket,
    LessonPlan,
    LessonTopic,
    Quota,
)
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import (
    CURATION,
    GATE,
    LABEL_COUNTS,
    TRAINING,
    CurationRecord,
    GateRecord,
    TrainingRecord,
    WeaknessRow,
    make_lesson,
)

LABELS = ("north", "east", "south", "west")
CYCLES = 50
"""Cycles of a planted run."""
LESSONS = 4
"""Lessons of each of them."""


def write_domain(folder: Path, corpus: int) -> Path:
    """Write a domain with a corpus of so many texts."""
    folder.mkdir(parents=True)
    data = {"seeds": 4, "validation": 40, "test": 40, "corpus": corpus}
    for number, (name, size) in enumerate(data.items()):
        rows = [{"text": text, "label": label} for text, label in make_texts(size, seed=number)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tree = {
        "name": "endurance",
        "task": "classification",
        "description": "Texts of made-up words.",
        "labels": {label: f"words of the {label}" for label in LABELS},
        "data": {name: f"{name}.jsonl" for name in ("seeds", "validation", "test")},
        "rehearsal": {"corpus": "corpus.jsonl"},
    }
    (folder / "domain.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return folder


def make_texts(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Make texts of 14 words, four of them from the label's own; no two are alike."""
    rng = random.Random(seed)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    common = [f"{a}{b}" for a in syllables for b in syllables]
    own = {label: [f"{label[:2]}{a}{b}" for a in syllables[:8] for b in syllables[:8]] for label in LABELS}
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        words = [*rng.sample(own[label], 4), *rng.sample(common, 10)]
        rng.shuffle(words)
        yield " ".join(words), label


def plant_run(plan: Plan, runs_dir: Path, count: int) -> RunFolder:
    """Make the folder of a run that is about to begin its last cycle with so many accepted samples."""
    folder = create_folder(runs_dir, f"planted-{count}")
    write_config(folder, describe_plan(plan))
    ledger = Ledger(folder.ledger)
    ledger.remember(PLAN, record_plan(plan))
    texts = make_texts(count, seed=99)
    for cycle in range(CYCLES + 1):
        _plant_training(ledger, cycle)
        if cycle:
            _plant_samples(ledger, cycle, count // (CYCLES * LESSONS), texts)
    ledger.close()
    for version in ("c000", f"c{CYCLES:03d}"):
        folder.version(version).mkdir(parents=True)
    asyncio.run(_plant_state(folder, count))
    return folder


def _plant_training(ledger: Ledger, cycle: int) -> None:
    """Write what training, gate and exam of a cycle leave."""
    training = TrainingRecord(tune="head", steps=9, samples=9, seconds=1.0, loss=0.5)
    ledger.put_cycle_record(cycle, TRAINING, training)
    ledger.put_cycle_record(cycle, GATE, GateRecord(before=0.5, after=0.5, promoted=True))
    for node in ("train", "gate", "examine", "decide"):
        ledger.add_time(cycle, node, 0.1)
    cases = [
        Case(id=f"v{number}", text=text, gold=label, predicted="north", confidence=0.5, verdict=verdict)
        for number, (text, label) in enumerate(make_texts(16, seed=1), start=1)
        for verdict in (("right" if label == "north" else "wrong"),)
    ]
    meanings = dict.fromkeys(LABELS, "words")
    packet = FeedbackPacket(
        cycle=cycle + 1, task="classification", labels=meanings, report=[], confusions=[], weaknesses=[], cases=cases
    )
    ledger.put_message(cycle + 1, f"c{cycle + 1:03d}", "student", "analyst", packet)


def _plan(lesson: str, share: int) -> LessonPlan:
    return LessonPlan(
        id=lesson,
        mode="write",
        weakness=LessonTopic(name="breadth", pattern="", labels=[], advice=""),
        labels=dict.fromkeys(LABELS, "words"),
        quotas=[Quota(label=LABELS[0], hard=share, easy=0)],
        examples=[],
        avoid=[],
    )


def _plant_samples(ledger: Ledger, cycle: int, share: int, texts: Iterator[tuple[str, str]]) -> None:
    """Write what analysis, lessons and curation of a cycle leave: so many accepted samples per lesson."""
    span = f"c{cycle:03d}"
    weakness = WeaknessRow(
        id=f"{span}-w1",
        cycle=cycle,
        name="one for another",
        pattern="p",
        labels=["north"],
        evidence=["v1"],
        advice="a",
        state="open",
        effect=0.0,
        mastery=None,
        tested=None,
    )
    ledger.put_weaknesses([weakness])
    names = [f"{span}-l{number:02d}" for number in range(1, LESSONS + 1)]
    ledger.put_lessons(cycle, [make_lesson(cycle, weakness["id"], "", _plan(name, share)) for name in names])
    for name in names:
        rows = [
            Sample(
                id=f"{name}-d{number:02d}",
                cycle=cycle,
                lesson=name,
                weakness=f"{span}-w1",
                text=text,
                difficulty="hard",
                intended=label,
                draft_call=f"{name}-generator-1",
                state="accepted",
                candidates=[label],
                confidence=0.9,
                label=label,
                purpose="train",
                exam={"answer": label, "confidence": 0.5},
                label_call=f"{name}-labeler-1",
            )
            for number, (text, label) in zip(range(1, share + 1), texts, strict=False)
        ]
        ledger.put_drafts(name, rows)
        ledger.close_lesson(name, share, share, [])
        batch = DraftBatch(labels={}, drafts=[DraftText(id=row.id, text=row.text) for row in rows])
        ledger.put_message(cycle, name, "generator", "labeler", batch)
        for role in ("generator", "labeler"):
            ledger.record_call(_call(cycle, name, role, batch.model_dump_json()))
    ledger.put_cycle_record(cycle, LABEL_COUNTS, dict.fromkeys(LABELS, share * LESSONS * (cycle - 1) // len(LABELS)))
    curation = CurationRecord(drafts=share * LESSONS, accepted=share * LESSONS, disputed=0)
    ledger.put_cycle_record(cycle, CURATION, curation)


def _call(cycle: int, span: str, role: str, raw: str) -> CallRecord:
    return CallRecord(
        id=f"{span}-{role}-1",
        key=f"{span}-{role}",
        cycle=cycle,
        role=role,
        span=span,
        attempt=1,
        endpoint="rehearsal",
        model="rehearsal",
        ability="json_schema",
        request={"turns": [["user", raw]]},
        prompts="abc",
        status="ok",
        raw=raw,
        flags=[],
        faults=[],
        input_tokens=len(raw) // 4,
        output_tokens=len(raw) // 4,
        estimated=False,
        cost_usd=None,
        price_source=None,
        seconds=0.1,
    )


async def _plant_state(folder: RunFolder, count: int) -> None:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    from evokd.graph.build import build_graph

    state = {
        "cycle": CYCLES + 1,
        "champion": f"c{CYCLES:03d}",
        "challenger": None,
        "score": 0.5,
        "best": 0.5,
        "stale": 0,
        "barren": 0,
        "accepted": count,
        "lessons": [],
        "decision": {"next": "analyze", "reason": "go on"},
    }
    async with AsyncSqliteSaver.from_conn_string(str(folder.checkpoints)) as saver:
        await build_graph(saver).aupdate_state(THREAD, state, as_node="decide")
