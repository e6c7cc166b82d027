"""Records of runs for tests and measurements, written through the real ledger, event log and run folder.

A made run grows cycle by cycle, so that a test can look at it between two cycles as at a run that goes on.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE, RunFolder, write_config
from evokd.messages import (
    Analysis,
    CallRecord,
    Case,
    FeedbackPacket,
    LabelBatch,
    LabelVerdict,
    LessonPlan,
    LessonTopic,
    Quota,
    TrainingReport,
    Weakness,
)
from evokd.tracing.events import EventLog
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import (
    CURATION,
    DECISION,
    GATE,
    KINDS,
    TRAINING,
    Answer,
    AnswersRecord,
    RecordKind,
    answers_of,
    make_lesson,
)
from evokd.tracing.summary import RunFacts, build_summary, write_summary
from tests.viewer.made_texts import HostileTexts, Texts

PROMPTS = "0123456789abcdef"
"""Hash of the prompt set."""
REASONS = ("near duplicate", "leak", "empty", "invalid label")


@dataclass(frozen=True)
class Size:
    """How large a made run becomes."""

    cycles: int = 2
    samples: int = 20
    """A cycle."""
    lessons: int = 2
    calls: int = 6
    """A cycle, with the Analyst's."""
    rows: int = 20
    """Of validation data, and of test data."""
    pool: int = 30
    """Points of unlabelled texts on the map."""


BIG = Size(cycles=100, samples=200, lessons=4, calls=53, rows=200, pool=500)
"""20,000 samples, 5,300 calls, 150 weaknesses."""


