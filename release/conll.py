"""Export the texts of a run as CoNLL columns: a word and its BIO tag a line, an empty line between texts."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evokd.messages.spans import Span, split_words
from evokd.release.dataset import Collection, tell_left_out
from evokd.release.target import new_folder
from evokd.student.tasks.ner.tags import spans_to_tags


def write_conll(collection: Collection, target: Path) -> list[str]:
    """Write a file per split; texts of which a part is in doubt are left out, since a tag cannot say so.

    Args:
        collection: the rows, with `entities`.
        target: folder that is new or empty.

    Returns:
        What was written, for people.
    """
    told = []
    with new_folder(target) as folder:
        for split in collection.splits:
            sure = [row for row in split.rows if not row.get("masked")]
            (folder / f"{split.name}.conll").write_text(_to_columns(sure), encoding="utf-8", newline="\n")
            doubtful = len(split.rows) - len(sure)
            without = f" ({doubtful:,} left out, parts of their answers being disputed)" if doubtful else ""
            told.append(f"{split.name}.conll: {len(sure):,} texts{without}")
    return [*told, *tell_left_out(collection)]


def _to_columns(rows: Iterable[Mapping[str, Any]]) -> str:
    blocks = []
    for row in rows:
        text = str(row["text"])
        words = split_words(text)
        spans = [Span(entity["start"], entity["end"], entity["label"]) for entity in row["entities"]]
        tags = spans_to_tags(words, spans)
        lines = [f"{text[start:end]}\t{tag}\n" for (start, end), tag in zip(words, tags, strict=True)]
        blocks.append("".join(lines))
    return "\n".join(block for block in blocks if block)
