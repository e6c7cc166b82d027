"""Faults of a domain with entities are told in one line as well; data in other schemes is read, and a note says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.graph.setup.domain import load_domain
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.ner.rows import to_tokens
from tests.annotated import as_iob1, as_iobes
from tests.graph.damage import DATA, Damage, add_line, both, check_refusal, edit, replace, write
from tests.graph.toy import QUICK, WordStudent, read_rows, write_rows

REPORT = "Kit Amble moored Teal 4 at Low Staithe."


def entities(*places: tuple[int, int, str], text: str = REPORT) -> str:
    items = [{"start": start, "end": end, "label": label} for start, end, label in places]
    return json.dumps({"text": text, "entities": items})


def tokens(*pairs: str) -> str:
    split = [pair.split("/") for pair in pairs]
    return json.dumps({"tokens": [word for word, _ in split], "tags": [tag for _, tag in split]})


def add_entities(*places: tuple[int, int, str]) -> Damage:
    return add_line("seeds.jsonl", entities(*places))


def move_data(split: str, name: str, content: str) -> Damage:
    """Give a split another file."""
    return both(edit(data={**DATA, split: name}), write(name, content))


def rename_label(old: str, new: str) -> Damage:
    """Change a label's name in domain.yaml alone."""
    return replace(f"  {old}:", f"  {new}:")


def keep_one_seed(folder: Path) -> None:
    rows = read_rows(folder / "seeds.jsonl")
    write_rows(folder / "seeds.jsonl", [{**rows[0], "entities": rows[0]["entities"][:1]}])


COLUMNS = "# a comment of two words\nKit B-person\nmoored O\n\nat O\nLow B-site\nStaithe {}\n"
ENTITY_FAULTS: dict[str, tuple[Damage, list[str]]] = {
    "overlapping": (
        add_entities((0, 9, "person"), (4, 16, "site")),
        ["seeds.jsonl:3: ", "entity 4-16 (site) overlaps 0-9 (person)"],
    ),
    "nested": (
        add_entities((17, 23, "equipment"), (17, 21, "species")),
        ["seeds.jsonl:3: ", "17-21 (species)", "17-23 (equipment)", "keep one"],
    ),
    "the same twice": (add_entities((0, 9, "person"), (0, 9, "site")), ["seeds.jsonl:3: ", "repeats 0-9"]),
    "behind the text": (add_entities((27, 80, "site")), ["seeds.jsonl:3: ", "27-80", "39 characters"]),
    "before the text": (add_entities((-3, 3, "person")), ["seeds.jsonl:3: ", "does not lie in the text"]),
    "backwards": (add_entities((9, 0, "person")), ["seeds.jsonl:3: ", "holds no character"]),
    "across a word": (add_entities((17, 20, "species")), ["seeds.jsonl:3: ", "'Tea' cuts a word"]),
    "with a space": (add_entities((0, 10, "person")), ["seeds.jsonl:3: ", "white space"]),
    "a fraction": (
        add_line("test.jsonl", entities((0, 9, "person")).replace("9", "9.5")),
        ["test.jsonl:21: ", '"end"', "9.5"],
    ),
    "without an end": (
        add_line("test.jsonl", '{"text": "Kit", "entities": [{"start": 0, "label": "person"}]}'),
        ["test.jsonl:21: ", '"end"', "missing"],
    ),
    "other words than at the place": (
        add_line("test.jsonl", entities((0, 9, "person")).replace('"label"', '"text": "Kit", "label"')),
        ["test.jsonl:21: ", "'Kit'", "'Kit Amble'"],
    ),
    "unknown type": (add_entities((0, 9, "persn")), ["seeds.jsonl:3: ", "'persn'", "did you mean 'person'"]),
    "entities no list": (add_line("test.jsonl", '{"text": "Kit", "entities": 3}'), ["test.jsonl:21: ", "list"]),
    "row with a label": (add_line("test.jsonl", '{"text": "Kit", "label": "person"}'), ["test.jsonl:21: ", "entities"]),
    "row of both forms": (
        add_line("test.jsonl", '{"text": "Kit", "tokens": ["Kit"], "tags": ["O"]}'),
        ["test.jsonl:21: ", "two forms"],
    ),
    "tag that continues nothing": (
        add_line("test.jsonl", tokens("Kit/B-person", "moored/O", "Teal/I-equipment")),
        ["test.jsonl:21: ", "token 3 'Teal'", "'I-equipment' continues nothing"],
    ),
    "tag of another type": (
        both(
            add_line("test.jsonl", tokens("Kit/B-person", "Amble/I-person")),
            add_line("test.jsonl", tokens("Kit/B-person", "Amble/I-site")),
        ),
        ["test.jsonl:22: ", "'I-site'"],
    ),
    "tags of two schemes": (
        both(
            add_line("test.jsonl", tokens("Kit/B-person", "Amble/E-person", "in/O", "Teal/S-equipment")),
            add_line("test.jsonl", tokens("Kit/B-person", "Amble/I-person")),
        ),
        ["test.jsonl:22: ", "IOBES"],
    ),
    "tag without a type": (
        add_line("test.jsonl", tokens("Kit/B-", "moored/O")),
        ["test.jsonl:21: ", "'B-'", "no type"],
    ),
    "tag of no scheme": (add_line("test.jsonl", tokens("Kit/X-person")), ["test.jsonl:21: ", "prefix 'X'"]),
    "tag of an unknown type": (
        add_line("test.jsonl", tokens("Kit/B-persn")),
        ["test.jsonl:21: ", "'persn'", "did you mean 'person'"],
    ),
    "a tag too few": (
        add_line("test.jsonl", '{"tokens": ["Kit", "moored"], "tags": ["O"]}'),
        ["test.jsonl:21: ", "2 tokens but 1 tags"],
    ),
    "tag in columns": (move_data("test", "t.conll", COLUMNS.format("B-sight")), ["t.conll:7: ", "'sight'"]),
    "tags in columns": (
        move_data("test", "t.conll", COLUMNS.format("I-person")),
        ["t.conll:7: ", "'Staithe'", "'I-person'"],
    ),
    "one column": (move_data("test", "t.conll", "Kit B-person\n\nmoored\n"), ["t.conll:3: ", "one column"]),
    "csv of texts and labels": (move_data("test", "t.csv", "text,label\nKit,person\n"), ["t.csv:2: ", ".conll"]),
    "csv of tokens": (move_data("test", "t.csv", "tokens,tags\nKit,B-person\n"), ["t.csv:1: ", ".conll"]),
    "type without a seed": (keep_one_seed, ["seeds.jsonl: ", "no seed has the label 'species'"]),
    "type without a text of the corpus": (
        lambda folder: write_rows(folder / "corpus.jsonl", read_rows(folder / "seeds.jsonl")[:1]),
        ["corpus.jsonl: ", "no text has the label"],
    ),
    "corpus with an overlap": (
        add_line("corpus.jsonl", entities((0, 9, "person"), (4, 16, "site"))),
        ["corpus.jsonl:61: ", "overlaps"],
    ),
    "type O": (rename_label("site", "O"), ["domain.yaml:9: ", "label 'O'", "other than O"]),
    "type with a space": (rename_label("site", "named site"), ["domain.yaml:9: ", "'named site'", "white space"]),
    "type with a tab": (rename_label("site", '"a\\tb"'), ["domain.yaml", "white space"]),
    "type without a name": (rename_label("site", '""'), ["domain.yaml:9: ", "label ''"]),
    "unknown metric": (edit(metric="accuracy"), ["domain.yaml:", "'accuracy'", "entity_f1"]),
}


