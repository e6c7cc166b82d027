import json
from pathlib import Path

import pytest

from evokd.messages import Entity, Gold, InputError
from evokd.messages.spans import Span
from evokd.simulator.corpus import Corpus, load_corpus
from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.words import fold_text, list_words, read_quotes
from tests.simulator.entity_toy import SEEDS as ENTITY_SEEDS
from tests.simulator.entity_toy import make_corpus as make_entity_corpus
from tests.simulator.toy import SEEDS, TEXTS, make_corpus


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(text: str, label: str, **more: str) -> str:
    return json.dumps({"text": text, "label": label, **more}, ensure_ascii=False)


def test_load_corpus_reads_rows_notes_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", row("one goal", "Sports", note="plain"), "", row("two\u2028shares", "Business"))
    corpus = load_corpus(path)
    assert [(item.text, item.answer) for item in corpus.rows] == [
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
        ('{"tokens": ["x"], "tags": ["O"]}', "a row with entities among rows with a label"),
        ('{"text": "x"}', "label: expected"),
        ('{"text": "x", "label": "a", "entities": []}', "entities and label in one row"),
    ],
    ids=["broken", "list", "no text", "empty text", "number", "unknown key", "other kind", "no answer", "two answers"],
)
def test_load_corpus_names_the_bad_line(tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "c.jsonl", row("fine words", "a"), line)
    with pytest.raises(InputError, match=says) as caught:
        load_corpus(path)
    assert str(caught.value).startswith(f"{path}:2: ")


def entity(start: object, end: object, label: object = "a", **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "label": label, **more}


