"""Scores of student versions: per-label report, confusions, the rows behind them."""

from collections import Counter
from typing import Any

from evokd.tracing.queries import list_records
from evokd.viewer.record import RunRecord

_SPLITS = ("validation", "test")


def list_versions(record: RunRecord) -> dict[str, Any]:
    """Split -> versions with stored scores or answers, and how many rows are known; splits without any are left out."""
    names = list_records(record.ledger, 0)
    splits: dict[str, Any] = {}
    for split in _SPLITS:
        prefixes = (f"{split}:", f"scores:{split}:")
        versions = {name.rsplit(":", 1)[1] for name in names if name.startswith(prefixes)}
        if versions:
            rows = (record.part(0, f"rows:{split}") or {}).get("rows", [])
            splits[split] = {"versions": sorted(versions, key=lambda name: (name == "refit", name)), "rows": len(rows)}
    return splits


def list_rows(record: RunRecord, split: str) -> list[dict[str, Any]] | None:
    """The rows of a split with their right answers; None where the record does not hold them."""
    if split not in (*_SPLITS, "seeds"):
        return None
    stored = record.part(0, f"rows:{split}")
    return list(stored["rows"]) if stored else None


def show_scores(record: RunRecord, split: str, version: str) -> dict[str, Any] | None:
    """Report, confusions and answers of a version on a split; None where nothing is stored."""
    if split not in _SPLITS:
        return None
    stored = record.part(0, f"scores:{split}:{version}")
    answers = record.part(0, f"{split}:{version}")
    if stored is None and answers is None:
        return None
    given = answers["answers"] if answers else []
    gold = [row["gold"] for row in list_rows(record, split) or []]
    shown: dict[str, Any] = {"split": split, "version": version, "answers": given, "scores": stored}
    if gold and len(gold) == len(given):
        shown["report"] = report_labels(gold, [answer for answer, _ in given])
        if isinstance(gold[0], str):
            pairs = Counter(zip(gold, (answer for answer, _ in given), strict=True))
            shown["matrix"] = [[right, given_, count] for (right, given_), count in sorted(pairs.items())]
    elif stored:
        shown["report"] = stored.get("report", [])
    return shown


def report_labels(gold: list[Any], answers: list[Any]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support per label; an entity is right if its ends and its label are."""
    tables: dict[str, Counter[str]] = {name: Counter() for name in ("right", "predicted", "gold")}
    for expected, answer in zip(gold, answers, strict=True):
        wanted, given = _parts(expected), _parts(answer)
        for table, parts in zip(tables.values(), (wanted & given, given, wanted), strict=True):
            table.update(part[0] for part in parts)
    return [
        _score(label, *(table[label] for table in tables.values()))
        for label in sorted(tables["gold"] | tables["predicted"])
    ]


def _parts(answer: Any) -> set[tuple[str, int, int]]:
    if isinstance(answer, str):
        return {(answer, 0, 0)}
    return {(item, 0, 0) if isinstance(item, str) else (item["label"], item["start"], item["end"]) for item in answer}


def _score(label: str, right: int, predicted: int, support: int) -> dict[str, Any]:
    return {
        "label": label,
        "precision": right / predicted if predicted else 0.0,
        "recall": right / support if support else 0.0,
        "f1": 2 * right / (predicted + support) if predicted + support else 0.0,
        "support": support,
    }
