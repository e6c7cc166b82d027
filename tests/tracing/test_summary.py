from pathlib import Path
from typing import Any

import pytest

from evokd.cli.views.run_sentences import describe_costs, describe_gains
from evokd.messages import EvokdError
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import RunFacts, build_summary, read_summary, write_summary
from tests.tracing.rows import SUMMARY, call, fill

FACTS = RunFacts(
    run_id="r1",
    domain="toy",
    task="classification",
    preset="evokd",
    teacher="big",
    rehearsal=False,
    student="embedded",
    seed=3,
    metric="macro_f1",
    gate_metric="accuracy",
    champion="c001",
    refit=0,
    stop_reason="cycles",
    last_cycle=1,
    seconds=3.0004,
    publish_seconds=0.25,
)
NO_USAGE = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": None}
USAGE = {"calls": 1, "input_tokens": 100, "output_tokens": 10, "cost_usd": pytest.approx(0.01)}
ROLES = {"analyst": USAGE, "generator": USAGE, "labeler": USAGE}
START = {"validation": {"macro_f1": 0.4}, "test": None}
FINAL = {"validation": {"macro_f1": 0.6}, "test": None}


def test_the_figures_are_those_of_the_ledger(ledger: Ledger) -> None:
    fill(ledger)
    ledger.record_call(call("c001-l02-generator-1", status="error", cost_usd=None))
    summary = build_summary(ledger, FACTS, START, FINAL)
    facts = {
        name: value for name, value in vars(FACTS).items() if name not in ("last_cycle", "seconds", "publish_seconds")
    }
    assert {name: summary[name] for name in facts} == facts
    assert (summary["start"], summary["final"]) == (START, FINAL)
    assert summary["cycles"] == [
        {
            "cycle": 0,
            "accepted": 0,
            "rejected": {},
            "calls": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_usd": None,
            "roles": dict.fromkeys(("analyst", "generator", "labeler"), NO_USAGE),
            "gain": None,
            "gain_per_1k_tokens": None,
            "seconds": {"train": 1.0},
            "gate": {"before": None, "after": 0.4, "promoted": True},
        },
        {
            "cycle": 1,
            "accepted": 1,
            "rejected": {"duplicate": 1, "rolled_back": 1},
            "calls": 3,
            "input_tokens": 300,
            "output_tokens": 30,
            "cost_usd": pytest.approx(0.03),
            "roles": ROLES,
            "gain": pytest.approx(0.2),
            "gain_per_1k_tokens": pytest.approx(0.2 / 330 * 1000, abs=1e-6),
            "seconds": {"analyze": 0.5, "train": 2.25, "publish": 0.25},
            "gate": {"before": 0.4, "after": 0.6, "promoted": True},
        },
    ]
    assert summary["totals"] == {
        "samples": 1,
        "calls": 3,
        "input_tokens": 300,
        "output_tokens": 30,
        "tokens_estimated": False,
        "cost_usd": pytest.approx(0.03),
        "roles": ROLES,
        "seconds": 3.0,
        "node_seconds": {"train": 3.25, "analyze": 0.5, "publish": 0.25},
    }


def test_one_call_without_a_price_makes_the_cost_of_its_cycle_and_of_the_run_unknown(ledger: Ledger) -> None:
    fill(ledger)
    ledger.record_call(call("c001-analyst-2", cost_usd=None, estimated=True))
    summary = build_summary(ledger, FACTS, START, FINAL)
    assert summary["cycles"][1]["cost_usd"] is summary["totals"]["cost_usd"] is None
    assert summary["totals"]["tokens_estimated"] is True


def test_an_empty_ledger_has_a_summary(ledger: Ledger) -> None:
    summary = build_summary(ledger, FACTS, {}, {})
    assert [cycle["gate"]["after"] for cycle in summary["cycles"]] == [None, None]
    assert summary["totals"]["samples"] == 0
    assert summary["totals"]["node_seconds"] == {"publish": FACTS.publish_seconds}


def test_a_summary_is_written_whole_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    assert read_summary(path) is None
    for name in ("alt", "neu \u2028 é"):
        write_summary(path, {**SUMMARY, "run_id": name, "later_key": None})
    assert read_summary(path) == {**SUMMARY, "run_id": "neu \u2028 é", "later_key": None}
    assert [entry.name for entry in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, SUMMARY)
    with pytest.raises(TypeError):
        write_summary(path, {"run_id": path})
    assert read_summary(path) == SUMMARY


ODD_SUMMARIES = {
    "a number as text": ({"seed": "3"}, "seed: Input should be a valid integer"),
    "no object": ({"totals": []}, "totals: Input should be"),
    "a key missing": ({"totals": {"samples": 1}}, "totals.calls: Field required"),
    "a score as text": ({"start": {"validation": {"macro_f1": "high"}, "test": None}}, "start.validation.macro_f1: "),
    "no such score": ({"final": {"validation": {"accuracy": 0.5}, "test": None}}, "final.validation: no 'macro_f1'"),
    "cycles that are none": ({"cycles": [{"cycle": 1}]}, "cycles.0.accepted: Field required"),
}


@pytest.mark.parametrize(("change", "told"), ODD_SUMMARIES.values(), ids=ODD_SUMMARIES)
def test_a_summary_of_wrong_types_is_damaged(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, {**SUMMARY, **change})
    with pytest.raises(EvokdError) as caught:
        read_summary(path)
    assert str(caught.value).startswith(f"{path}: damaged ({told}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ([None, None], "no validation or test data to score on"),
        (
            [None, 0.5, 0.625],
            "no validation or test data to score on; last accuracy on generated samples set aside: 0.625",
        ),
    ],
    ids=["no gate", "gate"],
)
def test_a_run_without_data_to_score_on_says_so(gates: list[float | None], told: str) -> None:
    nothing = {"validation": None, "test": None}
    cycles = [{"gate": {"before": None, "after": score, "promoted": True}} for score in gates]
    summary = {"metric": "macro_f1", "gate_metric": "accuracy", "start": nothing, "final": nothing, "cycles": cycles}
    assert describe_gains(summary) == [told]


def test_the_seconds_told_are_those_of_the_wall_and_old_summaries_say_that_theirs_are_not(ledger: Ledger) -> None:
    fill(ledger)
    summary = build_summary(ledger, FACTS, START, FINAL)
    assert describe_costs(summary).endswith(", 3 s")
    del summary["totals"]["node_seconds"]
    assert describe_costs(summary).endswith(", 3 s of work, parts of it at the same time")


def test_one_call_by_batch_is_told_in_the_singular(ledger: Ledger) -> None:
    fill(ledger)
    summary = build_summary(ledger, FACTS, START, FINAL)
    summary["totals"]["batch"] = {"calls": 1, "cost_usd": None, "saved_usd": None}
    assert describe_costs(summary).endswith(", 3 s; 1 call by batch")
