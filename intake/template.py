"""Rows to begin with where the user brings none: examples of the form, to be replaced by texts of the own domain."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from evokd.messages.naming import PLACEHOLDER, in_words

MEANINGS = {
    "classification": {
        "praise": "the writer is content and says so",
        "complaint": "something went wrong, and the writer wants it put right",
        "question": "the writer wants to know something, and nothing is wrong",
    },
    "multilabel": {
        "praise": "something is praised, whatever else is said",
        "complaint": "something went wrong, and the writer wants it put right",
        "question": "the writer wants to know something",
    },
    "ner": {
        "person": "name of a person: given name, surname or both, without titles",
        "place": "name of a town, street, building or landscape",
    },
}
"""Task -> label -> meaning, of the template."""
DESCRIPTIONS = {
    "classification": "Messages that guests leave at the desk of a small hotel. Say what the writer mainly wants.",
    "multilabel": "Messages that guests leave at the desk of a small hotel. Say all that the writer does.",
    "ner": "Notes in the logbook of a bicycle courier. Find the people and places that they name.",
}
ASKS = {
    "classification": "Say which label fits best.",
    "multilabel": "Say which labels apply; several may, or none.",
    "ner": "Find the entities that they name.",
}
"""Task -> what is asked about the texts, in a sentence."""
_SETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The room was quiet and the bed was lovely. Thank you!", ("praise",)),
    ("Third stay with you, and the best so far. Could we keep the same room in May?", ("praise", "question")),
    ("There was no hot water on either morning, and nobody came although I rang twice.", ("complaint",)),
    ("You have charged me for a minibar that I never opened. Whom do I write to?", ("complaint", "question")),
    ("Breakfast was splendid, but the lift stood still all weekend.", ("praise", "complaint")),
    ("Until what time can I check in on Sunday?", ("question",)),
    ("We arrive on the 6.40 train, two adults and a child.", ()),
)
_TEXTS = {
    "praise": (
        "The room was quiet, the bed was lovely, and breakfast had real porridge. Thank you!",
        "Your night porter found my scarf and posted it after me. I have told everybody about him.",
        "Third stay with you, and it was the best one so far.",
    ),
    "complaint": (
        "There was no hot water on either morning, and nobody came although I rang twice.",
        "I booked a room with a balcony and was given one over the kitchen. Please move us tonight.",
        "You have charged me for a minibar that I never opened.",
    ),
    "question": (
        "Is there somewhere dry where we could leave two bicycles overnight?",
        "Until what time can I check in on Sunday?",
        "Could you tell me which bus goes from the station to you?",
    ),
}
_REPORTS = (
    "[Odile](person) took the contracts to [Weaver's Yard](place) and waited for a signature.",
    "Flat tyre on [Tollgate Bridge](place); [Marek Dunne](person) brought the parcels the rest of the way.",
    "Mrs [Abernethy](person) was out, so the parcel is with the baker in [Cobden Street](place).",
    "Nobody at home, left a card.",
)
_ROWS = 3
"""Example rows of a label."""


def template_rows(task: str, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Give example rows of every label, in the form of the data files.

    Args:
        task: classification, multilabel or ner.
        labels: the user's labels; none for those of the template.
    """
    if task == "ner":
        return [_placeholder(label, number) for label in labels for number in range(1, _ROWS + 1)] or [
            _cut_marks(report) for report in _REPORTS
        ]
    if task == "multilabel":
        return _set_rows(labels)
    if not labels:
        return [{"text": text, "label": label} for label, texts in _TEXTS.items() for text in texts]
    return [
        {"text": f"{PLACEHOLDER}: example {number} of {in_words(label)}.", "label": label}
        for label in labels
        for number in range(1, _ROWS + 1)
    ]


def _set_rows(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Rows with each label alone, with each two neighbours together, and with none."""
    if not labels:
        return [{"text": text, "labels": list(given)} for text, given in _SETS]
    sets = [[label] for label in labels] + [list(pair) for pair in pairwise(labels)] + [[]]
    return [
        {"text": f"{PLACEHOLDER}: example of {' and '.join(map(in_words, given)) or 'no label'}.", "labels": given}
        for given in sets
    ]


def _placeholder(label: str, number: int) -> dict[str, Any]:
    text = f"{PLACEHOLDER}: here Name {number} stands for {in_words(label)}."
    start = text.index("Name ")
    return {"text": text, "entities": [{"start": start, "end": start + len(f"Name {number}"), "label": label}]}


def _cut_marks(report: str) -> dict[str, Any]:
    """Read a text with its entities marked as `[words](label)`."""
    text, entities, rest = "", [], report
    while "[" in rest:
        before, _, rest = rest.partition("[")
        words, _, rest = rest.partition("](")
        label, _, rest = rest.partition(")")
        start = len(text) + len(before)
        text += before + words
        entities.append({"start": start, "end": start + len(words), "label": label})
    return {"text": text + rest, "entities": entities}