class MadeRun:
    """A run folder that is being written; `begin`, then `add_cycle` as often as wanted, then perhaps `end`."""

    def __init__(self, path: Path, size: Size | None = None, texts: Texts | None = None) -> None:
        self.size = size or Size()
        self.texts = texts or Texts()
        path.mkdir(parents=True)
        self.folder = RunFolder(path)
        self.ledger = Ledger(self.folder.ledger)
        self.ledger.query("PRAGMA synchronous=OFF")  # nobody pulls the plug of a test
        self.log = EventLog(self.folder.events, path.name)
        self.cycle = 0

    def close(self) -> None:
        """Close its files."""
        self.log.close()
        self.ledger.close()

    # -------------------------------------------------------------------------------------------------- begin, end

    def begin(self) -> "MadeRun":
        """Write what is there before the first cycle."""
        texts, size = self.texts, self.size
        config = yaml.safe_load((SHIPPED_EXAMPLE / "config.yaml").read_text(encoding="utf-8"))
        config["prompts"] = {
            "hash": PROMPTS,
            "files": {role: f"{texts.name()} v1" for role in ("analyst", "generator", "labeler")},
            "digests": dict.fromkeys(("analyst", "generator", "labeler"), PROMPTS),
        }
        write_config(self.folder, config)
        bodies = {
            role: {"name": texts.name(), "version": 1, "hash": PROMPTS, "path": "base", "body": texts.prompt(role)}
            for role in ("analyst", "generator", "labeler")
        }
        self.ledger.remember("prompts", {"sets": [{"hash": PROMPTS, "from_cycle": 1, "roles": bodies}]})
        data = {"labels": len(texts.labels), "seeds": 50, "validation": size.rows, "test": size.rows}
        self.log("run_started", domain=texts.name(), **_WHO, metric="macro_f1", cycles=size.cycles, data=data, notes=[])
        self._gold = {split: [texts.label() for _ in range(size.rows)] for split in ("validation", "test")}
        for split, gold in self._gold.items():
            rows = [{"id": f"{split}:{n}", "text": texts.write(), "gold": label} for n, label in enumerate(gold)]
            self._put(0, f"rows:{split}", {"rows": rows})
            self._answer(split, "c000", 0.4)
        points = [[texts.chance(), texts.chance()] for _ in range(size.pool)]
        ids = [f"pool:{n}" for n in range(size.pool)]
        self._put(0, "map", {"ids": ids, "points": points, "texts": [texts.write()[:200] for _ in ids]})
        self._train(None, 0.4)
        return self

    def end(self) -> "MadeRun":
        """Write the summary and the last event, and close the files."""
        self._answer("test", "refit", 0.9)
        facts = RunFacts(
            run_id=self.folder.run_id,
            domain="made",
            **{key: _WHO[key] for key in ("task", "preset", "teacher", "rehearsal", "student", "seed")},
            metric="macro_f1",
            gate_metric="macro_f1",
            champion=f"c{self.cycle:03d}",
            refit=10,
            stop_reason="stop.cycles",
            last_cycle=self.cycle,
            seconds=1000.0,
            publish_seconds=3.0,
        )
        scores = {"macro_f1": 0.4, "accuracy": 0.42}, {"macro_f1": 0.88, "accuracy": 0.9}
        start, final = ({"validation": score, "test": score} for score in scores)
        summary = build_summary(self.ledger, facts, start, final)
        write_summary(self.folder.summary, summary)
        self.log("finished", **{key: value for key, value in summary.items() if key != "run_id"})
        self.close()
        return self

    # ------------------------------------------------------------------------------------------------------ a cycle

    def add_cycle(self) -> "MadeRun":
        """Write one more cycle, from the Analyst's packet to the decision."""
        self.cycle = cycle = self.cycle + 1
        name = f"c{cycle:03d}"
        weaknesses = self._analyze(name)
        spans = [f"{name}-l{number:02d}" for number in range(1, self.size.lessons + 1)]
        plans = [self._plan(span) for span in spans]
        about = [weaknesses[n % len(weaknesses)] if n % 2 == 0 else None for n in range(len(spans))]
        self.ledger.put_lessons(
            cycle,
            [
                make_lesson(cycle, weakness, "weakness" if weakness else "plain", plan)
                for weakness, plan in zip(about, plans, strict=True)
            ],
        )
        self._put(cycle, KINDS.name, {"shares": {"weakness": 0.5, "plain": 0.5}, "texts": {"plain": 10}})
        drafts = []
        for span, plan, weakness in zip(spans, plans, about, strict=True):
            drafts += self._teach(span, plan, weakness)
        accepted = sum(draft.state == "accepted" for draft in drafts)
        self._put(cycle, CURATION.name, {"drafts": len(drafts), "accepted": accepted, "disputed": 1})
        points = [[self.texts.chance(), self.texts.chance()] for _ in drafts]
        self._put(cycle, "map", {"ids": [draft.id for draft in drafts], "points": points})
        self.log("curated", cycle=cycle, drafts=len(drafts), accepted=accepted, rejected={}, disputed=1)
        before = 0.4 + 0.5 * (cycle - 1) / (cycle + 3)
        self._train(before, 0.4 + 0.5 * cycle / (cycle + 4))
        return self

    def _analyze(self, name: str) -> list[str]:
        texts, cycle = self.texts, self.cycle
        cases = [
            Case(
                id=f"v{number}",
                text=texts.write(),
                gold=texts.label(),
                predicted=texts.label(),
                confidence=texts.chance(),
                verdict="wrong" if number % 3 else "right",
                origin="real",
            )
            for number in range(1, 11)
        ]
        labels = {label: texts.write(12) for label in texts.labels}
        packet = FeedbackPacket(
            cycle=cycle,
            task="classification",
            labels=labels,
            report=[],
            confusions=[],
            weaknesses=[],
            cases=cases,
            examined=50,
            origin="real",
            notices=[texts.write(8)],
        )
        self.ledger.put_message(cycle, name, "student", "analyst", packet)
        self._call("analyst", name, 1, '{"weaknesses": []}')
        named = [
            Weakness(
                name=texts.name(),
                pattern=texts.write(40),
                labels=[texts.label(), texts.label()],
                evidence=["v1", "v2", "v4"],
                advice=texts.write(30),
            )
            for _ in range(1 + cycle % 2)  # two, then one
        ]
        self.ledger.put_message(cycle, name, "analyst", "generator", Analysis(cycle=cycle, weaknesses=named))
        ids = [f"{name}-w{number}" for number in range(1, len(named) + 1)]
        self.ledger.put_weaknesses(
            [
                {
                    "id": id,
                    "cycle": cycle,
                    "name": weakness.name,
                    "pattern": weakness.pattern,
                    "labels": weakness.labels,
                    "evidence": weakness.evidence,
                    "advice": weakness.advice,
                    "state": ("improving", "open", "fixed", "dropped")[cycle % 4],
                    "effect": texts.chance() - 0.5,
                    "mastery": {
                        "probe": None,
                        "first": 0.2,
                        "now": 0.6,
                        "counts": [[cycle, 2, 10], [cycle + 1, 6, 10]],
                    },
                    "tested": {"verdict": "holds", "inside": 1.0, "near": 0.6, "outside": 0.3, "evidence": 3},
                }
                for id, weakness in zip(ids, named, strict=True)
            ]
        )
        self._node("analyze", 4.0)
        return ids

    def _plan(self, span: str) -> LessonPlan:
        texts = self.texts
        labels = {label: texts.write(12) for label in texts.labels}
        topic = LessonTopic(name=texts.name(), pattern=texts.write(20), labels=[texts.label()], advice=texts.write(20))
        quotas = [Quota(label=label, hard=2, easy=3) for label in texts.labels[:4]]
        return LessonPlan(id=span, mode="write", weakness=topic, labels=labels, quotas=quotas)

    def _teach(self, span: str, plan: LessonPlan, weakness: str | None) -> list[Sample]:
        """Write the messages, calls and samples of a lesson."""
        texts, size = self.texts, self.size
        self.ledger.put_message(self.cycle, span, "analyst", "generator", plan)
        calls = [
            self._call("generator" if number % 2 else "labeler", span, (number + 1) // 2, texts.write(200))
            for number in range(1, (size.calls - 1) // size.lessons + 1)
        ]
        drafts = [
            self._draft(f"{span}-d{number:02d}", weakness, calls[0], calls[1] if len(calls) > 1 else calls[0])
            for number in range(1, size.samples // size.lessons + 1)
        ]
        self.ledger.put_drafts(span, drafts)
        verdicts = [LabelVerdict(id=draft.id, labels=draft.candidates, confidence=0.9) for draft in drafts]
        self.ledger.put_message(self.cycle, span, "labeler", "student", LabelBatch[LabelVerdict](verdicts=verdicts))
        self.ledger.close_lesson(span, len(drafts), len(drafts), [f"1 draft(s): {texts.name()}"])
        self._node("generate", 3.0)
        self._node("label", 2.0)
        self.log("lesson", cycle=self.cycle, lesson=span, topic=plan.weakness.name, drafts=len(drafts), labelled=1)
        return drafts

    def _draft(self, id: str, weakness: str | None, draft_call: str, label_call: str) -> Sample:
        texts, label = self.texts, self.texts.label()
        refused = id.endswith("7")
        return Sample(
            id=id,
            cycle=self.cycle,
            lesson=id.rsplit("-", 1)[0],
            weakness=weakness,
            text=texts.sample(),
            difficulty="easy",
            intended=label,
            draft_call=draft_call,
            state="rejected" if refused else "accepted",
            candidates=[label, texts.label()],
            confidence=texts.chance(),
            label=None if refused else label,
            reason=REASONS[len(id + label) % len(REASONS)] if refused else None,
            disputed=id.endswith("9"),
            purpose=None if refused else "train",
            exam={"answer": texts.label(), "confidence": texts.chance()},
            label_call=label_call,
            kind="weakness" if weakness else "plain",
        )

    def _call(self, role: str, span: str, attempt: int, raw: str) -> str:
        """Store a call and its event; returns its id."""
        id = f"{span}-{role}-{attempt}"
        turns = [["system", self.texts.prompt(role)], ["user", self.texts.write(400)]]
        usage = {"input_tokens": 2000, "output_tokens": 400, "seconds": 2.5, "faults": [], "flags": []}
        fields: dict[str, Any] = {
            **{"id": id, "key": id, "cycle": self.cycle, "role": role, "span": span, "attempt": attempt},
            **{"endpoint": "http://127.0.0.1/v1", "model": "made", "ability": "json_schema", "prompts": PROMPTS},
            **{"request": {"turns": turns, "parameters": {"seed": 1}}, "raw": raw, "status": "ok", "estimated": False},
            **{"cost_usd": 0.001, "price_source": "own", **usage},
        }
        self.ledger.record_call(CallRecord.model_validate(fields))
        self.log("call", id=id, cycle=self.cycle, role=role, status="ok", **usage)
        return id

    def _train(self, before: float | None, after: float) -> None:
        cycle, name = self.cycle, f"c{self.cycle:03d}"
        done = {"samples": 50 + cycle, "steps": 60, "seconds": 5.0, "loss": 0.1}
        gate = {"before": before, "after": after, "promoted": cycle % 5 != 4}
        self._put(cycle, TRAINING.name, {"tune": "full", "unlabelled": 0, "faults": [], **done})
        if cycle:
            self._answer("validation", name, after)
        self._put(cycle, GATE.name, gate)
        self.ledger.put_message(cycle, f"{name}", "student", "all", TrainingReport(cycle=cycle, **done, **gate))
        for node in ("train", "gate", "examine"):
            self._node(node, 5.0)
        self.log("trained", cycle=cycle, **done, **gate, metric="macro_f1")
        self._put(cycle, DECISION.name, {"next": "analyze", "reason": "go on"})
        self.log(
            "decided", cycle=cycle, accepted=cycle * self.size.samples, score=after, next="analyze", reason="go on"
        )

    def _node(self, node: str, seconds: float) -> None:
        self.ledger.add_time(self.cycle, node, seconds)
        self.log("node_finished", cycle=self.cycle, node=node, seconds=seconds)

    def _answer(self, split: str, version: str, share: float) -> None:
        """Store answers of a version, so many of them right."""
        answers: list[tuple[Answer, float]] = [
            (gold if self.texts.chance() < share else self.texts.label(), self.texts.chance())
            for gold in self._gold[split]
        ]
        self.ledger.put_cycle_record(0, answers_of(split, version), AnswersRecord(answers=answers))

    def _put(self, cycle: int, name: str, body: dict[str, Any]) -> None:
        kind: RecordKind[dict[str, Any]] = RecordKind(name, dict[str, Any])
        self.ledger.put_cycle_record(cycle, kind, body)


_WHO: dict[str, Any] = {
    "task": "classification",
    "preset": "evokd",
    "teacher": "made",
    "rehearsal": True,
    "student": "embedded",
    "seed": 1,
}


def make_run(path: Path, size: Size | None = None, texts: Texts | None = None) -> Path:
    """Make a finished run; returns its folder."""
    run = MadeRun(path, size, texts).begin()
    for _ in range(run.size.cycles):
        run.add_cycle()
    return run.end().folder.path


def make_big(path: Path) -> Path:
    """Make a run of 20,000 samples, 5,300 calls of about 9 KB, 100 cycles and 150 weaknesses; it takes 70 MB."""
    return make_run(path, BIG)


def make_hostile(path: Path) -> Path:
    """Make a run all of whose texts, names and labels are attacks."""
    return make_run(path, Size(samples=30, lessons=2, calls=7), HostileTexts())


def damage(path: Path) -> Path:
    """Overwrite the middle of a run's ledger; returns the folder."""
    with (path / "ledger.db").open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    return path


def read_event_kinds(path: Path) -> list[str]:
    """The names of a run's events, in order."""
    lines = (path / "events.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["event"] for line in lines if line]
