"""The effect of groups of samples on the loss of held texts has the right sign and size."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evokd.student.protocol import Appraisal, AppraiseJob, TrainExample
from evokd.student.student_settings import StudentSettings
from evokd.student.training.group_effects import appraise
from tests.student.conftest import LABELS, write_texts

OTHER = dict(zip(LABELS, reversed(LABELS), strict=True))


def rename(examples: Sequence[TrainExample], prefix: str, flip: bool = False) -> list[TrainExample]:
    return [
        item.model_copy(update={"id": f"{prefix}{item.id}", "gold": OTHER[str(item.gold)] if flip else item.gold})
        for item in examples
    ]


@pytest.fixture
def look(tiny_student: Path) -> "Look":
    return Look(tiny_student)


class Look:
    """Appraises groups by name; "held" is judged on."""

    def __init__(self, base: Path) -> None:
        self._settings = StudentSettings.model_validate({"base": str(base), "device": "cpu", "threads": 1})

    def __call__(self, **groups: list[TrainExample]) -> Appraisal:
        named = [(name, item) for name, items in groups.items() for item in items]
        return appraise(
            AppraiseJob(
                task="classification",
                labels=LABELS,
                examples=[item for _, item in named],
                groups=[name for name, _ in named],
                held=[item.id for item in groups["held"]],
                settings=self._settings,
            )
        )


def test_right_samples_lower_the_loss_and_wrong_ones_raise_it(look: Look) -> None:
    found = look(
        held=rename(write_texts(40, 1), "h"),
        right=rename(write_texts(24, 2), "r"),
        wrong=rename(write_texts(24, 3), "w", flip=True),
    )
    effects = {effect.group: effect for effect in found.effects}
    assert set(effects) == {"held", "right", "wrong"}
    assert effects["right"].mean > 2 * effects["right"].error
    assert effects["wrong"].mean < -2 * effects["wrong"].error
    assert {name: effect.samples for name, effect in effects.items()} == {"held": 40, "right": 24, "wrong": 24}
    assert found.loss is not None
    assert 0 < found.loss < 2


def test_a_text_is_never_judged_by_a_layer_that_has_learned_it(look: Look) -> None:
    held = rename(write_texts(16, 1), "h", flip=True)
    alone = look(held=held, rest=rename(write_texts(24, 2), "r"))
    assert alone.loss is not None
    assert alone.loss > 0.69, "wrong labels cannot be foreseen from the others"


def test_the_same_job_gives_the_same_answer(look: Look) -> None:
    groups = {"held": rename(write_texts(12, 1), "h"), "more": rename(write_texts(12, 2), "m")}
    assert look(**groups) == look(**groups)


def test_without_a_base_on_this_machine_nothing_can_be_said(look: Look) -> None:
    look._settings = look._settings.model_copy(update={"base": "nobody/no-such-model"})
    assert look(held=rename(write_texts(4, 1), "h")) == Appraisal(loss=None, effects=[])
