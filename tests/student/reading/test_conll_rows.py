"""The columns of tokens and tags are found in the layouts in use; the rest is refused by its line."""

from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import read_rows
from evokd.student.reading.source import file_source

LABELS = ("PER", "LOC")


def read(folder: Path, content: str, labels: tuple[str, ...] | None = LABELS) -> tuple[list[dict[str, Any]], Layout]:
    path, layout = folder / "a.conll", Layout()
    path.write_text(content, encoding="utf-8")
    return [row for _, row in read_rows(file_source(path), "conll", layout, labels)], layout


ANNA = {"tokens": ["Anna", "sees", "Trier"], "tags": ["B-PER", "O", "B-LOC"]}
WIDE = "{}\t{}\tlemma\tNOUN\t_\t_\t2\tdep\t_\t{}\n"
CONLLU = "# sent_id = 1\n# text = Anna sees Trier\n" + "".join(
    WIDE.format(number, token, tag) for number, token, tag in zip((1, 2, 3), ANNA["tokens"], ANNA["tags"], strict=True)
)
RANGES = CONLLU.replace("2\tsees", "2-3\tsees\t_\t_\t_\t_\t_\t_\t_\t_\n2\tse").replace(
    "3\tTrier", "3\tes\tx\tx\t_\t_\t2\tdep\t_\tO\n3.1\tnode\t_\t_\t_\t_\t_\t_\t_\tO\n4\tTrier"
)
LAYOUTS = {
    "two columns": ("Anna B-PER\nsees O\nTrier B-LOC\n", []),
    "CoNLL-2002": ("Anna NP B-PER\nsees V O\nTrier NP B-LOC\n", []),
    "CoNLL-2003": (
        "-DOCSTART- -X- -X- O\n\nAnna NNP B-NP B-PER\nsees VBZ B-VP O\nTrier NNP B-NP B-LOC\n",
        ["columns 3 and 4 hold tags; column 4 is read, the one with labels of the domain"],
    ),
    "CoNLL-U": (CONLLU, ["column 1 counts the tokens; column 2 is read as the tokens"]),
    "counted from 0": ("0\tAnna\tB-PER\n1\tsees\tO\n2\tTrier\tB-LOC\n", ["column 1 counts the tokens"]),
    "counted on": (
        "1 Anna B-PER\n2 sees O\n3 Trier B-LOC\n\n4 Anna B-PER\n5 sees O\n6 Trier B-LOC\n",
        ["column 1 counts the tokens"],
    ),
    "GermEval 2014": (
        "#\tletter-1\t[2020-01-01]\n1\tAnna\tB-PER\tO\n2\tsees\tO\tO\n3\tTrier\tB-LOC\tB-PER\n",
        ["column 1 counts", "columns 3 and 4 hold tags; column 3 is read, the first of them, for outer entities"],
    ),
    "document and number before": (
        "doc/1 0 0 Anna B-PER\ndoc/1 0 1 sees O\ndoc/1 0 2 Trier B-LOC\n",
        ["column 3 counts the tokens; column 4 is read"],
    ),
    "tags before tokens": ("B-PER\tAnna\nO\tsees\nB-LOC\tTrier\n", ["tags stand before the tokens"]),
    "a comment that ends like a tag": (
        "# source = a B-PER\nAnna a b c B-PER\nsees a b c O\nTrier a b c B-LOC\n",
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "content",
    ["1\tAnna\tB-PER\n\n1\tTrier\tB-LOC\n", "# newdoc\n# newpar\n0\tAnna\tB-PER\n\n0\tTrier\tB-LOC\n"],
    ids=["from 1", "from 0, in a document"],
)
def test_numbers_of_sentences_of_one_token_are_no_tokens(tmp_path: Path, content: str) -> None:
    rows, layout = read(tmp_path, content)
    assert [row["tokens"] for row in rows] == [["Anna"], ["Trier"]]
    assert layout.notes == ["column 1 counts the tokens; column 2 is read as the tokens"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_tokens_and_tags_are_found_in_every_layout(tmp_path: Path, name: str) -> None:
    content, notes = LAYOUTS[name]
    rows, layout = read(tmp_path, content)
    assert rows[0] == ANNA
    assert len(layout.notes) == len(notes)
    assert all(note in told for note, told in zip(notes, layout.notes, strict=True))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_tokens_are_found_where_no_tags_are_wanted(tmp_path: Path, name: str) -> None:
    rows, _ = read(tmp_path, LAYOUTS[name][0], labels=None)
    assert rows[0] == {"tokens": ANNA["tokens"]}


def test_words_of_a_multiword_token_are_read_and_empty_nodes_are_not(tmp_path: Path) -> None:
    rows, layout = read(tmp_path, RANGES)
    assert rows == [{"tokens": ["Anna", "se", "es", "Trier"], "tags": ["B-PER", "O", "O", "B-LOC"]}]
    assert layout.notes[1:] == ["1 multiword token (the first 'sees', line 4): read as the words that follow it"]


PLAIN = "".join(WIDE.format(number, token, "_") for number, token in enumerate(("Anna", "sees"), start=1))
REFUSED = {
    "no tags": (PLAIN, ":1: no column holds tags such as O and B-PER, looked at 3 ('lemma'), 4 ('NOUN'), 5"),
    "brackets": ("Anna (PER*)\nsees *\n", ":1: no column holds tags such as O and B-PER, looked at 2 ('(PER*)')"),
    "no blank line": ("Anna B-PER\nsees O\n" * 750, ":1: one sentence of 1,500 tokens; put a blank line behind every"),
    "another count": (
        "1 Anna B-PER\n2 sees O\n\n1 a O\n2 b O\n\n1 a O\n3 b O\n",
        ":7: column 1 counts the tokens of other sentences, but not of this one",
    ),
    "another text": ("# text = Ben left\nAnna B-PER\nsees O\n", ":2: the tokens (column 1) are not those of the comm"),
    "name of a document": ("doc1 Anna B-PER\n\n" * 30, ":1: column 1 holds 'doc1' on every line, so it holds no tok"),
    "number of the sentence": (
        "0 Anna NNP B-PER\n0 sees VBZ O\n0 Trier NNP B-LOC\n\n1 Ben NNP B-PER\n1 sees VBZ O\n1 Ulm NNP B-LOC\n",
        ":1: column 1 ('0 0 0') seems to hold no tokens, column 2 ('Anna sees Trier') does; put the tokens into",
    ),
    "no tag but a dash": (
        "Anna x B-PER\nsees x _\nno x _\n",
        ":1: column 3 holds tags, but '_' for tokens without one; wri",
    ),
    "sentence named once": (
        "Sentence:1 Anna NNP B-PER\n_ sees VBZ O\n\nSentence:2 Ben NNP B-PER\n_ left VBD O\n",
        ":1: column 1 ('Sentence:1 _') seems to hold no tokens, column 2 ('Anna sees') does",
    ),
    "offsets": (
        "0 4 Anna B-PER\n5 9 sees O\n10 15 Trier B-LOC\n",
        ":1: column 1 ('0 5 10') seems to hold no tok",
    ),
    "part of speech": (
        "NNP Anna B-PER\nVBZ sees O\nNNP Trier B-LOC\n",
        ":1: column 1 ('NNP VBZ NNP') seems to hold",
    ),
    "one column": ("Anna\nsees\n", ":1: only one column ('Anna')"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_by_its_line(tmp_path: Path, name: str) -> None:
    content, told = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'a.conll'}{told}")


def test_tags_before_the_tokens_among_more_columns_are_refused_where_no_tags_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r":1: column 1 \('B-PER O'\) seems to hold no tokens, column 2"):
        read(tmp_path, "B-PER Anna NNP\nO sees VBZ\n\nB-PER Ben NNP\nO left VBD\n", labels=None)


def test_tokens_stay_tokens_beside_columns_of_fewer_or_odder_values(tmp_path: Path) -> None:
    line = "{0} {0} NOUN start_char={1}|end_char={2} Gender=Masc|Number=Sing O\n"
    rows, _ = read(tmp_path, "".join(line.format(word, n, n + 3) for n, word in enumerate(["the", "cat", "the", "7"])))
    assert rows[0]["tokens"] == ["the", "cat", "the", "7"]
    rows, _ = read(tmp_path, "1990 CD O\n1985 CD O\n\n1992 CD O\n", labels=None)
    assert rows[0]["tokens"] == ["1990", "1985"]


def test_doubts_about_some_sentences_are_counted_in_a_note(tmp_path: Path) -> None:
    good = "# text = Anna sees\nAnna B-PER\nsees O\n\n"
    other = good.replace("text = Anna", "text = Ben")
    _, layout = read(tmp_path, good + other + "Anna B-PER\n" + "x O\n" * 600)
    assert layout.notes == [
        "1 of its sentences have more than 500 tokens, the first at line 9; a blank line parts sentences",
        "1 comments `# text =` differ from their tokens, the first at line 6; the tokens are read",
    ]


def test_a_comment_without_a_blank_behind_its_mark_is_one(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "#sent_id = 1\nAnna B-PER\nsees O\nTrier B-LOC\n")
    assert rows == [ANNA]
