"""The shipped domain: complete, balanced, and no file lies close to another."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.corpus_check import (
    Closeness,
    compare,
    find_repeats,
    read_files,
    tell_labels,
    tell_lengths,
    tell_notes,
)
from graph.domain import Domain, find_domain, load_domain
from student.curate import Candidate, Curator, normalise
from student.settings import CurationSettings

FOLDER = find_domain("support_tickets")
SIZES = {"seeds": 1, "validation": 10, "test": 20, "corpus": 70}
"""Texts per label."""
NOTES = {"plain", "typos", "indirect", "negation", "irony", "mixed", "multi", "terse"}
PUBLIC_DATA = Path(__file__).parents[2] / "shared" / "data"
PLACEHOLDER = re.compile(
    r"lorem|ipsum|\btodo\b|\btbd\b|\bfixme\b|placeholder|\bfoo\b|\basdf|x{4,}|\bexample \d|\b(text|ticket|message) \d+$"
    r"|\{\w*\}|<\w+>|\[(name|product|date|amount|order|number|company)[^\]]*\]|_{3,}",
    re.IGNORECASE,
)

Files = dict[str, list[Any]]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return load_domain(FOLDER)


@pytest.fixture(scope="module")
def files() -> Files:
    return {name: list(rows) for name, rows in read_files(FOLDER).items()}


def texts(files: Files, *names: str) -> list[str]:
    return [row["text"] for name in names or files for row in files[name]]


def test_it_loads_with_everything_a_run_can_use(domain: Domain) -> None:
    assert (domain.file.name, domain.codec.name, domain.metric) == ("support_tickets", "classification", "macro_f1")
    assert len(domain.codec.labels) == 10
    assert [len(split) for split in (domain.seeds, domain.validation, domain.test)] == [10, 100, 200]
    assert domain.corpus is not None
    assert all(len(meaning.split()) >= 8 for meaning in domain.file.labels.values())


@pytest.mark.parametrize("name", SIZES)
def test_every_label_has_the_same_number_of_texts(domain: Domain, files: Files, name: str) -> None:
    assert Counter(row["label"] for row in files[name]) == dict.fromkeys(domain.codec.labels, SIZES[name])
    keys = ["text", "label", "note"] if name == "corpus" else ["text", "label"]
    assert [row for row in files[name] if list(row) != keys] == []


def test_every_corpus_text_has_notes_from_the_closed_list(domain: Domain, files: Files) -> None:
    labels = set(domain.codec.labels)

    def faulty(row: dict[str, str]) -> bool:
        notes = row["note"].split(",")
        allowed = NOTES | {f"near:{label}" for label in labels - {row["label"]}}
        return not set(notes) <= allowed or len(set(notes)) != len(notes)

    assert [row for row in files["corpus"] if faulty(row)] == []
    used = {(row["label"], note.split(":")[0]) for row in files["corpus"] for note in row["note"].split(",")}
    assert used == {(label, note) for label in labels for note in (*NOTES, "near")}


def test_no_text_occurs_twice(files: Files) -> None:
    assert find_repeats({name: texts(files, name) for name in files}) == {}


@pytest.mark.parametrize("name", ["corpus", "seeds"])
def test_curation_finds_no_leak_of_validation_or_test_texts(domain: Domain, files: Files, name: str) -> None:
    guarded = texts(files, "validation", "test")
    curator = Curator(CurationSettings(), domain.codec, [], guarded)
    drafts = [Candidate(str(i), row["text"], row["label"], row["label"], 1.0) for i, row in enumerate(files[name])]
    copies = [Candidate(f"copy-{i}", f"{text} Thanks", None, None, None) for i, text in enumerate(guarded)]
    refused = [(files[name][int(ruling.id)], ruling.reason) for ruling in curator.judge(drafts) if ruling.reason]
    assert refused == []
    long = [ruling for ruling in curator.judge(copies) if len(guarded[int(ruling.id[5:])].split()) > 3]
    assert {ruling.reason for ruling in long} == {"leak"}, "the curator would not have seen a leak"


def test_validation_and_test_are_no_near_copies_of_one_another(domain: Domain, files: Files) -> None:
    curator = Curator(CurationSettings(), domain.codec, [], texts(files, "test"))
    drafts = [Candidate(row["text"], row["text"], row["label"], row["label"], 1.0) for row in files["validation"]]
    assert [ruling.id for ruling in curator.judge(drafts) if not ruling.accepted] == []


def test_no_text_is_taken_from_the_public_data_sets(files: Files) -> None:
    if not PUBLIC_DATA.is_dir():
        pytest.skip("the public data sets are not beside the repository")
    ours = {normalise(text) for text in texts(files)}
    seen = 0
    for path in PUBLIC_DATA.glob("*/*.jsonl"):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.strip():
                row = json.loads(line)
                text = row["text"] if "text" in row else " ".join(row["tokens"])
                seen += 1
                assert normalise(text) not in ours, path
    assert seen > 1000


def test_no_text_is_a_placeholder_or_badly_written_down(files: Files) -> None:
    assert [text for text in texts(files) if PLACEHOLDER.search(text)] == []
    assert [text for text in texts(files) if text != text.strip() or "  " in text or "\n" in text] == []
    assert [text for text in texts(files) if not 3 <= len(text) <= 600] == []


@pytest.mark.parametrize("text", ["Lorem ipsum", "Hello [name], where is it", "order {order_id}", "Ticket 12", "TODO"])
def test_a_placeholder_would_be_found(text: str) -> None:
    assert PLACEHOLDER.search(text)


def test_no_two_corpus_texts_of_a_label_begin_with_the_same_six_words(files: Files) -> None:
    rows = [(row["label"], normalise(row["text"]).split()) for row in files["corpus"]]
    openings = sorted((label, words[:6], words) for label, words in rows if len(words) >= 6)
    assert len(openings) > 500
    assert [(one[2], two[2]) for one, two in pairwise(openings) if one[:2] == two[:2]] == []


UNIT = {"east": [1.0, 0.0], "north": [0.0, 1.0], "nearly_east": [0.95, float(np.sqrt(1 - 0.95**2))]}


@pytest.mark.parametrize(
    ("names", "first", "second", "maximum", "leak"),
    [
        (("corpus", "test"), ["east", "north"], ["nearly_east"], 0.95, True),
        (("corpus", "test"), ["north"], ["east"], 0.0, False),
        (("corpus", "corpus"), ["east", "nearly_east", "north"], ["east", "nearly_east", "north"], 0.95, False),
    ],
    ids=["near", "far", "same_file"],
)
def test_the_corpus_check_sees_near_copies(
    names: tuple[str, str], first: Sequence[str], second: Sequence[str], maximum: float, leak: bool
) -> None:
    vectors = [np.array([UNIT[name] for name in part], dtype=np.float32) for part in (first, second)]
    found = compare(names, (first, second), (vectors[0], vectors[1]))
    assert isinstance(found, Closeness)
    assert found.maximum == pytest.approx(maximum)
    assert found.is_leak() is leak
    assert set(found.pair) <= {*first, *second}


def test_the_corpus_check_sees_repeats_within_and_across_files() -> None:
    repeats = find_repeats({"a": ["Hello!", "one"], "b": ["hello", "two", "Two."]})
    assert repeats == {"hello": ["a", "b"], "two": ["b", "b"]}


def test_the_page_about_the_corpus_shows_its_present_figures(files: Files) -> None:
    page = (Path(__file__).parents[1] / "docs" / "corpus.md").read_text(encoding="utf-8")
    by_file = {name: texts(files, name) for name in files}
    for table in (tell_labels(files), tell_lengths(by_file), tell_notes(files)):
        assert "\n".join(table) in page
