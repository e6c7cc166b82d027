"""The shipped domains: complete, balanced, and no file lies close to another."""

import functools
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.corpus_check import (
    Closeness,
    Files,
    collect_forms,
    compare,
    find_repeats,
    merge_forms,
    read_files,
    tell_files,
    tell_forms,
    to_form,
)
from evokd.graph.setup.domain import Domain, find_domain, load_domain
from evokd.messages.spans import align, span_fault, split_words, surfaces
from evokd.student.curate import Candidate, Curator
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.student.student_settings import CurationSettings
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.ner.spans import to_spans

SIZES = {
    "support_tickets": {"seeds": 10, "validation": 100, "test": 200, "corpus": 700},
    "field_reports": {"seeds": 2, "validation": 84, "test": 150, "corpus": 504},
    "maengelmelder": {"seeds": 8, "validation": 80, "test": 160, "corpus": 480},
}
HEADLINES = {
    "support_tickets": ("classification", "macro_f1", 10),
    "field_reports": ("ner", "entity_f1", 6),
    "maengelmelder": ("classification", "macro_f1", 8),
}
NOTES = {"plain", "typos", "indirect", "negation", "irony", "mixed", "multi", "terse"}
PUBLIC_DATA = Path(__file__).parents[2] / "shared" / "data"
PLACEHOLDER = re.compile(
    r"lorem|ipsum|\btodo\b|\btbd\b|\bfixme\b|placeholder|\bfoo\b|\basdf|x{4,}|\bexample \d|\b(text|ticket|message) \d+$"
    r"|\{\w*\}|<\w+>|\[(name|product|date|amount|order|number|company)[^\]]*\]|_{3,}",
    re.IGNORECASE,
)
BESIDE_A_NAME = re.compile(
    r"(the|an?|mr|mrs|ms|miss|dr|prof(essor)?|sir|captain|councillor)\b|.*['\u2019]s?$", re.IGNORECASE
)
"""What the marks leave out: an article or a title in front, a possessive ending behind."""


@functools.cache
def load(name: str) -> Domain:
    return load_domain(find_domain(name))


@functools.cache
def read(name: str) -> Files:
    return read_files(load(name))


@pytest.fixture(params=SIZES)
def domain(request: pytest.FixtureRequest) -> Domain:
    return load(request.param)


@pytest.fixture
def files(domain: Domain) -> Files:
    return read(domain.file.name)


def texts(files: Files, *names: str) -> list[str]:
    return [example.text for name in names or files for example in files[name]]


def draft(name: str, example: LabeledExample) -> Candidate:
    return Candidate(name, example.text, example.gold, example.gold, 1.0)


# -------------------------------------------------------------------------------------------------- every domain


def test_it_loads_with_everything_a_run_can_use(domain: Domain, files: Files) -> None:
    assert (domain.codec.name, domain.metric, len(domain.codec.labels)) == HEADLINES[domain.file.name]
    assert {name: len(examples) for name, examples in files.items()} == SIZES[domain.file.name]
    assert domain.corpus is not None
    assert all(len(meaning.split()) >= 8 for meaning in domain.file.labels.values())
    assert domain.notes == (), "a shipped file is written as it is read"


def test_no_text_occurs_twice(files: Files) -> None:
    assert find_repeats({name: texts(files, name) for name in files}) == {}


@pytest.mark.parametrize("name", ["corpus", "seeds"])
def test_curation_finds_no_leak_of_validation_or_test_texts(domain: Domain, files: Files, name: str) -> None:
    guarded = texts(files, "validation", "test")
    curator = Curator(CurationSettings(), domain.codec, SimilarTexts(), SimilarTexts(guarded))
    drafts = [draft(str(i), example) for i, example in enumerate(files[name])]
    copies = [Candidate(f"copy-{i}", f"{text} Thanks", None, None, None) for i, text in enumerate(guarded)]
    refused = [(files[name][int(ruling.id)], ruling.reason) for ruling in curator.judge(drafts) if ruling.reason]
    assert refused == []
    long = [ruling for ruling in curator.judge(copies) if len(guarded[int(ruling.id[5:])].split()) > 3]
    assert {ruling.reason for ruling in long} == {"leak"}, "the curator would not have seen a leak"


