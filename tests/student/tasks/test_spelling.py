"""Labels that differ in Unicode form alone are one label, written as the domain writes it."""

from pathlib import Path
from unicodedata import normalize

import pytest

from evokd.messages import InputError
from evokd.student.data import read_examples, write_jsonl
from evokd.student.tasks.registry import codec
from evokd.student.tasks.spelling import spell

LABELS = ("éloge", "größe", "학교")
OTHER = {"NFC": "NFD", "NFD": "NFC"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("label", LABELS)
def test_a_label_in_the_other_form_is_the_domains(tmp_path: Path, label: str, form: str) -> None:
    domain, written = normalize(form, label), normalize(OTHER[form], label)  # type: ignore[arg-type]
    assert spell(written, ["a", domain]) == domain != written
    task, notes = codec("classification", ["a", domain]), list[str]()
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": written}, {"text": "y", "label": domain}])
    assert [row.gold for row in read_examples(tmp_path / "a.jsonl", task, notes)] == [domain, domain]
    told = f"labels in another Unicode form than domain.yaml, once (such as {domain!r}); read as the same"
    assert notes == [f"{tmp_path / 'a.jsonl'}: {told}"]
    assert task.from_wire("x", written) == domain


ROWS = {
    "tags": {"tokens": ["Ely"], "tags": [f"B-{normalize('NFD', 'château')}"]},
    "entities": {"text": "Ely", "entities": [{"start": 0, "end": 3, "label": normalize("NFD", "château")}]},
}


@pytest.mark.parametrize("form", ROWS)
def test_tags_and_entities_too(tmp_path: Path, form: str) -> None:
    notes: list[str] = []
    task = codec("ner", [normalize("NFC", "château")])
    write_jsonl(tmp_path / "a.jsonl", [ROWS[form]])
    (row,) = read_examples(tmp_path / "a.jsonl", task, notes)
    assert task.labels_in(row.gold) == list(task.labels)
    assert "another Unicode form" in notes[0]
    assert task.from_wire("Ely", [{"text": "Ely", "label": normalize("NFD", "château")}]) == row.gold


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_two_labels_of_one_form_are_refused(task: str) -> None:
    with pytest.raises(InputError, match=r"declared twice, in two forms that look .*u0301"):
        codec(task, [normalize("NFC", "éloge"), normalize("NFD", "éloge"), "a"])


def test_other_differences_are_refused_as_before(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x", "label": "Éloge"}])
    with pytest.raises(InputError, match=":1: unknown label 'Éloge'; did you mean 'éloge'"):
        read_examples(tmp_path / "a.jsonl", codec("classification", ["éloge", "a"]))
