"""Merged cells of a workbook: read as they are seen, or refused; never taken for empty cells."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import Workbook

from evokd import api
from evokd.intake.sheets import read_sheet
from evokd.messages import InputError

TEXTS = [
    "The courier never came",
    "My parcel went to another street",
    "The bill shows a wrong sum",
    "I was charged twice in May",
    "The app crashes at login",
    "The new version lost my settings",
]


def _save(tmp_path: Path, rows: list[list[Any]], *merged: str) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    path = tmp_path / "notes.xlsx"
    book.save(path)
    return path


def _labelled() -> list[list[Any]]:
    labels = ["delivery", None, "billing", None, "app", None]
    return [["text", "label"], *([text, label] for text, label in zip(TEXTS, labels, strict=True))]


def _read(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_sheet(path).rows]


def test_a_label_merged_over_rows_holds_for_each_of_them(tmp_path: Path) -> None:
    path = _save(tmp_path, _labelled(), "B2:B3", "B4:B5", "B6:B7")
    new = api.init_domain(tmp_path / "made", source=path)
    lines = (tmp_path / "made" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    found = {row["text"]: row["label"] for row in map(json.loads, lines)}
    assert found == dict(zip(TEXTS, [label for label in ("delivery", "billing", "app") for _ in "12"], strict=True))
    told = "merged cells are read as if their value stood in each of their rows: B2:B3, B4:B5, B6:B7"
    assert told in new["notes"]


def test_merged_texts_with_different_labels_are_told_as_such(tmp_path: Path) -> None:
    rows = [["text", "label"], [TEXTS[0], "delivery"], [None, "billing"], [TEXTS[2], "billing"], [None, "delivery"]]
    with pytest.raises(InputError) as refusal:
        api.init_domain(tmp_path / "made", source=_save(tmp_path, rows, "A2:A3", "A4:A5"))
    told = "the text of the merged cells A4:A5 holds for each of their rows; unmerge such cells and give each row its"
    assert told in str(refusal.value)
    more = [[text, label] for label in ("delivery", "billing") for text in (f"one {label}", f"two {label}")]
    new = api.init_domain(tmp_path / "made", source=_save(tmp_path, [*rows[:3], *more], "A2:A3"))
    (told,) = [note for note in new["notes"] if note.startswith("the first text with different answers")]
    assert told.endswith(
        "row 2 ('The courier never came'); its cells are merged (A2:A3), so it stands in each of their rows"
    )


def test_many_ranges_are_told_by_the_first_of_them(tmp_path: Path) -> None:
    rows = [["text", "label"], *([f"text {at}", "a" if at % 2 == 0 else None] for at in range(2000))]
    path = _save(tmp_path, rows, *(f"B{at}:B{at + 1}" for at in range(2, 2002, 2)))
    assert read_sheet(path).notes[0].endswith(": B2:B3, B4:B5, B6:B7 and 997 more")
    assert [row["label"] for row in _read(path)] == ["a"] * 2000


def test_rows_that_are_merged_as_a_whole_are_one_row(tmp_path: Path) -> None:
    rows = [["text", "label"], [TEXTS[0], "delivery"], [None, None], [TEXTS[2], "billing"], [" ", None]]
    path = _save(tmp_path, rows, "A2:A3", "B2:B3", "B4:B5")
    assert [row["text"] for row in _read(path)] == [TEXTS[0], TEXTS[2]]
    assert read_sheet(path).notes == []


def test_a_header_of_two_rows_is_not_repeated(tmp_path: Path) -> None:
    path = _save(tmp_path, [["text", "label"], [None, None], [TEXTS[0], "delivery"]], "A1:A2", "B1:B2")
    assert _read(path) == [{"text": TEXTS[0], "label": "delivery"}]


def test_an_empty_merged_cell_stays_empty(tmp_path: Path) -> None:
    rows = [["text", "label"], [TEXTS[0], None], [TEXTS[1], None], [TEXTS[2], "billing"]]
    assert [row["label"] for row in _read(_save(tmp_path, rows, "B2:B3"))] == ["", "", "billing"]


def test_cells_merged_over_columns_without_a_name_are_one_cell(tmp_path: Path) -> None:
    rows = [["label", "text"], ["delivery", TEXTS[0], None], ["billing", TEXTS[2], None]]
    assert [row["text"] for row in _read(_save(tmp_path, rows, "B2:D2", "B3:D3"))] == [TEXTS[0], TEXTS[2]]


@pytest.mark.parametrize(
    ("rows", "merged", "told"),
    [
        (
            [["Complaints of May", None], *_labelled()],
            "A1:B1",
            "row 1: merged cells (A1:B1) in the header; unmerge them and give each column a name, or delete the row if",
        ),
        (
            [*_labelled(), ["Those of June", None], [TEXTS[0] + " again", "delivery"]],
            "A8:B8",
            "row 8: merged cells (A8:B8) over the columns 'text' and 'label'; unmerge them and fill in each cell, or",
        ),
    ],
    ids=["title", "heading"],
)
def test_cells_merged_over_columns_are_refused(rows: list[list[Any]], merged: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        api.init_domain(tmp_path / "made", source=_save(tmp_path, rows, merged))
    assert told in str(refusal.value)
    assert not (tmp_path / "made").exists()


def test_a_text_that_speaks_of_merged_cells_changes_nothing(tmp_path: Path) -> None:
    path = _save(tmp_path, [["text", "label"], ["why is there a mergeCell in my sheet", "app"], [TEXTS[0], None]])
    assert [row["label"] for row in _read(path)] == ["app", ""]


def test_a_size_that_leaves_out_rows_is_not_believed(tmp_path: Path) -> None:
    """As programs state it that write rows one by one."""
    path, odd = _save(tmp_path, _labelled()), tmp_path / "odd.xlsx"
    with ZipFile(path) as archive, ZipFile(odd, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(b'<dimension ref="A1:B7"', b'<dimension ref="A1:A3"'))
    assert _read(odd) == _read(path)
    assert len(_read(odd)) == len(TEXTS)
