"""A small hand-written corpus with entities of a harbour, and shorthands to ask about it."""

import re
from typing import Any

from evokd.messages.spans import Span
from evokd.simulator.corpus import Corpus
from evokd.simulator.corpus_rows import CorpusRow

TYPES = {"person": "names of people", "boat": "names of boats", "place": "names of places"}
MARKED = [
    "[Heron](boat) left [Gull Bay](place) with a torn sail",
    "[Ada](person) moored [Tern](boat) beside the old crane",
    "A heron stood on the pier while [Ada](person) slept",
    "The tern flew over [Gull Bay](place) before the storm",
    "[Pearl](person) painted the hull of [Pearl](boat) in a single day",
    "Nobody dived for a pearl near [North Quay](place) this summer",
    "[Tern](person) lost his cap between the crates on [North Quay](place)",
    "The harbour master wrote down that [Heron](boat) was late again",
    "[Olav](person) sold nine crates of cod at [Gull Bay](place)",
    "Please tell [Olav](person) that the engine of [Tern](boat) needs oil",
    "Rain all night and no boat came in",
    "The crew of [Lady Ada](boat) thanked [Pearl](person) for the soup",
    "Two lamps went missing from [Cod Street](place) after the fair",
    "[Ines](person) rowed out to [Cod Street](place) to fetch the mail",
    "The anchor of [Gull](boat) slipped while [Ines](person) was ashore",
    "Fog horns sounded from [Old Mole](place) until the morning",
    "[Bruno](person) repaired the winch on [Heron](boat) without a plan",
    "A crane lifted [Gull](boat) onto the slip at [Old Mole](place)",
    "[Mole](person) drives the small van of the fish market",
    "Somebody dropped a lamp on the deck of [Lady Ada](boat)",
]
_MARK = re.compile(r"\[([^\]]+)\]\((\w+)\)")


def read_marked(marked: str) -> tuple[str, list[Span]]:
    text, spans, behind = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[behind : match.start()]
        spans.append(Span(len(text), len(text) + len(match[1]), match[2]))
        text += match[1]
        behind = match.end()
    return text + marked[behind:], spans


ROWS = [read_marked(marked) for marked in MARKED]
TEXTS = [text for text, _ in ROWS]
SPANS = dict(ROWS)
SEEDS = TEXTS[:2]


def make_corpus(never: list[str] | None = None) -> Corpus:
    return Corpus([CorpusRow(text, tuple(spans)) for text, spans in ROWS], SEEDS if never is None else never)


def written(text: str, spans: list[Span]) -> list[dict[str, str]]:
    return [{"text": text[span.start : span.end], "label": span.label} for span in spans]


def make_example(at: int) -> dict[str, Any]:
    text, spans = ROWS[at]
    return {"text": text, "gold": written(text, spans)}


def make_plan(mode: str = "write", quotas: dict[str, tuple[int, int]] | None = None, **changes: Any) -> dict[str, Any]:
    wanted = quotas or {"boat": (2, 1), "person": (1, 1)}
    return {
        "mode": mode,
        "weakness": {
            "name": "boat taken for person",
            "pattern": "Boats that are called like people",
            "labels": ["boat", "person"],
            "advice": 'Write about "Tern" at sea',
        },
        "labels": TYPES,
        "quotas": [{"label": label, "hard": hard, "easy": easy} for label, (hard, easy) in wanted.items()],
        "examples": [],
        "avoid": [],
    } | changes


def make_batch(texts: list[str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    drafts = [{"id": f"d{at}", "text": text} for at, text in enumerate(texts)]
    return {"labels": TYPES if labels is None else labels, "drafts": drafts}


def make_case(name: str, gold: str, predicted: str, verdict: str = "wrong", **more: Any) -> dict[str, Any]:
    """A case from its text with the right entities marked, and with the student's."""
    text, right = read_marked(gold)
    _, said = read_marked(predicted)
    return {
        "id": name,
        "text": text,
        "gold": written(text, right),
        "predicted": written(text, said),
        "confidence": 0.6,
        "verdict": verdict,
    } | more


def make_packet(cases: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    report = [{"label": label, "f1": f1, "support": 5} for label, f1 in zip(TYPES, (0.9, 0.4, 0.7), strict=True)]
    return {"labels": TYPES, "report": report, "weaknesses": [], "cases": cases} | changes
