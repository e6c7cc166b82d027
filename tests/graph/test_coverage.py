"""Breadth before weaknesses: no Analyst is asked while the student knows little."""

from pathlib import Path

from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent
from tracing.ledger import Ledger


def ask_roles(domain: Path, *settings: str) -> set[str]:
    options = ["curriculum.quotas.coverage_early=1.0", "curriculum.quotas.coverage_until=0", *settings]
    folder = run_quick(domain, *(part for option in options for part in ("--set", option)))
    ledger = Ledger(folder.ledger)
    roles = {call.role for call in ledger.calls()}
    ledger.close()
    return roles


def test_a_low_score_keeps_the_analyst_out_whatever_the_samples(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    assert ask_roles(toy_domain, "curriculum.quotas.coverage_below=1.0") == {"generator", "labeler"}


def test_a_score_above_the_mark_lets_it_in(toy_domain: Path, word_students: list[WordStudent]) -> None:
    assert "analyst" in ask_roles(toy_domain, "curriculum.quotas.coverage_below=0.05")


def test_without_a_report_the_number_of_samples_decides_alone(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    settings = ("curriculum.quotas.coverage_below=1.0", "curriculum.packet.report=false")
    assert "analyst" in ask_roles(toy_domain, *settings)
