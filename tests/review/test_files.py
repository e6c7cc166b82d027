"""Reviews by file: what is written is read back, and every fault is named by its line."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.review.csv_file import shield, unshield
from evokd.review.files import read_reviews, write_review
from evokd.review.merging import merge
from evokd.review.pending import NewDecision, ReviewSession
from tests.review.waiting import ENTITIES, decided, wait

FORMATS = ("review.jsonl", "review.csv", "review.json")


@pytest.fixture
def session(tmp_path: Path) -> ReviewSession:
    return wait(tmp_path / "ledger.db")


def export(session: ReviewSession, path: Path) -> Path:
    path.write_text(write_review(path, session.read()), encoding="utf-8")
    return path


def take_in(session: ReviewSession, *paths: Path, reviewer: str | None = None, prefer: str | None = None) -> Any:
    pending = session.read()
    merged = merge(pending, read_reviews(paths, pending, reviewer), prefer)
    session.decide(*merged.decisions)
    return merged


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_nobody_filled_in_decides_nothing(session: ReviewSession, tmp_path: Path, name: str) -> None:
    assert take_in(session, export(session, tmp_path / name)).decisions == ()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("task", ["classification", "ner"])
def test_decisions_survive_the_way_through_a_file(tmp_path: Path, name: str, task: str) -> None:
    first = wait(tmp_path / "first.db", ENTITIES if task == "ner" else None, task)
    fixed: Any = "=delivery"
    if task == "ner":
        fixed = [{"start": 12, "end": 22, "label": "species"}, {"start": 0, "end": 5, "label": "person"}]
        fixed = [{"start": 0, "end": 5, "label": "person"}, {"start": 16, "end": 22, "label": "species"}]
    first.decide(NewDecision("c001-l01-d01", "correct", fixed), NewDecision("c001-l01-d02", "refuse"))
    path = export(first, tmp_path / name)
    second = wait(tmp_path / "second.db", ENTITIES if task == "ner" else None, task)
    take_in(second, path)
    assert decided(second) == decided(first)
    assert decided(second)["c001-l01-d01"][1] == fixed


def fill_in(path: Path, changes: dict[int, dict[str, Any]]) -> Path:
    """Change rows of a JSONL file, by their numbers from 1."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, change in changes.items():
        rows[number - 1].update(change)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_faults_are_listed_with_their_lines_and_nothing_is_stored(session: ReviewSession, tmp_path: Path) -> None:
    path = export(session, tmp_path / "review.jsonl")
    fill_in(
        path,
        {
            1: {"id": "c001-l01-d09", "decision": "accept"},
            2: {"text": "I can sign in", "decision": "accept"},
            3: {"label": "biling", "decision": "correct"},
        },
    )
    with path.open("a", encoding="utf-8") as file:
        file.write("nonsense\n")
        file.write(json.dumps({"id": "c001-l01-d02", "label": "billing"}) + "\n")
        file.write(json.dumps({"id": "c001-l01-d02", "decision": "acept"}) + "\n")
    with pytest.raises(InputError) as caught:
        take_in(session, path)
    lines = str(caught.value).splitlines()
    parts = [
        "unknown id 'c001-l01-d09'",
        "the text was changed",
        "did you mean 'billing'?",
        "not a line of JSON",
        "no decision is given",
        "did you mean 'accept'?",
    ]
    assert len(lines) == len(parts)
    for number, (line, part) in enumerate(zip(lines, parts, strict=True), start=1):
        assert line.startswith(f"{path}:{number}: ")
        assert part in line
    assert decided(session) == {}


@pytest.mark.parametrize("name", ["review.jsonl", "review.json"])
@pytest.mark.parametrize(
    ("text", "told"),
    [("[" * 100_000, "nested too deeply"), ('{"text": "a\tb"}', "at column 12: a text holds a tab; write \\t")],
    ids=["nested", "a tab"],
)
def test_broken_json_is_told_in_one_line(
    session: ReviewSession, tmp_path: Path, name: str, text: str, told: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        take_in(session, path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_formula_is_text_in_a_spreadsheet(session: ReviewSession, tmp_path: Path) -> None:
    path = export(session, tmp_path / "review.csv")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert rows[1][1] == "'=SUM(A1) was charged twice"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


@pytest.mark.parametrize("cell", ["=1", "'=1", "''=1", "'quoted'", "-3", "@x", "\t=1", "plain", "", "'", " =1", "' =1"])
def test_the_shield_comes_off_again(cell: str) -> None:
    assert unshield(shield(cell)) == cell


def test_a_table_with_semicolons_line_ends_and_other_columns_is_read(session: ReviewSession, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export(session, tmp_path / "a.csv").read_text(encoding="utf-8-sig"))))
    out = io.StringIO()
    table = csv.DictWriter(out, ["decision", "mine", "label", "text", "id"], delimiter=";", extrasaction="ignore")
    table.writeheader()
    for row in rows:
        table.writerow({**row, "decision": "Accept ", "mine": "x", "text": row["text"].replace("\n", "\r\n")})
    path = tmp_path / "ben.csv"
    path.write_bytes(out.getvalue().encode("utf-8"))
    take_in(session, path)
    assert {(action, who) for action, _, who in decided(session).values()} == {("accept", "ben")}


