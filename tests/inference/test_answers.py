import pytest

from evokd.inference.answers import AnswerColumns
from evokd.messages import InputError
from evokd.student.protocol import Prediction

LABELS = ("cat", "dog", "owl")
LABEL = Prediction(answer="cat", confidence=0.6, scores={"cat": 0.6, "dog": 0.1, "owl": 0.3})
ENTITIES = Prediction(
    answer=[{"start": 0, "end": 3, "label": "cat"}, {"start": 8, "end": 11, "label": "owl"}],
    confidence=0.4,
    scores={"cat": 0.9, "dog": 0.0, "owl": 0.4},
    entity_scores=[0.9, 0.4],
)
TEXT = "Tom and Ulf"


def test_a_label_comes_with_the_second_choice() -> None:
    assert AnswerColumns(LABELS).write(TEXT, LABEL) == {
        "label": "cat",
        "second_label": "owl",
        "second_confidence": 0.3,
        "confidence": 0.6,
        "scores": LABEL.scores,
    }


@pytest.mark.parametrize(("reject", "label"), [(0.6, "cat"), (0.61, "unsure")])
def test_a_label_below_the_threshold_is_unsure(reject: float, label: str) -> None:
    columns = AnswerColumns(LABELS, "p_", reject, scores=False)
    written = columns.write(TEXT, LABEL)
    assert (written["p_label"], written["p_likeliest_label"]) == (label, "cat")
    assert sorted(written) == sorted(columns.names(has_labels=True))


def test_entities_have_their_words_and_scores_and_may_be_unsure() -> None:
    both = AnswerColumns(LABELS).write(TEXT, ENTITIES)["entities"]
    assert both == [
        {"start": 0, "end": 3, "label": "cat", "text": "Tom", "score": 0.9},
        {"start": 8, "end": 11, "label": "owl", "text": "Ulf", "score": 0.4},
    ]
    columns = AnswerColumns(LABELS, reject=0.5)
    written = columns.write(TEXT, ENTITIES)
    assert (written["entities"], written["unsure_entities"]) == (both[:1], both[1:])
    assert sorted(written) == sorted(columns.names(has_labels=False))


def test_a_single_label_has_no_second() -> None:
    only = Prediction(answer="cat", confidence=1.0, scores={"cat": 1.0})
    assert AnswerColumns(("cat",)).write(TEXT, only)["second_label"] is None


@pytest.mark.parametrize("reject", [-0.1, 1.5, float("nan")])
def test_a_threshold_that_is_no_confidence_is_refused(reject: float) -> None:
    with pytest.raises(InputError, match="a confidence is a number from 0 to 1"):
        AnswerColumns(LABELS, reject=reject)


def test_a_label_called_unsure_could_not_be_told_apart() -> None:
    with pytest.raises(InputError, match="a label 'unsure' of its own"):
        AnswerColumns(("unsure", "cat"), reject=0.5)


def test_a_set_is_a_list_and_in_tables_a_cell() -> None:
    both = Prediction(answer=["cat", "owl"], confidence=0.6, scores={})
    none = Prediction(answer=[], confidence=0.6, scores={})
    lists = AnswerColumns(LABELS, is_set=True)
    assert [lists.write(TEXT, found)["label"] for found in (both, none)] == [["cat", "owl"], []]
    cells = AnswerColumns(LABELS, is_set=True, in_cells=True)
    assert [cells.write(TEXT, found)["label"] for found in (both, none)] == ["cat;owl", "(none)"]
    unsure = AnswerColumns(LABELS, reject=0.7, is_set=True).write(TEXT, none)
    assert (unsure["label"], unsure["likeliest_label"]) == (["unsure"], [])
