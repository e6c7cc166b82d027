"""The example run that is shipped: a whole record of a run with a language model, and nothing of where it was made."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from evokd.cli import main
from evokd.graph.setup.domain import find_domain, load_domain
from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import answers_of
from evokd.tracing.view_rows import MAP, rows_of

LIMIT = 3_000_000
FILES = {"config.yaml", "events.jsonl", "summary.json", "ledger.db", "profile.yaml", "dataset/train.jsonl"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Its ledger, as a copy: opening one writes beside it."""
    opened = Ledger(Path(shutil.copy(SHIPPED_EXAMPLE / "ledger.db", tmp_path)))
    yield opened
    opened.close()


def test_it_is_small_and_holds_no_weights_and_no_checkpoints() -> None:
    files = [path for path in SHIPPED_EXAMPLE.rglob("*") if path.is_file()]
    assert {path.relative_to(SHIPPED_EXAMPLE).as_posix() for path in files} == FILES
    assert sum(path.stat().st_size for path in files) < LIMIT


@pytest.mark.parametrize("name", sorted(FILES))
def test_it_says_nothing_of_the_machine_that_it_was_made_on(name: str) -> None:
    text = (SHIPPED_EXAMPLE / name).read_bytes().decode("utf-8", errors="replace")
    for address in re.findall(r"https?://[^\s\"'/\\]+", text):
        assert address == "https://api.example.com"
    assert not re.search(r"/(tmp|home|root|work|Users|var)/", text)


def test_its_figures_agree_with_its_record(ledger: Ledger) -> None:
    summary = json.loads((SHIPPED_EXAMPLE / "summary.json").read_text(encoding="utf-8"))
    record = yaml.safe_load((SHIPPED_EXAMPLE / "config.yaml").read_text(encoding="utf-8"))
    rows = (SHIPPED_EXAMPLE / "dataset" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    samples = ledger.samples(state="accepted")
    usage = ledger.usage()
    assert summary["rehearsal"] is False
    assert record["domain_folder"] == "domains/support_tickets"
    assert record["preset"] == summary["preset"] == "evokd"
    assert len(rows) == len(samples) == sum(cycle["accepted"] for cycle in summary["cycles"])
    tokens = sum(cycle["input_tokens"] + cycle["output_tokens"] for cycle in summary["cycles"])
    assert tokens == usage["input_tokens"] + usage["output_tokens"] > 0
    assert summary["final"]["test"]["macro_f1"] > summary["start"]["test"]["macro_f1"]


def test_it_was_made_on_the_domain_as_it_is_shipped(ledger: Ledger) -> None:
    domain = load_domain(find_domain("support_tickets"))
    real = [sample.text for sample in ledger.samples() if sample.kind == "real"]
    assert domain.pool_file is not None
    pool = {json.loads(line)["text"] for line in domain.pool_file.read_text(encoding="utf-8").splitlines()}
    assert set(real) <= pool


@pytest.mark.parametrize(
    ("split", "when", "version"),
    [
        ("validation", "start", "c000"),
        ("validation", "final", "c003"),
        ("test", "start", "c000"),
        ("test", "final", "refit"),
    ],
)
def test_its_scores_follow_from_the_rows_and_answers_that_it_holds(
    split: str, when: str, version: str, ledger: Ledger
) -> None:
    summary = json.loads((SHIPPED_EXAMPLE / "summary.json").read_text(encoding="utf-8"))
    rows, answers = ledger.cycle_record(0, rows_of(split)), ledger.cycle_record(0, answers_of(split, version))
    assert rows is not None
    assert answers is not None
    codec = load_domain(find_domain("support_tickets")).codec
    scores = codec.evaluate([row["gold"] for row in rows["rows"]], [answer for answer, _ in answers["answers"]])
    assert {name: round(value, 4) for name, value in scores.metrics.items()} == summary[when][split]


def test_its_calls_lead_to_the_prompts_and_its_texts_to_the_map(ledger: Ledger) -> None:
    (prompts,) = ledger.prompt_sets()
    assert {call.prompts for call in ledger.calls()} == {prompts["hash"]}
    assert all(prompt["body"] for prompt in prompts["roles"].values())
    for cycle in range(1, ledger.last_cycle() + 1):
        places = ledger.cycle_record(cycle, MAP)
        assert places is not None
        assert places["ids"] == [sample.id for sample in ledger.samples(cycle=cycle)]


@pytest.mark.parametrize("options", [[], ["--cycle", "2"], ["--weakness", "c002-w1"], ["--sample", "c001-l01-d01"]])
def test_it_is_shown_without_being_changed(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: (SHIPPED_EXAMPLE / name).read_bytes() for name in FILES}
    assert main.run_cli(["show", "example", *options]) == 0
    assert len(capsys.readouterr().out) > 400
    assert {name: (SHIPPED_EXAMPLE / name).read_bytes() for name in FILES} == before
    assert {path.relative_to(SHIPPED_EXAMPLE).as_posix() for path in SHIPPED_EXAMPLE.rglob("*.*")} == FILES