def test_a_table_without_a_needed_column_or_with_two_of_a_name_is_refused(
    session: ReviewSession, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text,label,decison\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv:1: no column 'decision' \('decison' is there\)"):
        take_in(session, path)
    path.write_text("id,text,label,decision,decision\n", encoding="utf-8")
    with pytest.raises(InputError, match="two columns are called 'decision'"):
        take_in(session, path)


def test_places_of_label_studio_are_read_as_browsers_count_them(tmp_path: Path) -> None:
    session = wait(tmp_path / "ledger.db", ENTITIES, "ner")
    path = export(session, tmp_path / "tasks.json")
    tasks = json.loads(path.read_text(encoding="utf-8"))
    value = {"start": 17, "end": 23, "text": "robins", "labels": ["species"]}  # the emoji counts twice
    result = [{"from_name": "answer", "to_name": "text", "type": "labels", "value": value}]
    tasks[0]["annotations"] = [{"completed_by": 7, "created_at": "2026-01-01T00:00:00Z", "result": result}]
    tasks[1]["annotations"] = [{"completed_by": {"email": "b@x"}, "was_cancelled": True, "result": []}]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    take_in(session, path)
    assert decided(session) == {
        "c001-l01-d01": ("correct", [{"start": 16, "end": 22, "label": "species"}], "annotator 7"),
        "c001-l01-d02": ("skip", None, "b@x"),
    }
    value["text"] = "robin"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(InputError, match=r"task 1: entity 'robin' is not what stands at 17 to 23"):
        take_in(session, path)


def test_files_of_two_people_merge(session: ReviewSession, tmp_path: Path) -> None:
    ana, ben = export(session, tmp_path / "ana.jsonl"), export(session, tmp_path / "ben.jsonl")
    fill_in(ana, {1: {"decision": "accept"}, 2: {"decision": "skip"}})
    fill_in(ben, {1: {"decision": "accept"}, 2: {"decision": "refuse"}, 3: {"decision": "correct", "label": "login"}})
    merged = take_in(session, ana, ben)
    assert (len(merged.decisions), merged.agreed) == (3, 1)
    assert decided(session) == {
        "c001-l01-d01": ("accept", "billing", "ben"),
        "c001-l01-d02": ("refuse", None, "ben"),
        "c001-l01-d03": ("correct", "login", "ben"),
    }
    assert take_in(session, ben).decisions == ()  # read again, it changes nothing


@pytest.mark.parametrize(
    ("prefer", "winner"),
    [("first", ("accept", "billing", "ana")), ("last", ("refuse", None, "ben")), ("ben", ("refuse", None, "ben"))],
)
def test_a_conflict_is_listed_and_settled_by_a_preference(
    session: ReviewSession, tmp_path: Path, prefer: str, winner: tuple[str, Any, str]
) -> None:
    ana, ben = export(session, tmp_path / "ana.jsonl"), export(session, tmp_path / "ben.jsonl")
    fill_in(ana, {1: {"decision": "accept"}})
    fill_in(ben, {1: {"decision": "refuse"}})
    for other in (None, "carla"):
        with pytest.raises(InputError) as caught:
            take_in(session, ana, ben, prefer=other)
        assert "c001-l01-d01: accept billing (ana, ana.jsonl:1) / refuse (ben, ben.jsonl:1)" in str(caught.value)
        assert decided(session) == {}
    assert take_in(session, ana, ben, prefer=prefer).settled == 1
    assert decided(session) == {"c001-l01-d01": winner}


def test_a_file_that_contradicts_the_run_is_a_conflict_unless_it_is_the_same_person(
    session: ReviewSession, tmp_path: Path
) -> None:
    session.decide(NewDecision("c001-l01-d01", "accept"))
    path = fill_in(export(session, tmp_path / "ben.jsonl"), {1: {"decision": "refuse", "reviewer": ""}})
    with pytest.raises(InputError, match=r"accept billing \(ana, in the run\) / refuse \(ben, ben.jsonl:1\)"):
        take_in(session, path)
    take_in(session, path, reviewer="ana")
    assert decided(session) == {"c001-l01-d01": ("refuse", None, "ana")}