def test_validation_and_test_are_no_near_copies_of_one_another(domain: Domain, files: Files) -> None:
    curator = Curator(CurationSettings(), domain.codec, SimilarTexts(), SimilarTexts(texts(files, "test")))
    drafts = [draft(example.text, example) for example in files["validation"]]
    assert [ruling.id for ruling in curator.judge(drafts) if not ruling.accepted] == []


def test_no_text_is_taken_from_the_public_data_sets() -> None:
    if not PUBLIC_DATA.is_dir():
        pytest.skip("the public data sets are not beside the repository")
    ours = {normalise(text) for name in SIZES for text in texts(read(name))}
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


def test_no_two_corpus_texts_begin_with_the_same_six_words(files: Files) -> None:
    rows = sorted(normalise(text).split() for text in texts(files, "corpus"))
    long = [words for words in rows if len(words) >= 6]
    assert len(long) > 0.8 * len(rows)
    assert [(one, two) for one, two in pairwise(long) if one[:6] == two[:6]] == []


def test_the_page_about_the_corpora_shows_their_present_figures(domain: Domain, files: Files) -> None:
    page = (Path(__file__).parents[1] / "docs" / "corpus.md").read_text(encoding="utf-8")
    tables = "\n".join(tell_files(domain, files)).strip().split("\n\n")
    assert len(tables) >= 3
    assert [table for table in tables if f"\n{table}\n" not in page] == []


# ------------------------------------------------------------------------------------------- labels of whole texts

LABELLED = ("support_tickets", "maengelmelder")


def rows_of(domain: str, name: str) -> list[dict[str, Any]]:
    path = load(domain).folder / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", SIZES["support_tickets"])
@pytest.mark.parametrize("labelled", LABELLED)
def test_every_label_has_the_same_number_of_texts(labelled: str, name: str) -> None:
    labels = load(labelled).codec.labels
    rows = rows_of(labelled, name)
    assert Counter(row["label"] for row in rows) == dict.fromkeys(labels, len(rows) // len(labels))
    keys = ["text", "label", "note"] if name == "corpus" else ["text", "label"]
    assert [row for row in rows if list(row) != keys] == []


@pytest.mark.parametrize("labelled", LABELLED)
def test_every_text_of_the_corpus_has_notes_from_the_closed_list(labelled: str) -> None:
    labels = set(load(labelled).codec.labels)
    rows = rows_of(labelled, "corpus")

    def faulty(row: dict[str, str]) -> bool:
        notes = row["note"].split(",")
        allowed = NOTES | {f"near:{label}" for label in labels - {row["label"]}}
        return not set(notes) <= allowed or len(set(notes)) != len(notes)

    assert [row for row in rows if faulty(row)] == []
    used = {(row["label"], note.split(":")[0]) for row in rows for note in row["note"].split(",")}
    assert used == {(label, note) for label in labels for note in (*NOTES, "near")}


@pytest.mark.parametrize("name", SIZES)
def test_the_pool_is_every_second_text_of_the_corpus_without_its_answer(name: str) -> None:
    pool = rows_of(name, "pool")
    assert pool == [{"text": row["text"]} for row in rows_of(name, "corpus")[1::2]]


# ------------------------------------------------------------------------------------------------- field reports


@pytest.fixture
def reports() -> Files:
    return read("field_reports")


def names_in(examples: Sequence[LabeledExample]) -> list[str]:
    """Surface texts of all entities."""
    return [example.text[span.start : span.end] for example in examples for span in to_spans(example.gold)]


def stretches(examples: Sequence[LabeledExample], words: int) -> set[tuple[str, ...]]:
    rows = [normalise(example.text).split() for example in examples]
    return {tuple(row[at : at + words]) for row in rows for at in range(len(row) - words + 1)}


@pytest.mark.parametrize("name", SIZES["field_reports"])
def test_the_types_of_a_file_are_in_balance(reports: Files, name: str) -> None:
    counts = Counter(span.label for example in reports[name] for span in to_spans(example.gold))
    assert set(counts) == set(load("field_reports").codec.labels)
    assert {label: count for label, count in counts.items() if not 0.08 <= count / counts.total() <= 0.30} == {}


@pytest.mark.parametrize("name", ["validation", "test", "corpus"])
def test_a_part_of_every_file_names_nothing(reports: Files, name: str) -> None:
    bare = [example for example in reports[name] if not example.gold]
    assert 0.05 <= len(bare) / len(reports[name]) <= 0.20


def test_entities_lie_at_words_and_are_found_again_by_their_surface_texts(reports: Files) -> None:
    for example in (example for examples in reports.values() for example in examples):
        text, spans = example.text, to_spans(example.gold)
        assert span_fault(text, spans, split_words(text)) is None
        assert align(text, surfaces(text, spans)) == spans, text


def test_articles_titles_and_possessive_endings_stay_outside_the_marks(reports: Files) -> None:
    names = [name for examples in reports.values() for name in names_in(examples)]
    assert [name for name in names if BESIDE_A_NAME.match(name)] == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("The Wash", True), ("Dr Finch", True), ("Robin's", True), ("Theo", False), ("Parson's Leap", False)],
)
def test_a_mark_that_reaches_too_far_would_be_found(name: str, wrong: bool) -> None:
    assert bool(BESIDE_A_NAME.match(name)) is wrong


