"""When the Analyst is asked: feedback costs tokens, and tells nothing while the student answers by chance."""

from pathlib import Path

import pytest

from evokd.tracing.ledger import Ledger
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent


def cycles_with_analyst(domain: Path, *settings: str, cycles: int = 2, run_id: str = "one") -> list[int]:
    options = [part for setting in settings for part in ("--set", setting)]
    folder = run_quick(domain, *options, "--cycles", str(cycles), run_id=run_id)
    ledger = Ledger(folder.ledger)
    asked = sorted({call.cycle for call in ledger.calls() if call.role == "analyst" and call.cycle is not None})
    ledger.close()
    return asked


def test_a_student_that_answers_by_chance_has_no_weaknesses(toy_domain: Path, word_students: list[WordStudent]) -> None:
    assert cycles_with_analyst(toy_domain, "curriculum.analyst.above_chance=1.0") == []


def test_a_student_that_has_learned_something_has_some(toy_domain: Path, word_students: list[WordStudent]) -> None:
    assert cycles_with_analyst(toy_domain, "curriculum.analyst.above_chance=0.05", "seed=1") == [2]


def test_without_a_report_nobody_knows_better(toy_domain: Path, word_students: list[WordStudent]) -> None:
    settings = ("curriculum.analyst.above_chance=1.0", "curriculum.packet.report=false")
    assert cycles_with_analyst(toy_domain, *settings) == [1, 2]


@pytest.mark.parametrize(("first", "every", "asked"), [(1, 1, [1, 2, 3, 4]), (2, 2, [2, 4]), (3, 1, [3, 4])])
def test_its_turns_come_as_the_settings_say(
    first: int, every: int, asked: list[int], toy_domain: Path, word_students: list[WordStudent]
) -> None:
    settings = (f"curriculum.analyst.first={first}", f"curriculum.analyst.every={every}")
    assert cycles_with_analyst(toy_domain, *settings, "gate.rule=off", cycles=4) == asked


def test_errors_on_its_own_written_texts_are_no_reason_to_ask(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    settings = ("curriculum.analyst.real=true", "curriculum.packet.source=exam")
    assert cycles_with_analyst(toy_domain, *settings) == []
    validation = ("curriculum.analyst.real=true", "curriculum.packet.source=validation")
    assert cycles_with_analyst(toy_domain, *validation, run_id="two") == [1, 2]


def test_no_request_is_made_where_no_text_could_be_about_the_answer(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    assert cycles_with_analyst(toy_domain, "curriculum.quotas.weaknesses=0.0") == []
    few = cycles_with_analyst(toy_domain, "curriculum.quotas.least=24", run_id="two")
    assert few == [], "three of twelve texts are too few"
