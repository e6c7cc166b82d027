"""Runs that were made with different things are never one loop: each in a row of its own, named by what differs."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import evokd.prompts.base
from evokd.experiments.comparison import compare_runs
from evokd.experiments.run_setup import RunSetup, list_scored_files, read_setup
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.tracing.events import EventLog
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import give_student, run_quick
from tests.graph.toy import WordStudent, add_pool, write_yaml


@pytest.fixture(autouse=True)
def _student(monkeypatch: pytest.MonkeyPatch) -> None:
    give_student(monkeypatch, WordStudent)


def rows_of(*folders: RunFolder) -> tuple[list[Mapping[str, Any]], str]:
    """The rows of a comparison that has one table, and its text."""
    comparison = compare_runs(folders)
    (table,) = comparison.record["tables"]
    return table["runs"], comparison.text


def set_prompt(domain: Path, body: str) -> None:
    """Give a domain a Generator's prompt of its own, with this text at its end."""
    shipped = Path(next(iter(evokd.prompts.base.__path__)), "classification", "generator.md")
    (domain / "own").mkdir(exist_ok=True)
    text = shipped.read_text(encoding="utf-8") + body
    (domain / "own" / "generator.md").write_text(text, encoding="utf-8")
    tree = yaml.safe_load((domain / "domain.yaml").read_text(encoding="utf-8"))
    write_yaml(domain / "domain.yaml", {**tree, "prompts": "own"})


def test_runs_that_differ_in_a_setting_are_not_averaged(toy_domain: Path) -> None:
    tones = {"low": "0", "high": "9"}
    folders = [
        run_quick(toy_domain, "--set", f"curriculum.style_examples={tone}", "--seed", str(seed), run_id=f"{name}{seed}")
        for seed in (1, 2)
        for name, tone in tones.items()
    ]
    rows, text = rows_of(*folders)
    assert [row["loop"] for row in rows] == ["evokd (a)", "evokd (b)"] * 2
    assert rows[0]["differs"] == {"curriculum.style_examples": "0"}
    assert rows[1]["differs"] == {"curriculum.style_examples": "9"}
    assert "| evokd (a): curriculum.style_examples 0 | 2 |" in text
    assert "| evokd (b): curriculum.style_examples 9 | 2 |" in text


def test_another_pool_is_another_row_of_the_same_table(toy_domain: Path) -> None:
    add_pool(toy_domain)
    folders = [run_quick(toy_domain, "--seed", str(seed), run_id=f"long{seed}") for seed in (1, 2)]
    add_pool(toy_domain, count=30)
    folders += [run_quick(toy_domain, "--seed", str(seed), run_id=f"short{seed}") for seed in (1, 2)]
    rows, text = rows_of(*folders)
    assert [row["loop"] for row in rows] == ["evokd (a)", "evokd (a)", "evokd (b)", "evokd (b)"]
    assert list(rows[0]["differs"]) == ["data pool.jsonl"]
    assert "- data pool.jsonl: " in text


def test_a_domain_s_own_prompt_is_no_other_data_and_is_shown_line_by_line(toy_domain: Path) -> None:
    folders = [run_quick(toy_domain, "--seed", str(seed), run_id=f"base{seed}") for seed in (1, 2)]
    set_prompt(toy_domain, "\nWrite like a pirate.\n")
    folders += [run_quick(toy_domain, "--seed", str(seed), run_id=f"own{seed}") for seed in (1, 2)]
    for folder, body in zip(folders, ["one\ntwo", "one\ntwo", HOSTILE_BODY, HOSTILE_BODY], strict=True):
        store_body(folder, body)
    comparison = compare_runs(folders)
    (table,) = comparison.record["tables"]
    assert [row["loop"] for row in table["runs"]] == ["evokd (a)", "evokd (a)", "evokd (b)", "evokd (b)"]
    assert list(table["runs"][0]["differs"]) == ["data domain.yaml", "prompt generator"]
    (prompt,) = table["prompts"]
    assert (prompt["role"], prompt["loops"]) == ("generator", ["evokd (a)", "evokd (b)"])
    assert prompt["diff"][-3:] == ["-two", "+```", "+~~~~\ufffd[2J"]
    assert "\n~~~~~~~diff\n" in comparison.text
    assert "Prompt generator: " in comparison.text


