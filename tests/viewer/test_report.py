"""The report file: it holds everything, asks nobody, and no text can leave its place in it."""

import base64
import gzip
import json
import re
import shutil
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE
from evokd.messages import EvokdError
from evokd.viewer.compare import compare_records
from evokd.viewer.pages import SCRIPTS, STATIC, make_frame, make_live_page
from evokd.viewer.record import ProgramFacts, RunPlace, RunRecord
from evokd.viewer.report import make_report, to_columns
from evokd.viewer.resources import read
from tests.viewer.made_runs import make_hostile, make_run


class Elements(HTMLParser):
    """The elements of a page with their attributes, and what the script elements hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    def chunk(self, name: str) -> Any:
        packed = next(text for attributes, text in self.scripts if attributes.get("data-chunk") == name)
        return json.loads(gzip.decompress(base64.b64decode(packed)))


def make_page(*folders: Path) -> str:
    return make_report([RunPlace(folder, lambda: "done") for folder in folders], ProgramFacts())


@pytest.fixture(scope="module")
def example_page() -> str:
    return make_page(SHIPPED_EXAMPLE)


def test_it_asks_no_other_host(example_page: str) -> None:
    for tag, attributes in Elements(example_page).elements:
        assert not {"src", "srcset", "action", "poster"} & set(attributes), (tag, attributes)
        if "href" in attributes:
            assert attributes["href"] in ("#main", "data:,")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', example_page)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert policy[1].count("sha256-") == len(SCRIPTS)


def test_a_run_of_240_samples_takes_less_than_3_mb(example_page: str) -> None:
    assert len(example_page.encode()) < 3_000_000


def test_it_is_the_same_when_it_is_made_again(example_page: str) -> None:
    assert make_page(SHIPPED_EXAMPLE) == example_page


def test_it_holds_what_the_live_pages_answer(example_page: str) -> None:
    page = Elements(example_page)
    with RunRecord(RunPlace(SHIPPED_EXAMPLE, lambda: "done")) as record:
        main = page.chunk("0/main")
        for name in ("overview", "cycles", "weaknesses", "scores", "facets", "settings"):
            assert main[name] == json.loads(json.dumps(read(record, name)))
        assert page.chunk("0/cycle/2") == json.loads(json.dumps(read(record, "cycle/2")))
        samples = read(record, "samples", {"count": "500"})["rows"]
        assert page.chunk("0/samples") == json.loads(json.dumps(to_columns(samples)))
        call = read(record, "call/c002-l02-generator-1")
        packed = page.chunk("0/calls/2")
        turns = [[role, packed["texts"][at]] for role, at in packed["calls"][call["id"]]["request"]["turns"]]
        assert turns == [list(turn) for turn in call["request"]["turns"]]


def test_no_text_of_a_user_or_model_is_outside_a_packed_chunk(tmp_path: Path) -> None:
    plain = Elements(make_page(SHIPPED_EXAMPLE))
    hostile = Elements(make_page(make_hostile(tmp_path / "hostile")))
    kinds = [tag for tag, _ in hostile.elements if tag != "script"]
    assert kinds == [tag for tag, _ in plain.elements if tag != "script"]
    for attributes, text in hostile.scripts:
        if "data-chunk" in attributes:
            assert re.fullmatch(r"[A-Za-z0-9+/=]+", text.strip()), attributes
    run = [text for attributes, text in hostile.scripts if not attributes]
    assert run == [text for attributes, text in plain.scripts if not attributes]


def test_the_name_of_a_run_cannot_leave_its_place() -> None:
    name = "</script><script>alert(1)</script>"
    page = Elements(make_live_page(f"EvoKD: {name}", {"mode": "run", "run": name}))
    assert [attributes.get("src") for attributes, _ in page.scripts if "src" in attributes] == [
        f"/static/{script}" for script in SCRIPTS
    ]
    start = next(text for attributes, text in page.scripts if attributes.get("id") == "start")
    assert json.loads(start)["run"] == name


def test_a_notebook_shows_it_in_a_frame_of_its_own(example_page: str) -> None:
    frame = Elements(make_frame(example_page))
    ((tag, attributes),) = frame.elements
    assert tag == "iframe"
    assert attributes["srcdoc"] == example_page
    assert attributes["sandbox"] == "allow-scripts"


def test_every_script_is_listed_and_none_can_end_its_element() -> None:
    there = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*.js")}
    assert there == set(SCRIPTS)
    for name in SCRIPTS:
        text = (STATIC / name).read_text(encoding="utf-8").lower()
        assert "</script" not in text
        assert "innerhtml" not in text or name.startswith("vendor/")


def test_runs_that_differ_in_a_setting_are_of_two_groups(made_run: Path) -> None:
    places = [RunPlace(made_run), RunPlace(SHIPPED_EXAMPLE)]
    records = [RunRecord(place) for place in places]
    try:
        view = compare_records(records)
    finally:
        for record in records:
            record.ledger.close()
    assert [run["group"] for run in view["runs"]] == [0, 1]
    assert view["settings"]
    for row in view["settings"]:
        assert len(row["values"]) == 2
        assert row["values"][0] != row["values"][1]


def damage_records(folder: Path, body: str, part: str = "%") -> None:
    """Write something else into records of cycles."""
    db = sqlite3.connect(folder / "ledger.db")
    db.execute("UPDATE cycles SET body = ? WHERE part LIKE ?", (body, part))
    db.commit()
    db.close()


def test_a_damaged_record_is_one_line_that_names_the_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "odd")
    damage_records(folder, "[1]")
    with pytest.raises(EvokdError, match="odd: the record is damaged") as found:
        make_report([RunPlace(folder)], ProgramFacts())
    assert "\n" not in str(found.value)


def test_answers_that_cannot_be_read_leave_the_other_pages(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "cut")
    damage_records(folder, "{", "validation:%")
    assert "EvoKD: cut" in make_report([RunPlace(folder)], ProgramFacts())


def test_runs_that_differ_in_what_changes_no_sample_are_repetitions(made_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(made_run, other)
    config = yaml.safe_load((other / "config.yaml").read_text(encoding="utf-8"))
    config["settings"].setdefault("teacher", {})["concurrency"] = 3
    (other / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for facts, groups in (
        (ProgramFacts(), [0, 1]),
        (ProgramFacts(is_compared=lambda key: key != "teacher.concurrency"), [0, 0]),
    ):
        with RunRecord(RunPlace(made_run), facts) as first, RunRecord(RunPlace(other), facts) as second:
            view = compare_records([first, second])
        assert [run["group"] for run in view["runs"]] == groups
        assert "teacher.concurrency" in {row["key"] for row in view["settings"]}
