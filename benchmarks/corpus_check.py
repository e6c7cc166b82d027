"""Check that the texts of a domain's files stand on their own: no repeats, and no text of one file nearly in another.

python -m benchmarks.corpus_check [DOMAIN] > tables.md

Embeds every text with the embedded encoder and prints Markdown tables: labels, lengths and notes per file, and for
every pair of files the cosine of each text to its nearest neighbour in the other file. Ends with exit code 1 when two
texts of different files reach a cosine of 0.9, or when a text occurs twice anywhere (case, punctuation and white space
ignored).
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.domain import find_domain, load_domain
from student.client import StudentClient
from student.curate import normalise

LIMIT = 0.9
"""Cosine from which two texts of different files are too close."""
QUANTILES = (0.5, 0.9, 0.95, 0.99)

Row = Mapping[str, Any]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Closeness:
    """How near the texts of one file come to those of another."""

    names: tuple[str, str]
    quantiles: tuple[float, ...]
    """Of the cosine of each text of the first file to its nearest neighbour in the second, as `QUANTILES`."""
    maximum: float
    pair: tuple[str, str]
    """The two texts of the maximum."""

    def is_leak(self) -> bool:
        """Say whether a text of one file is nearly a text of another file."""
        return self.names[0] != self.names[1] and self.maximum >= LIMIT


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", nargs="?", default="support_tickets", help="domain folder or shipped domain")
    files = read_files(find_domain(parser.parse_args(arguments).domain))
    texts = {name: [str(row["text"]) for row in rows] for name, rows in files.items()}
    vectors = asyncio.run(embed(texts))
    pairs = [
        compare((first, second), (texts[first], texts[second]), (vectors[first], vectors[second]))
        for first, second in combinations_with_replacement(files, 2)
    ]
    repeats = find_repeats(texts)
    print("\n".join([*tell_labels(files), *tell_lengths(texts), *tell_notes(files), *tell_pairs(pairs)]))
    faults = [f"exact repeat: {text!r} in {', '.join(places)}" for text, places in repeats.items()]
    faults += [f"cosine {item.maximum:.3f}, {item.names}: {item.pair}" for item in pairs if item.is_leak()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def read_files(folder: Path) -> dict[str, list[Row]]:
    """Read the rows of a checked domain's JSON-lines files, notes included; name -> rows."""
    domain = load_domain(folder)
    data = domain.file.data
    paths = [folder / name for name in (data.seeds, data.validation, data.test) if name]
    paths += [domain.corpus] if domain.corpus else []
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        for path in paths
    }


async def embed(texts: Mapping[str, Sequence[str]]) -> dict[str, Vectors]:
    """Embed every file's texts; name -> (texts, dimensions), float32, rows of length 1."""
    with tempfile.TemporaryDirectory() as folder:
        client = StudentClient(Path(folder) / "student.log", device="cpu")
        try:
            rows = {name: await client.embed("embedded", part) for name, part in texts.items()}
        finally:
            await client.close()
    return {name: np.asarray(part, dtype=np.float32) for name, part in rows.items()}


def compare(
    names: tuple[str, str], texts: tuple[Sequence[str], Sequence[str]], vectors: tuple[Vectors, Vectors]
) -> Closeness:
    """Find each text's nearest neighbour in another file, or in its own (itself left out)."""
    cosines = vectors[0] @ vectors[1].T
    if names[0] == names[1]:
        np.fill_diagonal(cosines, -1.0)
    nearest = cosines.max(axis=1)
    row = int(nearest.argmax())
    pair = (texts[0][row], texts[1][int(cosines[row].argmax())])
    return Closeness(names, tuple(map(float, np.quantile(nearest, QUANTILES))), float(nearest.max()), pair)


def find_repeats(texts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Find texts that occur more than once after normalising; normalised text -> files it is in."""
    places = defaultdict(list)
    for name, part in texts.items():
        for text in part:
            places[normalise(text)].append(name)
    return {text: names for text, names in places.items() if len(names) > 1}


def tell_labels(files: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Make the table of texts per label and file."""
    counts = {name: Counter(row["label"] for row in rows) for name, rows in files.items()}
    labels = list(dict.fromkeys(label for rows in files.values() for label in (row["label"] for row in rows)))
    yield from _table(["label", *files], [[label, *(str(counts[name][label]) for name in files)] for label in labels])


def tell_lengths(texts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Make the table of words per text."""
    rows = []
    for name, part in texts.items():
        words = np.array([len(text.split()) for text in part])
        figures = [words.min(), *np.quantile(words, (0.1, 0.5, 0.9)), words.max()]
        rows.append([name, str(len(part)), *(f"{figure:.0f}" for figure in figures)])
    yield from _table(["file", "texts", "fewest words", "10 %", "median", "90 %", "most"], rows)


def tell_notes(files: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Make the table of notes; a text may carry several."""
    for name, rows in files.items():
        noted = [row["note"].split(",") for row in rows if "note" in row]
        if noted:
            counts = Counter(note.split(":")[0] for notes in noted for note in notes)
            shares = [[note, str(count), f"{count / len(noted):.0%}"] for note, count in counts.most_common()]
            yield from _table([f"note in {name}", "texts", "share"], shares)


def tell_pairs(pairs: Sequence[Closeness]) -> Iterator[str]:
    """Make the table of cosines and the list of nearest pairs."""
    head = ["file", "nearest in", *(f"{quantile:.0%}" for quantile in QUANTILES), "maximum"]
    rows = [[*item.names, *(f"{value:.3f}" for value in (*item.quantiles, item.maximum))] for item in pairs]
    yield from _table(head, rows)
    near = [
        [" / ".join(dict.fromkeys(item.names)), f"{item.maximum:.3f}", *map(_cell, item.pair)]
        for item in sorted(pairs, key=lambda item: -item.maximum)
    ]
    yield from _table(["files", "cosine", "text in the first", "nearest text in the second"], near)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
