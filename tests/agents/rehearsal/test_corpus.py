import json
from pathlib import Path

import pytest

from agents.messages import InputError
from agents.rehearsal.corpus import find_seeds, load_corpus
from agents.rehearsal.words import normalise, split_words
from tests.agents.rehearsal.toy import SEEDS, TEXTS, make_corpus


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(text: str, label: str, **more: str) -> str:
    return json.dumps({"text": text, "label": label, **more}, ensure_ascii=False)


def test_load_corpus_reads_rows_notes_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", row("one goal", "Sports", note="plain"), "", row("two\u2028shares", "Business"))
    corpus = load_corpus(path)
    assert [(item.text, item.label) for item in corpus.rows] == [
        ("one goal", "Sports"),
        ("two\u2028shares", "Business"),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"label": "a"}', "text: expected"),
        ('{"text": " ", "label": "a"}', "text: expected"),
        ('{"text": "x", "label": 3}', "label: expected"),
        ('{"text": "x", "label": "a", "lable": "b"}', "lable: unknown key"),
        ('{"tokens": ["x"], "tags": ["O"]}', "entities are not served yet"),
    ],
    ids=["broken", "list", "no text", "empty text", "number", "unknown key", "ner"],
)
def test_load_corpus_names_the_bad_line(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "c.jsonl", row("fine words", "a"), line)
    with pytest.raises(InputError, match=says) as caught:
        load_corpus(path)
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize("content", ["", "\n\n", '{"text": "!!!", "label": "a"}\n'], ids=["empty", "blank", "wordless"])
def test_load_corpus_refuses_a_corpus_of_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="corpus"):
        load_corpus(path)


def test_load_corpus_refuses_a_missing_or_binary_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_corpus(tmp_path / "absent.jsonl")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_corpus(tmp_path / "b.jsonl")


def test_never_is_compared_normalised_and_keeps_its_label(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", row("One  GOAL", "Sports"), row("two goals", "Sports"))
    corpus = load_corpus(path, never=["one goal "])
    assert corpus.retrievable("Sports").tolist() == [1]
    assert corpus.find("ONE goal") == 0


def test_the_first_of_repeated_texts_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", row("same text", "a"), row("Same  text", "b"), row("other text", "b"))
    corpus = load_corpus(path)
    assert [item.label for item in corpus.rows] == ["a", "b"]


def test_beginning_with_finds_openings_normalised() -> None:
    corpus = make_corpus()
    found = corpus.beginning_with(["the CLUB  signed…", "Shares of the bank", "", "no such opening"])
    texts = {corpus.rows[at].text for at in found}
    assert texts == {TEXTS["Sports"][6], TEXTS["Business"][5]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seeds.jsonl", '{"text": "first seed", "label": "a"}\n{"tokens": ["second", "seed"], "tags": ["O", "O"]}\n'),
        ("seeds.csv", "text,label\nfirst seed,a\nsecond seed,b\n"),
    ],
)
def test_find_seeds_reads_the_domain_beside_the_corpus(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "domain.yaml").write_text(f"name: toy\ndata: {{seeds: {name}}}\n", encoding="utf-8")
    assert find_seeds(tmp_path / "corpus.jsonl") == ["first seed", "second seed"]


@pytest.mark.parametrize("content", [None, "name: toy\n", "name: toy\ndata: {test: t.jsonl}\n", ""])
def test_find_seeds_finds_none_without_a_domain_that_names_them(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "domain.yaml").write_text(content, encoding="utf-8")
    assert find_seeds(tmp_path / "corpus.jsonl") == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("data: {seeds: [", "cannot be read"),
        ("data: {seeds: 3}", "data.seeds"),
        ("data: {seeds: absent.jsonl}", "cannot be read"),
        ("data: {seeds: seeds.parquet}", "read from .jsonl or .csv only"),
    ],
)
def test_find_seeds_refuses_seeds_it_cannot_read(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "domain.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        find_seeds(tmp_path / "corpus.jsonl")
    assert "\n" not in str(caught.value)


def test_seeds_of_the_toy_corpus_are_not_retrievable() -> None:
    corpus = make_corpus()
    served = {corpus.rows[at].text for label in TEXTS for at in corpus.retrievable(label)}
    assert served.isdisjoint(SEEDS)
    assert len(served) == 44


def test_words_of_scripts_with_and_without_spaces() -> None:
    assert split_words("Don\u2019t PANIC, 3 cafés!") == ["don\u2019t", "panic", "3", "cafés"]
    assert split_words("我喜欢 GPU卡") == ["我喜", "喜欢", "gpu", "卡"]
    assert split_words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert normalise("  A\u00a0 B\t") == "a b"