HOSTILE_BODY = "one\n```\n~~~~\x1b[2J"


def store_body(folder: RunFolder, body: str) -> None:
    """Store a text as the template of the Generator's prompt."""
    ledger = Ledger(folder.ledger)
    ledger.remember("prompts", {"sets": [{"hash": "h", "from_cycle": 0, "roles": {"generator": {"body": body}}}]})
    ledger.close()


def test_prompts_without_stored_texts_differ_by_their_hashes(toy_domain: Path) -> None:
    folders = [run_quick(toy_domain, run_id="base")]
    set_prompt(toy_domain, "\nWrite like a pirate.\n")
    folders.append(run_quick(toy_domain, run_id="own"))
    for folder in folders:
        forget_prompts(folder)
    rows, text = rows_of(*folders)
    assert [row["loop"] for row in rows] == ["evokd (a)", "evokd (b)"]
    assert "Its text is not stored in one of the runs; the hashes differ." in text


def forget_prompts(folder: RunFolder) -> None:
    """Take the texts of the prompts out of a record, as in runs of earlier versions."""
    ledger = Ledger(folder.ledger)
    ledger.remember("prompts", {"sets": []})
    ledger.close()


def test_a_run_whose_prompts_changed_on_the_way_is_a_loop_of_its_own(toy_domain: Path) -> None:
    folders = [run_quick(toy_domain, "--seed", str(seed), run_id=f"run{seed}") for seed in (1, 2)]
    ledger = Ledger(folders[1].ledger)
    ledger.record_call(ledger.calls()[0].model_copy(update={"id": "c001-odd-1", "prompts": "feedbeef"}))
    ledger.close()
    rows, _ = rows_of(*folders)
    assert [row["loop"] for row in rows] == ["evokd (a)", "evokd (b)"]
    assert "feedbeef" in rows[1]["differs"]["prompt sets"]


def test_a_setting_that_was_forced_on_the_way_makes_a_loop_of_its_own(toy_domain: Path) -> None:
    folders = [run_quick(toy_domain, "--seed", str(seed), run_id=f"run{seed}") for seed in (1, 2, 3)]
    change = {"kind": "settings", "key": "curation.leak", "lines": ["curation.leak: 0.7 -> 0.8"]}
    for folder, free in zip(folders, (False, True, True), strict=True):
        log = EventLog(folder.events, folder.run_id)
        log("changed", changes=[{**change, "free": free}])
        log.close()
    rows, text = rows_of(*folders)
    assert [row["loop"] for row in rows] == ["evokd (a)", "evokd (b)", "evokd (b)"]
    assert rows[0]["differs"] == {"forced on the way": "curation.leak: 0.7 -> 0.8"}
    assert "evokd (a): forced on the way curation.leak: 0.7 -> 0.8" in text


def test_a_run_without_its_ledger_is_compared_by_its_hashes(toy_domain: Path, tmp_path: Path) -> None:
    folder = run_quick(toy_domain)
    whole = read_setup(folder, read_config(folder))
    bare = RunFolder(tmp_path / "bare")
    shutil.copytree(folder.path, bare.path, ignore=shutil.ignore_patterns("ledger.db*"))
    assert read_setup(bare, read_config(bare)).digest == whole.digest
    assert whole.digest != RunSetup().digest


CONFIGS = {
    "now": ({"seeds": "a.csv", "pool": "b.txt"}, ["a.csv"]),
    "earlier": (None, ["a.csv"]),
}


@pytest.mark.parametrize(("files", "scored"), CONFIGS.values(), ids=CONFIGS.keys())
def test_pool_corpus_and_domain_file_are_not_scored(files: Any, scored: list[str]) -> None:
    names = ["domain.yaml", "a.csv", "b.txt" if files else "pool.txt", "corpus.jsonl", "profile.yaml"]
    data = dict.fromkeys([*names, "rehearsal.recording/written.jsonl"], "0")
    config = {"data": data, **({"files": files} if files else {})}
    assert list_scored_files(config) == scored
