"""The rehearsal teacher's corpus, read with the domain's loader."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evokd.agents.output_schemas import output_schema
from evokd.graph.setup.data_warnings import note_corpus
from evokd.graph.setup.domain import Domain, load_domain, replace_corpus
from evokd.messages import InputError
from evokd.simulator.words import fold_text
from evokd.student.data import read_examples
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import TABLES, check_file, read_rows
from evokd.student.reading.source import file_source

if TYPE_CHECKING:
    from evokd.simulator.corpus import Corpus


def read_corpus(domain: Domain) -> Domain:
    """Read the corpus of a domain, once.

    Raises:
        InputError: a row is faulty, or a label has no text.
    """
    assert domain.corpus is not None
    notes = list(domain.notes)
    rows = tuple(read_examples(domain.corpus, domain.codec, notes, columns=domain.file.data.columns, or_known=True))
    present = {label for row in rows for label in domain.codec.labels_in(row.gold)}
    lacking = [label for label in domain.codec.labels if label not in present]
    if lacking:
        raise InputError(
            f"{domain.corpus}: no text has the label {lacking[0]!r}; a rehearsal needs texts of every label"
        )
    test = (domain.folder / (domain.file.data.test or ""), domain.test)
    findings = list(note_corpus((domain.corpus, rows), test))
    notes += [finding.note for finding in findings]
    known = tuple(dict.fromkeys([*domain.findings, *findings]))
    return replace(domain, corpus_rows=rows, notes=tuple(dict.fromkeys(notes)), findings=known)


def make_corpus(domain: Domain) -> "Corpus":
    """Index the corpus. Seeds and texts of the pool are never served: the user has them already."""
    from evokd.simulator.corpus import Corpus

    rows = ((row.text, domain.codec.to_wire(row.text, row.gold)) for row in domain.corpus_rows)
    has_sets = output_schema(domain.codec.name).has_sets
    return Corpus.of_examples(rows, never=never_served(domain), has_sets=has_sets)


def check_left(domain: Domain) -> None:
    """Refuse a corpus that holds only texts that are never served: there would be nothing to answer with.

    Raises:
        InputError: names the file.
    """
    never = {fold_text(text) for text in never_served(domain)}
    if domain.corpus_rows and all(fold_text(row.text) in never for row in domain.corpus_rows):
        raise InputError(
            f"{domain.corpus}: holds no text beyond the seeds and the pool, so the rehearsal teacher has nothing to"
            " hand out; add labelled texts to it, or name a language model with --teacher"
        )


def never_served(domain: Domain) -> list[str]:
    """The user's texts, which the Generator must not return as if it had written them."""
    return [*(example.text for example in domain.seeds), *(item.text for item in domain.pool)]


def corpus_to_serve(path: Path) -> "Corpus":
    """Read a corpus file for a served teacher: with the loader of the domain beside it, if there is one.

    Raises:
        InputError: the file, or the domain beside it, is faulty.
    """
    from evokd.simulator import corpus
    from evokd.simulator.corpus_rows import cut_rows

    form = TABLES.get(path.suffix.lower(), "jsonl")
    if path.is_file() and (path.parent / "domain.yaml").is_file():
        return make_corpus(read_corpus(replace_corpus(load_domain(path.parent), path)))
    if form == "jsonl":
        return corpus.load_corpus(path)
    check_file(path)
    located = ((f"{path}:{line}", row) for line, row in read_rows(file_source(path), form, Layout(), labels=()))
    return corpus.make_corpus(cut_rows(str(path), located), (), str(path))
