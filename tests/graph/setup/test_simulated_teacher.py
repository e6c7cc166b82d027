"""The corpus of a served teacher is read as a run reads it."""

from pathlib import Path

import pytest

from evokd.cli import main
from evokd.graph.setup.simulated_teacher import corpus_to_serve
from evokd.messages import InputError
from tests.graph.toy import read_rows, write_domain, write_rows

BARE = {"text": "a goal in the last minute", "label": "sport"}


def test_the_domain_beside_a_corpus_says_how_it_is_read_and_what_is_a_seed(toy_domain: Path) -> None:
    seeds = [row["text"] for row in read_rows(toy_domain / "seeds.jsonl")]
    corpus = corpus_to_serve(toy_domain / "corpus.jsonl")
    assert all(corpus.is_seed(text) for text in seeds)
    assert len(corpus.rows) == len(read_rows(toy_domain / "corpus.jsonl"))


def test_columns_and_other_schemes_are_served_where_the_domain_is_of_entities(tmp_path: Path) -> None:
    columns = "Ann S-per\nsaw O\nOld B-loc\nRome E-loc\n\nBob S-per\nran O\n"
    for name in ("seeds.conll", "corpus.conll"):
        (tmp_path / name).write_text(columns, encoding="utf-8")
    (tmp_path / "domain.yaml").write_text(
        "name: d\ntask: ner\ndescription: x\nlabels: {per: a person, loc: a place}\ndata: {seeds: seeds.conll}\n",
        encoding="utf-8",
    )
    corpus = corpus_to_serve(tmp_path / "corpus.conll")
    assert [[tuple(span) for span in row.spans] for row in corpus.rows] == [
        [(0, 3, "per"), (8, 16, "loc")],
        [(0, 3, "per")],
    ]


def test_a_corpus_alone_is_served_as_it_is(tmp_path: Path) -> None:
    write_rows(tmp_path / "corpus.jsonl", [BARE])
    assert [row.text for row in corpus_to_serve(tmp_path / "corpus.jsonl").rows] == [BARE["text"]]


def test_a_table_alone_is_served_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("text;label\na goal, at last;sport\n", encoding="utf-8")
    (row,) = corpus_to_serve(tmp_path / "corpus.csv").rows
    assert (row.text, row.answer) == ("a goal, at last", "sport")
    (tmp_path / "corpus.conll").write_text("Ann B-per\nran O\n", encoding="utf-8")
    (row,) = corpus_to_serve(tmp_path / "corpus.conll").rows
    assert [tuple(span) for span in row.spans] == [(0, 3, "per")]


def test_a_corpus_of_seeds_alone_is_refused_before_a_run(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(toy_domain / "corpus.jsonl", read_rows(toy_domain / "seeds.jsonl"))
    assert main.run_cli(["check", str(toy_domain)]) == 2
    assert "corpus.jsonl: holds no text beyond the seeds and the pool" in capsys.readouterr().err


def test_a_faulty_corpus_or_domain_is_told_in_a_line(tmp_path: Path) -> None:
    folder = write_domain(tmp_path / "toy")
    write_rows(folder / "corpus.jsonl", [BARE])
    with pytest.raises(InputError, match=r"corpus.jsonl:1: unknown label 'sport'"):
        corpus_to_serve(folder / "corpus.jsonl")
    with pytest.raises(InputError, match=r"absent\.jsonl"):
        corpus_to_serve(folder / "absent.jsonl")
