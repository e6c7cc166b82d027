"""Labels in one spelling: what differs in Unicode form alone, composed or decomposed, is the same label."""

from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import category, normalize

from evokd.messages import NO_ENTITY

_Row = tuple[int, dict[str, Any]]
"""As `student.tasks.base.Row`, which is defined later."""


def spell(label: str, labels: Sequence[str]) -> str:
    """Give a label as the domain spells it, where the two differ in Unicode form alone; others come back unchanged."""
    if label in labels or label.isascii():
        return label
    form = normalize("NFC", label)
    return next((known for known in labels if normalize("NFC", known) == form), label)


def same_form(labels: Sequence[str]) -> tuple[str, str] | None:
    """Give the first two labels that look the same: they differ in Unicode form, blanks or invisible characters."""
    by_form: dict[str, str] = {}
    for label in labels:
        form = " ".join("".join(sign for sign in normalize("NFC", label) if category(sign) != "Cf").split())
        if by_form.setdefault(form, label) != label:
            return by_form[form], label
    return None


def respell(rows: list[_Row], labels: Sequence[str]) -> tuple[list[_Row], list[str]]:
    """Write every label of rows as the domain spells it: "label", "labels", "tags" and "entities".

    What is no label or of another type is left as it is, for `read_row` to refuse.

    Returns:
        The rows in their order, and a note if a label was spelt otherwise.
    """
    changed: list[str] = []

    def mend(value: Any) -> Any:
        known = spell(value, labels) if isinstance(value, str) else value
        if known != value:
            changed.append(known)
        return known

    read = [(line, _mend_row(row, mend)) for line, row in rows]
    if not changed:
        return rows, []
    times = "once" if len(changed) == 1 else f"{len(changed)} times"
    return read, [
        f"labels in another Unicode form than domain.yaml, {times} (such as {changed[0]!r}); read as the same"
    ]


def _mend_row(row: dict[str, Any], mend: Callable[[Any], Any]) -> dict[str, Any]:
    mended = dict(row)
    if "label" in row:
        mended["label"] = mend(row["label"])
    if isinstance(row.get("labels"), list):
        mended["labels"] = [mend(label) for label in row["labels"]]
    if isinstance(row.get("tags"), list):
        mended["tags"] = [_mend_tag(tag, mend) for tag in row["tags"]]
    if isinstance(row.get("entities"), list):
        mended["entities"] = [_mend_entity(entity, mend) for entity in row["entities"]]
    return mended


def _mend_tag(tag: Any, mend: Callable[[Any], Any]) -> Any:
    if not isinstance(tag, str) or tag == NO_ENTITY or tag[1:2] != "-":
        return tag
    return tag[:2] + mend(tag[2:])


def _mend_entity(entity: Any, mend: Callable[[Any], Any]) -> Any:
    if not isinstance(entity, dict) or "label" not in entity:
        return entity
    return {**entity, "label": mend(entity["label"])}
