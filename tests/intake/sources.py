"""Small files of every kind, all with the same twelve texts, each with a label and a name in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXTS = (
    ("Where is the boiler that Robin ordered in March?", "question", "Robin"),
    ("Thanks, Aisha fixed it within the hour.", "praise", "Aisha"),
    ("The lid broke when Jo opened it for the second time.", "complaint", "Jo"),
    ("Can Tomás return the drill without a receipt?", "question", "Tomás"),
    ("Nobody rang back although Mei left two messages.", "complaint", "Mei"),
    ("Your colleague Oleg was patience itself.", "praise", "Oleg"),
    ("Which filter fits the pump that Ines has?", "question", "Ines"),
    ("Pavel was charged twice; please refund one payment.", "complaint", "Pavel"),
    ("Best paint I ever bought, says Grandma Ruth.", "praise", "Ruth"),
    ("Does the shop in Ely open on Sunday, asks Femi.", "question", "Femi"),
    ("The tap drips again 🙁 and Lena is cross.", "complaint", "Lena"),
    ("Lovely, quick, cheap: thank Karim from me!", "praise", "Karim"),
)
LABELS = {label: sum(row[1] == label for row in TEXTS) for label in ("question", "praise", "complaint")}
Make = Callable[[str, str, str], Any]


def span(text: str, name: str) -> tuple[int, int]:
    start = text.index(name)
    return start, start + len(name)


def as_span(text: str, name: str, start: str = "start", end: str = "end") -> dict[str, Any]:
    return {start: span(text, name)[0], end: span(text, name)[1], "label": "person"}


def lines(make: Make) -> str:
    return "".join(json.dumps(make(*row), ensure_ascii=False) + "\n" for row in TEXTS)


def items(make: Make) -> str:
    return json.dumps([make(*row) for row in TEXTS], ensure_ascii=False, indent=1)


def table(mark: str, head: str, quote: str = '"') -> str:
    rows = [f"{quote}{text}{quote}{mark}{label}" for text, label, _ in TEXTS]
    return "\n".join([head.replace(",", mark), *rows]) + "\n"


def words(text: str) -> list[str]:
    for sign in ";,.?!":
        text = text.replace(sign, f" {sign}")
    return text.split()


def tags(text: str, name: str) -> list[str]:
    return ["B-person" if word == name else "O" for word in words(text)]


def spacy_document(text: str, _: str, name: str) -> dict[str, Any]:
    tokens = [{"orth": word, "ner": "U-person" if word == name else "O"} for word in words(text)]
    return {"id": 0, "paragraphs": [{"raw": text, "sentences": [{"tokens": tokens}]}]}


def studio_task(text: str, result: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": 1, "data": {"text": text}, "annotations": [{"id": 2, "result": result}]}


def studio_choice(text: str, label: str, _: str) -> dict[str, Any]:
    return studio_task(text, [{"type": "choices", "from_name": "c", "value": {"choices": [label]}}])


def studio_value(text: str, name: str) -> dict[str, Any]:
    """A span in UTF-16 units, as a browser counts."""
    start = len(text[: text.index(name)].encode("utf-16-le")) // 2
    return {"start": start, "end": start + len(name), "text": name, "labels": ["person"]}


CARD = (
    "---\ndataset_info:\n  features:\n  - name: {0}\n    dtype:\n      class_label:\n        names:\n{1}---\n# Card\n"
)
CONLL = "".join("".join(f"{w}\t{t}\n" for w, t in zip(words(x), tags(x, n), strict=True)) + "\n" for x, _, n in TEXTS)
ORDER = ["question", "praise", "complaint"]
Sources = dict[str, tuple[str, str]]

CLASSIFICATION: Sources = {
    "commas": ("a.csv", table(",", "text,label")),
    "a byte order mark": ("a.csv", "\ufeff" + table(",", "text,label")),
    "semicolons, other names": ("a.csv", table(";", "Message,Queue")),
    "tabs": ("a.tsv", table("\t", "Body,Category", quote="")),
    "tabs in a .csv": ("a.csv", table("\t", "Body,Category", quote="")),
    "bars": ("a.csv", table("|", "utterance,intent")),
    "a declared delimiter": ("a.csv", "sep=;\n" + table(";", "text,label")),
    "CRLF": ("a.csv", table(",", "review,sentiment").replace("\n", "\r\n")),
    "names that say nothing": ("a.csv", table(",", "a,b")),
    "JSON lines": ("a.jsonl", lines(lambda text, label, _: {"id": 7, "text": text, "label": label})),
    "a JSON list": ("a.json", items(lambda text, label, _: {"content": text, "topic": label})),
    "a JSON list in a .jsonl": ("a.jsonl", items(lambda text, label, _: {"content": text, "topic": label})),
    "JSON lines in a .json": ("a.json", lines(lambda text, label, _: {"text": text, "label": label})),
    "rows of a viewer": (
        "a.json",
        json.dumps({"rows": [{"row_idx": 0, "row": {"text": text, "label": label}} for text, label, _ in TEXTS]}),
    ),
    "doccano": ("a.jsonl", lines(lambda text, label, _: {"id": 1, "text": text, "label": [label]})),
    "Label Studio": ("a.json", items(studio_choice)),
    "Label Studio, JSON-MIN": (
        "a.json",
        items(lambda text, label, _: {"id": 1, "text": text, "sentiment": label, "annotator": 1, "lead_time": 2.5}),
    ),
    "spaCy cats": ("a.jsonl", lines(lambda text, label, _: {"text": text, "cats": {n: n == label for n in ORDER}})),
    "Prodigy": ("a.jsonl", lines(lambda text, label, _: {"text": text, "accept": [label], "answer": "accept"})),
    "fastText": ("a.txt", "".join(f"__label__{label} {text}\n" for text, label, _ in TEXTS)),
    "numbers with a card": ("a.jsonl", lines(lambda text, label, _: {"text": text, "label": ORDER.index(label)})),
}
ENTITIES: Sources = {
    "spans": ("a.jsonl", lines(lambda t, _, n: {"text": t, "entities": [as_span(t, n)]})),
    "spaCy, triples": ("a.jsonl", lines(lambda t, _, n: {"text": t, "entities": [[*span(t, n), "person"]]})),
    "spaCy, pairs": ("a.json", items(lambda t, _, n: [t, {"entities": [[*span(t, n), "person"]]}])),
    "spaCy, spans": ("a.jsonl", lines(lambda t, _, n: {"text": t, "spans": [as_span(t, n)]})),
    "spaCy, documents": ("a.json", items(spacy_document)),
    "doccano": ("a.jsonl", lines(lambda t, _, n: {"id": 3, "text": t, "label": [[*span(t, n), "person"]]})),
    "doccano, objects": (
        "a.jsonl",
        lines(lambda t, _, n: {"text": t, "entities": [as_span(t, n, "start_offset", "end_offset")], "relations": []}),
    ),
    "Label Studio": (
        "a.json",
        items(lambda t, _, n: studio_task(t, [{"type": "labels", "value": studio_value(t, n)}])),
    ),
    "Label Studio, JSON-MIN": (
        "a.json",
        items(lambda t, _, n: {"id": 1, "text": t, "label": [studio_value(t, n)], "annotator": 1}),
    ),
    "tokens and tags": ("a.jsonl", lines(lambda t, _, n: {"tokens": words(t), "tags": tags(t, n)})),
    "numbered tags with a card": (
        "a.jsonl",
        lines(lambda t, _, n: {"tokens": words(t), "ner_tags": [int(tag != "O") for tag in tags(t, n)]}),
    ),
    "CoNLL": ("a.conll", CONLL),
    "CoNLL in IOB1": ("a.bio", CONLL.replace("B-", "I-")),
}


def write_source(folder: Path, name: str, content: str) -> Path:
    """Write a source, and the card beside it that names its numbers."""
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    column, names = ("ner_tags", ["O", "B-person"]) if "ner_tags" in content else ("label", ORDER)
    listed = "".join(f"          '{number}': {name}\n" for number, name in enumerate(names))
    (folder / "README.md").write_text(CARD.format(column, listed), encoding="utf-8")
    return path
