"""Names of labels in words, and the mark of example rows that a user has yet to replace."""

import re

PLACEHOLDER = "Replace this text"
"""What example rows begin with for which a new domain had no text."""


def in_words(label: str) -> str:
    """Write a label in words: `wrongCharge`, `wrong_charge` and `wrong-charge` as "wrong charge"."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\-./]+", " ", label))
    words = " ".join(parted.split())
    return (words if words.isupper() else words.lower()) or label


def repeats_name(label: str, meaning: str) -> bool:
    """Say whether a meaning says nothing but the name of its label."""
    return in_words(meaning).casefold() == in_words(label).casefold()