@pytest.mark.parametrize(("damage", "told"), ENTITY_FAULTS.values(), ids=ENTITY_FAULTS)
def test_a_faulty_domain_with_entities_is_refused_in_one_line(
    damage: Damage, told: list[str], reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(reports, damage, told, capsys)


SCHEMES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "IOB1": (as_iob1, "jsonl"),
    "IOBES": (as_iobes, "jsonl"),
    "BILOU": (lambda tags: as_iobes(tags, "UBIL"), "conll"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_data_in_other_schemes_runs_and_a_note_tells_how_it_was_read(
    scheme: str, reports: Path, word_taggers: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    convert, kind = SCHEMES[scheme]
    files = {**DATA, "corpus": "corpus.jsonl"}
    plain = load_domain(reports)
    for name in files.values():
        rows = [to_tokens(row["text"], row["entities"]) for row in read_rows(reports / name)]
        rows = [{"tokens": row["tokens"], "tags": convert(row["tags"])} for row in rows]
        path = (reports / name).with_suffix(f".{kind}")
        if kind == "jsonl":
            write_rows(path, rows)
        else:
            lines = ("".join(map("{}\t{}\n".format, row["tokens"], row["tags"])) for row in rows)
            path.write_text("\n".join(lines), encoding="utf-8")
    other = {split: f"{split}.{kind}" for split in files}
    edit(rehearsal={"corpus": other.pop("corpus")}, data=other)(reports)
    domain = load_domain(reports)
    for split in DATA:
        for one, two in zip(getattr(plain, split), getattr(domain, split), strict=True):
            assert [name_entity(one, item) for item in one.gold] == [name_entity(two, item) for item in two.gold]

    args = ["run", str(reports), *QUICK, "--cycles", "1", "--runs-dir", str(reports.parent / "runs")]
    assert main.run_cli(args) == 0
    told = capsys.readouterr().err
    for split in files:
        assert f"note: {reports / split}.{kind}: tags are {scheme}; read as BIO\n" in told
    (folder,) = (reports.parent / "runs").iterdir()
    assert len(read_rows(folder / "dataset" / "train.jsonl")) > 5


def name_entity(example: LabeledExample, item: dict[str, Any]) -> tuple[str, str]:
    """The letters of an entity, as tokens are joined with spaces that the text may not have, and its type."""
    return "".join(example.text[item["start"] : item["end"]].split()), item["label"]