def test_load_corpus_reads_entities_in_both_spellings(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.jsonl",
        json.dumps({"text": "Ada saw Gull Bay.", "entities": [entity(8, 16, "b", text="Gull Bay"), entity(0, 3)]}),
        json.dumps({"tokens": ["Ada", "Tern", "Gull", "Bay", "."], "tags": ["B-a", "B-a", "B-b", "I-b", "O"]}),
        json.dumps({"text": "nothing here", "entities": [], "note": "plain"}),
    )
    rows = load_corpus(path).rows
    assert rows[0].answer == (Span(0, 3, "a"), Span(8, 16, "b"))
    assert rows[1].text == "Ada Tern Gull Bay ."
    assert rows[1].answer == (Span(0, 3, "a"), Span(4, 8, "a"), Span(9, 17, "b"))
    assert rows[2].labels == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"text": "x", "label": "a"}, "a row with a label among rows with entities"),
        ({"text": "Ada", "entities": {}}, "entities: expected a list"),
        ({"text": "Ada", "entities": [3]}, "entities.0: expected an object with start, end and label"),
        ({"text": "Ada", "entities": [{"start": 0, "end": 3}]}, "start, end and label"),
        ({"text": "Ada", "entities": [entity(0, 3, kind="x")]}, "kind: unknown key"),
        ({"text": "Ada", "entities": [entity(False, 3)]}, "start: expected a number"),
        ({"text": "Ada", "entities": [entity(0, "3")]}, "end: expected a number"),
        ({"text": "Ada", "entities": [entity(0, 3, "O")]}, "label: expected an entity type"),
        ({"text": "Ada", "entities": [entity(0, 3, text="Ida")]}, "'Ida' is not what stands there"),
        ({"text": "Ada", "entities": [entity(0, 4)]}, "does not lie in the text"),
        ({"text": "Ada", "entities": [entity(0, 2)]}, "cuts a word"),
        ({"text": "Ada ", "entities": [entity(0, 4)]}, "white space"),
        ({"text": "Ada Ida", "entities": [entity(0, 7), entity(0, 3)]}, "keep one of them"),
        ({"text": "", "entities": []}, "text: expected"),
        ({"text": "Ada", "entities": [], "tags": ["O"]}, "in one row"),
        ({"tokens": ["Ada"]}, "tags: expected one tag per token"),
        ({"tokens": [], "tags": []}, "tokens: expected a list"),
        ({"tokens": "Ada", "tags": ["O"]}, "tokens: expected a list"),
        ({"tokens": ["Ada"], "tags": ["O", "O"]}, "1 tokens and 2 tags"),
        ({"tokens": ["Ada"], "tags": "O"}, "one per token"),
        ({"tokens": ["A da"], "tags": ["O"]}, "tokens.0: expected a word without white space"),
        ({"tokens": ["Ada"], "tags": ["I-a"]}, "convert to BIO"),
        ({"tokens": ["Ada", "Ida"], "tags": ["B-a", "I-b"]}, "tags.1"),
        ({"tokens": ["Ada", "Ida"], "tags": ["B-a", "E-a"]}, "convert to BIO"),
        ({"tokens": ["Ada"], "tags": ["B-"]}, "'B-' is no BIO tag"),
        ({"tokens": ["Ada"], "tags": ["a"]}, "convert to BIO"),
        ({"tokens": ["Ada"], "tags": [None]}, "None is no BIO tag"),
    ],
    ids=range(27),
)
def test_load_corpus_names_the_bad_line_of_entities(tmp_path: Path, content: dict[str, object], says: str) -> None:
    good = json.dumps({"tokens": ["Ada", "Tern"], "tags": ["B-a", "I-a"]})
    path = write(tmp_path / "c.jsonl", good, json.dumps(content))
    with pytest.raises(InputError) as caught:
        load_corpus(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_corpus_without_any_entity_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", json.dumps({"text": "nothing here", "entities": []}))
    with pytest.raises(InputError, match="no text of the corpus holds an entity"):
        load_corpus(path)


def test_of_examples_takes_answers_as_they_are_on_the_wire() -> None:
    gold = [Entity(text="Tern", label="O"), Entity(text="Tern", label="boat")]
    corpus = Corpus.of_examples([("tern, Tern and Tern", gold), ("no name", [])], never=["no  NAME"])
    assert corpus.rows == (CorpusRow("tern, Tern and Tern", (Span(15, 19, "boat"),)), CorpusRow("no name", ()))
    assert corpus.is_seed("No name")
    plain = Corpus.of_examples([("one goal", "Sports"), ("two shares", "Business")])
    assert plain.mentions is None
    assert [item.answer for item in plain.rows] == ["Sports", "Business"]


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        ([], "empty"),
        ([("one goal", "Sports"), ("Ada", [Entity(text="Ada", label="a")])], "keep one kind"),
        ([("Ada", []), ("Adam", [Entity(text="Ada", label="a")])], "text 2: entity 'Ada'"),
        ([("Ada", [])], "holds an entity"),
    ],
)
def test_of_examples_refuses_what_is_no_corpus(examples: list[tuple[str, Gold]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Corpus.of_examples(examples)


def test_a_text_is_among_the_rows_of_each_of_its_types_once() -> None:
    corpus = make_entity_corpus()
    for column, name in enumerate(corpus.index.labels):
        rows = {at for at, row in enumerate(corpus.rows) if name in row.labels}
        assert set(corpus.index.members[:, column].nonzero()[0].tolist()) == rows
        assert set(corpus.retrievable(name).tolist()) == {at for at in rows if corpus.rows[at].text not in ENTITY_SEEDS}
    assert any(len(row.labels) > 1 for row in corpus.rows)
    assert any(not row.labels for row in corpus.rows)


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
    assert [item.answer for item in corpus.rows] == ["a", "b"]


def test_beginning_with_finds_openings_normalised() -> None:
    corpus = make_corpus()
    found = corpus.beginning_with(["the CLUB  signed…", "Shares of the bank", "", "no such opening"])
    texts = {corpus.rows[at].text for at in found}
    assert texts == {TEXTS["Sports"][6], TEXTS["Business"][5]}


def test_seeds_of_the_toy_corpus_are_not_retrievable() -> None:
    corpus = make_corpus()
    served = {corpus.rows[at].text for label in TEXTS for at in corpus.retrievable(label)}
    assert served.isdisjoint(SEEDS)
    assert len(served) == 44


def test_words_of_scripts_with_and_without_spaces() -> None:
    assert list_words("Don\u2019t PANIC, 3 cafés!") == ["don\u2019t", "panic", "3", "cafés"]
    assert list_words("我喜欢 GPU卡") == ["我喜", "喜欢", "gpu", "卡"]
    assert list_words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert list_words("Glätte auf der STRASSE, Straße 3a") == ["glätte", "auf", "der", "strasse", "strasse", "3a"]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('words such as "pothole" and "kerb"', ["pothole", "kerb"]),
        ("words such as “pothole” and “kerb”", ["pothole", "kerb"]),
        ("Wörter wie „Schlagloch“ und „Bordstein“", ["Schlagloch", "Bordstein"]),
        ("Wörter wie „Schlagloch” und »Bordstein«", ["Schlagloch", "Bordstein"]),
        ("des mots comme « trou » et «trottoir»", [" trou ", "trottoir"]),
        ('das „Schild“, nicht das "Licht"', ["Schild", "Licht"]),
        ("no words at all", []),
    ],
)
def test_quoted_words_are_read_in_the_marks_of_several_languages(text: str, quoted: list[str]) -> None:
    assert read_quotes(text) == quoted
    assert fold_text("  A\u00a0 B\t") == "a b"
