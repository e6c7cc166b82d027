"""Planted wrong labels are the first suspects; nothing is said where nothing can be known."""

from pathlib import Path

import pytest

from evokd.student.protocol import DoubtJob, DoubtReport, TrainExample
from evokd.student.student_settings import StudentSettings
from evokd.student.training import label_doubts
from evokd.student.training.label_doubts import LEAST_ROWS, doubt_labels
from tests.student.conftest import LABELS, WORDS, write_texts

OTHER = dict(zip(LABELS, reversed(LABELS), strict=True))


@pytest.fixture
def settings(tiny_student: Path, monkeypatch: pytest.MonkeyPatch) -> StudentSettings:
    monkeypatch.setattr(label_doubts, "_L2", 3.0)  # the tiny student has a twelfth of the usual features
    return StudentSettings.model_validate({"base": str(tiny_student), "device": "cpu", "threads": 1})


def doubt(settings: StudentSettings, examples: list[TrainExample], task: str = "classification") -> DoubtReport:
    return doubt_labels(DoubtJob(task=task, labels=LABELS, examples=examples, settings=settings))


def test_wrong_labels_come_first(settings: StudentSettings) -> None:
    rows = write_texts(200, 1)
    planted = {rows[number].id for number in (3, 17, 41)}
    spoilt = [item.model_copy(update={"gold": OTHER[str(item.gold)]}) if item.id in planted else item for item in rows]
    report = doubt(settings, spoilt)
    assert report.judged == 200
    assert {item.id for item in report.doubts[:3]} == planted
    for item in report.doubts:
        assert item.given != item.likelier
        assert 0 <= item.given_probability < item.probability <= 1
        assert (item.start, item.end) == (None, None)
    chances = [item.given_probability for item in report.doubts]
    assert chances == sorted(chances)


def test_the_order_of_the_rows_changes_nothing(settings: StudentSettings) -> None:
    rows = write_texts(40, 2)
    assert {item.id for item in doubt(settings, rows).doubts} == {
        item.id for item in doubt(settings, rows[::-1]).doubts
    }


def test_a_repeated_wrong_row_does_not_vouch_for_itself(settings: StudentSettings) -> None:
    rows = write_texts(200, 3)
    wrong = rows[5].model_copy(update={"gold": OTHER[str(rows[5].gold)]})
    copies = [wrong.model_copy(update={"id": f"copy{number}"}) for number in range(4)]
    report = doubt(settings, [item for item in rows if item.text != wrong.text] + copies)
    assert {item.id for item in report.doubts[:4]} == {item.id for item in copies}


def test_a_label_with_next_to_no_rows_is_not_judged(settings: StudentSettings) -> None:
    animals = [item for item in write_texts(80, 4) if item.gold == "animal"][:30]
    lone = TrainExample(id="lone", text="the motor is here", gold="machine")
    assert "lone" not in {item.id for item in doubt(settings, [*animals, lone]).doubts}


def test_few_rows_say_nothing(settings: StudentSettings) -> None:
    report = doubt(settings, write_texts(LEAST_ROWS - 1, 5))
    assert (report.judged, report.doubts) == (0, [])
    assert "fewer than" in report.unjudged


def test_a_base_that_is_not_here_is_told(settings: StudentSettings) -> None:
    report = doubt(settings.model_copy(update={"base": "no/such-model"}), write_texts(40, 5))
    assert (report.judged, report.doubts) == (0, [])
    assert "'no/such-model' is not on this machine" in report.unjudged


def test_words_of_a_text_are_judged_by_their_type(settings: StudentSettings) -> None:
    rows = []
    for item in write_texts(200, 6):
        words = [word for kind in LABELS for word in WORDS[kind] if f" {word} " in f" {item.text} "]
        starts = [(f" {item.text} ".index(f" {word} "), word) for word in words]
        kinds = {word: kind for kind in LABELS for word in WORDS[kind]}
        gold = [{"start": at, "end": at + len(word), "label": kinds[word]} for at, word in sorted(starts)]
        rows.append(item.model_copy(update={"gold": gold}))
    with_entity = [number for number, item in enumerate(rows) if item.gold]
    number = with_entity[7]
    entity = dict(rows[number].gold[0])  # type: ignore[arg-type]
    wrong = {**entity, "label": OTHER[str(entity["label"])]}
    rows[number] = rows[number].model_copy(update={"gold": [wrong, *rows[number].gold[1:]]})
    (first,) = [item for item in doubt(settings, rows, "ner").doubts[:5] if item.id == rows[number].id]
    assert (first.start, first.end) == (entity["start"], entity["end"])
    assert (first.given, first.likelier) == (wrong["label"], entity["label"])
