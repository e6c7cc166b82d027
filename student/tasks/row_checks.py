"""What rows of every task are checked for, and how faults are worded."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from unicodedata import category

from evokd.messages.suggest import find_closest

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class RowFault(ValueError):
    """A fault whose place is known closer than the row it is in.

    Attributes:
        token: the number of the token in its row, from 0; None if the fault lies in no token.
        line: the line of the file where the row starts; None if that is the row at hand.
    """

    def __init__(self, message: str, token: int | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.token = token
        self.line = line


def check_keys(row: dict[str, Any], needed: Sequence[str], allowed: Sequence[str], what: str = "a row") -> None:
    """Refuse missing and unknown keys.

    Raises:
        ValueError: what is wrong and how to mend it.
    """
    keys = ", ".join(f'"{key}"' for key in needed)
    for key in needed:
        if key not in row:
            hint = (
                ", or set task: ner for rows with entities" if key == "label" and {"entities", "tags"} & {*row} else ""
            )
            raise ValueError(f'key "{key}" is missing; {what} needs {keys}{hint}')
    for key in row:
        if key not in needed and key not in allowed:
            raise ValueError(f"unknown key {key!r}; {what} has {keys}, remove the rest")


def check_text(text: Any) -> str:
    """Give a text back that is one.

    Raises:
        ValueError: what is wrong and how to mend it.
    """
    if not isinstance(text, str):
        raise ValueError(f'"text" {tell_no_string(text, "a text")}')
    if is_blank(text):
        raise ValueError('"text" is empty; write a text or remove the row')
    if has_half_pair(text):
        raise ValueError('"text" holds half a surrogate pair (\\ud800 to \\udfff); write the character itself')
    return text


def tell_no_string(value: Any, wanted: str) -> str:
    """Say that a value is no string, and how to mend that: quotes make a label of a number, and none of null."""
    if value is None:
        mend = f"write {wanted} or remove the row"
    elif isinstance(value, list | dict):
        mend = f"write {wanted}"
    else:
        mend = "write it in quotes"
    return f"must be a string, not {kind(value)}; {mend}"


def is_blank(text: str) -> bool:
    """Say whether nothing of a text can be seen: blanks, control characters, marks without width."""
    return all(sign.isspace() or category(sign) in ("Cc", "Cf") for sign in text)


def has_half_pair(text: str) -> bool:
    """Say whether a text holds half a surrogate pair, which no file can be written with."""
    return _HALF_PAIR.search(text) is not None


def advise(label: str, labels: Sequence[str]) -> str:
    """Name the label that was meant, or the known ones."""
    if not label.strip():
        return "the label is empty; write one or remove the row"
    folded = {known.casefold(): known for known in labels}
    near = find_closest(label.strip().casefold(), list(folded))
    if near is not None:
        return f"did you mean {folded[near]!r}?"
    shown = ", ".join(labels[:12]) + (", ..." if len(labels) > 12 else "")
    return f"known labels: {shown}"


def kind(value: Any) -> str:
    """Name the kind of a JSON value, or of one that only Parquet has."""
    names = {type(None): "null", bool: "a truth value", int: "a number", float: "a number", str: "a string"}
    others = {
        list: "a list",
        dict: "an object",
        bytes: "bytes",
        Decimal: "a number",
        date: "a date",
        datetime: "a date",
    }
    return (names | others).get(type(value), f"a value of type {type(value).__name__}")
