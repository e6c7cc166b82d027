"""Check that the texts of a domain's files stand on their own: no repeats, and no text of one file nearly in another.

python -m benchmarks.corpus_check [DOMAIN] > tables.md

Embeds every text with the embedded encoder and prints Markdown tables: labels, lengths and notes per file; for answers
made of entities also their types and what the same words are elsewhere; and for every pair of files the cosine of each
text to its nearest neighbour in the other file. Ends with exit code 1 when two texts of different files reach a cosine
of 0.9, or when a text occurs twice anywhere (case, punctuation and white space ignored).
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evokd.graph.setup.domain import Domain, find_domain, load_domain
from evokd.messages.spans import Span, split_words
from evokd.student.data import read_examples
from evokd.student.process.client import StudentClient
from evokd.student.similar_texts import normalise
from evokd.student.tasks.base import LabeledExample, TaskCodec
from evokd.student.tasks.ner.spans import to_spans

LIMIT = 0.9
"""Cosine from which two texts of different files are too close."""
QUANTILES = (0.5, 0.9, 0.95, 0.99)

Files = Mapping[str, Sequence[LabeledExample]]
"""Name of a file without its ending -> its texts with their answers."""
Form = tuple[str, ...]
"""Words as they stand in a text, case folded."""
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


@dataclass(frozen=True)
class Forms:
    """The surface forms of a file's entities, and what else the same words are in it."""

    types: Mapping[Form, Counter[str]]
    """Form -> type -> entities."""
    plain: frozenset[Form]
    """Forms of any file's entities that occur in this file as whole words outside every entity."""

    def many_typed(self) -> set[Form]:
        """Find the forms that are entities of two or more types."""
        return {form for form, types in self.types.items() if len(types) > 1}

    def also_plain(self) -> set[Form]:
        """Find the forms that are an entity here and none there."""
        return set(self.types) & self.plain

    def ambiguous(self) -> set[Form]:
        """Find the forms of which only the sentence tells what they are."""
        return self.many_typed() | self.also_plain()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", nargs="?", default="support_tickets", help="domain folder or shipped domain")
    domain = load_domain(find_domain(parser.parse_args(arguments).domain))
    files = read_files(domain)
    texts = {name: [example.text for example in examples] for name, examples in files.items()}
    vectors = asyncio.run(embed(texts))
    pairs = [
        compare((first, second), (texts[first], texts[second]), (vectors[first], vectors[second]))
        for first, second in combinations_with_replacement(files, 2)
    ]
    repeats = find_repeats(texts)
    print("\n".join([*tell_files(domain, files), *tell_pairs(pairs)]))
    faults = [f"exact repeat: {text!r} in {', '.join(places)}" for text, places in repeats.items()]
    faults += [f"cosine {item.maximum:.3f}, {item.names}: {item.pair}" for item in pairs if item.is_leak()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def read_files(domain: Domain) -> dict[str, Sequence[LabeledExample]]:
    """Give the texts of a domain's files, those that it has."""
    files = {"seeds": domain.seeds, "validation": domain.validation, "test": domain.test}
    corpus = read_examples(domain.corpus, domain.codec) if domain.corpus else ()
    return {name: examples for name, examples in (*files.items(), ("corpus", corpus)) if examples}


def read_notes(domain: Domain) -> list[str]:
    """Read the notes of a corpus of JSON lines, one string for each text that has any."""
    if domain.corpus is None or domain.corpus.suffix != ".jsonl":
        return []
    lines = domain.corpus.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    return [row["note"] for row in rows if "note" in row]


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


def collect_forms(files: Files) -> dict[str, Forms]:
    """Collect the surface forms of every file's entities."""
    types = {name: _collect_types(examples) for name, examples in files.items()}
    known = {form for part in types.values() for form in part}
    longest = max(map(len, known), default=0)
    return {
        name: Forms(types[name], frozenset(known.intersection(_plain_runs(examples, longest))))
        for name, examples in files.items()
    }


def merge_forms(parts: Iterable[Forms]) -> Forms:
    """Take the forms of several files for those of one."""
    types: dict[Form, Counter[str]] = defaultdict(Counter)
    plain: set[Form] = set()
    for part in parts:
        plain |= part.plain
        for form, counts in part.types.items():
            types[form] += counts
    return Forms(types, frozenset(plain))


def to_form(words: str) -> Form:
    """Write words as a surface form."""
    return tuple(words[start:end].casefold() for start, end in split_words(words))


def _find_entities(example: LabeledExample) -> list[Span]:
    """Give the entities of a text; an answer that is a label has none."""
    return [] if isinstance(example.gold, str) else to_spans(example.gold)


def _collect_types(examples: Iterable[LabeledExample]) -> dict[Form, Counter[str]]:
    types: dict[Form, Counter[str]] = defaultdict(Counter)
    for example in examples:
        for span in _find_entities(example):
            types[to_form(example.text[span.start : span.end])][span.label] += 1
    return types


def _plain_runs(examples: Iterable[LabeledExample], longest: int) -> Iterator[Form]:
    """All runs of up to `longest` words that lie between two entities."""
    for example in examples:
        text, behind = example.text, 0
        for span in (*_find_entities(example), Span(len(text), len(text), "")):
            words = to_form(text[behind : span.start])
            for at in range(len(words)):
                yield from (words[at : at + length] for length in range(1, min(longest, len(words) - at) + 1))
            behind = span.end


def tell_files(domain: Domain, files: Files) -> Iterator[str]:
    """Make all tables that need no embeddings."""
    yield from tell_labels(domain.codec, files)
    yield from tell_entities(domain.codec, files)
    yield from tell_lengths(files)
    yield from tell_notes(read_notes(domain))
    yield from tell_forms(files)


def tell_labels(codec: TaskCodec, files: Files) -> Iterator[str]:
    """Make the table of texts per label and file; a text with several labels counts for each."""
    counts = {
        name: Counter(label for example in examples for label in codec.labels_in(example.gold) or ["none"])
        for name, examples in files.items()
    }
    labels = [*codec.labels, *(["none"] if any(part["none"] for part in counts.values()) else [])]
    yield from _table(["label", *files], [[label, *(str(counts[name][label]) for name in files)] for label in labels])


def tell_entities(codec: TaskCodec, files: Files) -> Iterator[str]:
    """Make the table of entities per type and file, with their shares."""
    counts = {
        name: Counter(span.label for example in examples for span in _find_entities(example))
        for name, examples in files.items()
    }
    if any(counts.values()):
        rows = [[label, *(_share(part[label], part.total()) for part in counts.values())] for label in codec.labels]
        rows += [["all", *(str(part.total()) for part in counts.values())]]
        yield from _table(["entities", *files], rows)


def tell_forms(files: Files) -> Iterator[str]:
    """Make the tables of ambiguous surface forms, and of what the corpus shows of those in validation and test."""
    forms = collect_forms(files)
    if not any(part.types for part in forms.values()):
        return
    parts = [*forms.values(), merge_forms(forms.values())]
    rows = [
        ["different ones", *(str(len(part.types)) for part in parts)],
        ["of two or more types", *(str(len(part.many_typed())) for part in parts)],
        ["an entity here, none there", *(str(len(part.also_plain())) for part in parts)],
        ["either", *(str(len(part.ambiguous())) for part in parts)],
    ]
    yield from _table(["surface forms", *forms, "all files"], rows)
    exams = [name for name in ("validation", "test") if name in forms]
    if "corpus" in forms and exams:
        seen = [_match_forms(forms[name], forms["corpus"]) for name in exams]
        kinds = ("with its type alone", "with its type, and otherwise", "only otherwise", "never")
        rows = [[kind, *(_share(counts[kind], counts.total()) for counts in seen)] for kind in kinds]
        yield from _table(["entity's form in the corpus", *exams], rows)


def _match_forms(exam: Forms, corpus: Forms) -> Counter[str]:
    counts: Counter[str] = Counter()
    for form, types in exam.types.items():
        known = set(corpus.types.get(form, ()))
        for label, count in types.items():
            if label in known:
                otherwise = len(known) > 1 or form in corpus.plain
                counts["with its type, and otherwise" if otherwise else "with its type alone"] += count
            else:
                counts["only otherwise" if known or form in corpus.plain else "never"] += count
    return counts


def tell_lengths(files: Files) -> Iterator[str]:
    """Make the table of words per text."""
    rows = []
    for name, part in files.items():
        words = np.array([len(example.text.split()) for example in part])
        figures = [words.min(), *np.quantile(words, (0.1, 0.5, 0.9)), words.max()]
        rows.append([name, str(len(part)), *(f"{figure:.0f}" for figure in figures)])
    yield from _table(["file", "texts", "fewest words", "10 %", "median", "90 %", "most"], rows)


def tell_notes(notes: Sequence[str]) -> Iterator[str]:
    """Make the table of the corpus's notes; a text may carry several, joined by commas."""
    if notes:
        counts = Counter(note.split(":")[0] for several in notes for note in several.split(","))
        rows = [[note, str(count), f"{count / len(notes):.0%}"] for note, count in counts.most_common()]
        yield from _table(["note in corpus", "texts", "share"], rows)


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


def _share(count: int, total: int) -> str:
    return f"{count} ({count / max(total, 1):.0%})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
