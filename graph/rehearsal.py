"""The rehearsal teacher's corpus, made of what a domain's own loader reads."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.messages import InputError
from graph.data_notes import note_corpus
from graph.domain import Domain, load_domain, replace_corpus
from student.data import read_examples

if TYPE_CHECKING:
    from agents.rehearsal.corpus import Corpus


def read_corpus(domain: Domain) -> Domain:
    """Read the corpus of a domain, once.

    Raises:
        InputError: a row is faulty, or a label has no text.
    """
    assert domain.corpus is not None
    notes = list(domain.notes)
    rows = tuple(read_examples(domain.corpus, domain.codec, notes))
    found = {label for row in rows for label in domain.codec.labels_in(row.gold)}
    lacking = [label for label in domain.codec.labels if label not in found]
    if lacking:
        raise InputError(
            f"{domain.corpus}: no text has the label {lacking[0]!r}; a rehearsal needs texts of every label"
        )
    test = (domain.folder / (domain.file.data.test or ""), domain.test)
    notes += note_corpus((domain.corpus, rows), test)
    return replace(domain, corpus_rows=rows, notes=tuple(dict.fromkeys(notes)))


def make_corpus(domain: Domain) -> "Corpus":
    """Index the corpus that was read; seeds and texts of the pool are never served, their labels are known."""
    from agents.rehearsal.corpus import Corpus

    rows = ((row.text, domain.codec.to_wire(row.text, row.gold)) for row in domain.corpus_rows)
    return Corpus.of_examples(rows, never=never_served(domain))


def never_served(domain: Domain) -> list[str]:
    """Texts that no Generator may hand out: the user's own, which it would otherwise seem to have written."""
    return [*(example.text for example in domain.seeds), *(item.text for item in domain.pool)]


def corpus_to_serve(path: Path) -> "Corpus":
    """Read a corpus file for a served teacher: with the loader of the domain beside it, if there is one.

    Raises:
        InputError: the file, or the domain beside it, is faulty.
    """
    from agents.rehearsal.corpus import load_corpus

    if not path.is_file() or not (path.parent / "domain.yaml").is_file():
        return load_corpus(path)
    return make_corpus(read_corpus(replace_corpus(load_domain(path.parent), path)))
