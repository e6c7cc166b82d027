from pathlib import Path

import pytest

from evokd.messages import NO_LABEL, InputError
from evokd.student.data import read_examples
from evokd.student.tasks.registry import codec

CODEC = codec("multilabel", ["noise", "cold", "caf\u00e9"])


def _write(tmp_path: Path, name: str, content: str) -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_rows_are_read_in_the_domains_order_and_spelling(tmp_path: Path) -> None:
    lines = '{"text": "Loud and freezing", "labels": ["cold", "noise"]}\n{"text": "Fine", "labels": []}\n'
    lines += '{"text": "Bad coffee", "labels": ["cafe\u0301"]}\n'
    notes: list[str] = []
    rows = read_examples(_write(tmp_path, "rows.jsonl", lines), CODEC, notes)
    assert [row.gold for row in rows] == [["noise", "cold"], [], ["caf\u00e9"]]
    assert "another Unicode form" in notes[0]
    assert CODEC.write_row(rows[0].text, rows[0].gold) == {"text": "Loud and freezing", "labels": ["noise", "cold"]}


def test_a_cell_holds_labels_parted_by_semicolons(tmp_path: Path) -> None:
    table = "text,labels\nLoud and freezing, cold; noise\nFine,\n"
    rows = read_examples(_write(tmp_path, "rows.csv", table), CODEC)
    assert [row.gold for row in rows] == [["noise", "cold"], []]
    mapped = read_examples(
        _write(tmp_path, "own.csv", "Remark,Topics\nLoud,noise\n"),
        CODEC,
        columns={"text": "Remark", "labels": "Topics"},
    )
    assert mapped[0].gold == ["noise"]


def test_where_columns_are_named_one_of_label_and_labels_is_passed_over(tmp_path: Path) -> None:
    table = _write(tmp_path, "both.csv", "Remark,label,labels,Queue\nLoud,cold,noise;cold,noise\n")
    one = codec("classification", ["noise", "cold"])
    assert read_examples(table, one, columns={"text": "Remark"})[0].gold == "cold"
    assert read_examples(table, one, columns={"text": "Remark", "label": "Queue"})[0].gold == "noise"
    columns = {"text": "Remark", "labels": "labels"}
    assert read_examples(table, CODEC, columns=columns)[0].gold == ["noise", "cold"]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ('{"text": "x", "labels": ["noisy"]}', r"rows.jsonl:1: unknown label 'noisy'; did you mean 'noise'"),
        ('{"text": "x", "labels": ["cold", "cold"]}', r"rows.jsonl:1: label 'cold' is given twice"),
        (
            '{"text": "x", "labels": "noise|cold"}',
            r"unknown label 'noise\|cold'; write each label of a list by itself; the labels of a cell are parted by",
        ),
        (
            '{"text": "x", "labels": ["noise;cold"]}',
            r"unknown label 'noise;cold'; write each label of a list by itself",
        ),
        ('{"text": "x", "labels": "[\'noise\', \'cold\']"}', r"the labels of a cell are parted by ';'"),
        ('{"text": "x", "labels": "[\\"noise\\"]"}', r"the labels of a cell are parted by ';'"),
        ('{"text": "x", "labels": ["(none)"]}', r"a text without labels has an empty list"),
        ('{"text": "x", "labels": "(None); cold"}', r"in a table an empty cell or \(none\) alone"),
        ('{"text": "x", "labels": 3}', r'"labels" must be a list of labels, not a number'),
        ('{"text": "x", "labels": [null]}', r'a label of "labels" must be a string, not null'),
        ('{"text": "x", "label": "cold"}', r'key "labels" is missing'),
        ('{"text": "x"}', r'key "labels" is missing'),
    ],
)
def test_faulty_rows_are_named_with_their_line(tmp_path: Path, row: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_examples(_write(tmp_path, "rows.jsonl", row + "\n"), CODEC)


def test_a_label_that_holds_the_separator_is_refused() -> None:
    with pytest.raises(InputError, match="label 'a;b' holds ';'"):
        codec("multilabel", ["a;b", "c"])


def test_the_wire_form_is_the_list() -> None:
    assert CODEC.from_wire("x", CODEC.to_wire("x", ["cold", "noise"])) == ["noise", "cold"]
    assert CODEC.key(["cold", "noise"]) == CODEC.key(["noise", "cold"]) != CODEC.key([])
    assert not CODEC.compare(["cold"], ["cold", "noise"]).same
    for wire in ("cold", ["warm"], None, [{"label": "cold"}]):
        with pytest.raises(ValueError, match="label"):
            CODEC.from_wire("x", wire)


def test_scores_of_sets() -> None:
    gold = [["noise", "cold"], ["noise"], [], ["cold"]]
    answers = [["noise"], ["noise"], ["cold"], ["noise"]]
    scores = CODEC.evaluate(gold, answers)
    lines = {line.label: line for line in scores.report}
    assert lines["noise"].precision == pytest.approx(2 / 3)
    assert lines["noise"].recall == 1.0
    assert lines["cold"].f1 == 0.0
    assert scores.metrics["macro_f1"] == pytest.approx(0.4)
    assert scores.metrics["micro_f1"] == pytest.approx(4 / 8)
    assert scores.metrics["exact_match"] == 0.25
    found = {(item.gold, item.predicted): item.count for item in scores.confusions}
    assert found == {("cold", NO_LABEL): 1, (NO_LABEL, "cold"): 1, ("cold", "noise"): 1}


def test_texts_without_labels_alone_can_be_scored() -> None:
    assert CODEC.evaluate([[], []], [[], []]).metrics == {"macro_f1": 1.0, "micro_f1": 1.0, "exact_match": 1.0}


def test_rows_that_name_one_label_alone_are_scored() -> None:
    """A table of one column is a choice of two labels to scikit-learn."""
    scores = CODEC.evaluate([["cold"], []], [["cold"], ["cold"]])
    assert [(line.label, line.precision, line.recall, line.support) for line in scores.report] == [
        ("cold", 0.5, 1.0, 1)
    ]
    assert scores.metrics["micro_f1"] == pytest.approx(2 / 3)