def test_many_words_are_now_one_type_and_now_another_or_none(reports: Files) -> None:
    forms = merge_forms(collect_forms(reports).values())
    assert len(forms.many_typed()) >= 60
    assert len(forms.also_plain()) >= 25
    assert len(forms.ambiguous()) > len(forms.many_typed())


@pytest.mark.parametrize("name", ["validation", "test"])
def test_names_of_several_words_are_seldom_those_of_the_corpus(reports: Files, name: str) -> None:
    known = {to_form(surface) for surface in names_in(reports["corpus"])}
    long = [surface for surface in names_in(reports[name]) if len(surface.split()) > 1]
    again = [surface for surface in long if to_form(surface) in known]
    assert len(long) >= 50
    assert len(again) <= 0.03 * len(long), again


def test_no_two_files_share_six_words_in_a_row(reports: Files) -> None:
    parts = {name: stretches(examples, 6) for name, examples in reports.items()}
    assert len(parts["corpus"]) > 5000
    assert [parts[one] & parts[two] for one, two in combinations(parts, 2) if parts[one] & parts[two]] == []


# ------------------------------------------------------------------------------------------------- the check itself


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


def test_the_corpus_check_tells_what_else_a_surface_form_is() -> None:
    def example(text: str, *spans: tuple[int, int, str]) -> LabeledExample:
        return LabeledExample(text, [{"start": start, "end": end, "label": label} for start, end, label in spans])

    files = {
        "corpus": [
            example("Robin saw a robin.", (0, 5, "person"), (12, 17, "species")),
            example("Heron Bridge, Heron, Jay", (0, 12, "site"), (14, 19, "species"), (21, 24, "person")),
            example("Mark the heron bridge."),
        ],
        "test": [
            example("Jay, Robin, Mark, Rowan", (0, 3, "person"), (5, 10, "person")),
            example("Mark met Rowan at Heron", (0, 4, "person"), (9, 14, "person"), (18, 23, "site")),
        ],
    }
    corpus = collect_forms(files)["corpus"]
    assert corpus.many_typed() == {("robin",)}
    assert corpus.also_plain() == {("heron",), ("heron", "bridge")}
    assert corpus.plain == {("heron",), ("heron", "bridge"), ("mark",)}
    first, second = "\n".join(tell_forms(files)).strip().split("\n\n")
    assert first.splitlines()[2:] == [
        "| different ones | 4 | 5 | 6 |",
        "| of two or more types | 1 | 0 | 2 |",
        "| an entity here, none there | 2 | 2 | 4 |",
        "| either | 3 | 2 | 5 |",
    ]
    assert second.splitlines()[2:] == [
        "| with its type alone | 1 (20%) |",
        "| with its type, and otherwise | 1 (20%) |",
        "| only otherwise | 2 (40%) |",
        "| never | 1 (20%) |",
    ]


def test_the_corpus_check_has_no_such_tables_for_labels_of_whole_texts() -> None:
    assert (
        list(tell_forms({"corpus": [LabeledExample("Robin", "person")], "test": [LabeledExample("robin", "species")]}))
        == []
    )
