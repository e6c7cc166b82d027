from pathlib import Path

import numpy as np
import pytest
import torch

from evokd.student import calibration
from evokd.student.calibration import LEAST_ROWS, calibrate
from evokd.student.protocol import CalibrateJob, TrainExample
from evokd.student.tasks.network import TextPiece
from tests.student.conftest import LABELS

DRAWN = 4_000


class DrawnLogits:
    """Stands for a student whose logits are known, and true once they are divided by a temperature."""

    def __init__(self, temperature: float) -> None:
        rng = np.random.default_rng(0)
        true = rng.normal(0, 2, (DRAWN, 2))
        shares = np.exp(true) / np.exp(true).sum(1, keepdims=True)
        self.gold = [LABELS[int(value)] for value in rng.random(DRAWN) > shares[:, 0]]
        self.rows = torch.tensor(true * temperature)

    def compute(self, texts: list[str]) -> tuple[list[TextPiece], list[torch.Tensor]]:
        return [TextPiece(i, {"input_ids": [1]}) for i in range(len(texts))], list(self.rows)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_known_logits_is_found(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = DrawnLogits(temperature)
    monkeypatch.setattr(calibration, "open_engine", lambda *_: drawn)
    examples = [TrainExample(id=str(i), text=str(i), gold=gold) for i, gold in enumerate(drawn.gold)]
    found = calibrate(CalibrateJob(folder="x", task="classification", labels=LABELS, examples=examples))
    assert found is not None
    assert found.temperature == pytest.approx(temperature, rel=0.08)
    assert found.rows == DRAWN
    assert found.loss_after <= found.loss_before


def test_few_rows_say_nothing(tmp_path: Path) -> None:
    few = [TrainExample(id=str(i), text="cat", gold=LABELS[0]) for i in range(LEAST_ROWS - 1)]
    assert calibrate(CalibrateJob(folder=str(tmp_path), task="classification", labels=LABELS, examples=few)) is None


def test_entities_are_calibrated_by_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words, the second of them masked: only the first one counts."""

    class Engine:
        def compute(self, texts: list[str]) -> tuple[list[TextPiece], list[torch.Tensor]]:
            pieces = [TextPiece(i, {"input_ids": [1, 2]}, ((0, 0, 0), (1, 1, 1))) for i in range(len(texts))]
            right_two_times_in_three = [[0.0, 4.0, 0.0] if i % 3 else [4.0, 0.0, 0.0] for i in range(len(texts))]
            return pieces, [torch.tensor([row, [0.0, 0.0, 99.0]]) for row in right_two_times_in_three]

    monkeypatch.setattr(calibration, "open_engine", lambda *_: Engine())
    gold = [{"start": 0, "end": 2, "label": "site"}]
    examples = [TrainExample(id=str(i), text="Ry is", gold=gold, masked=[(3, 5)]) for i in range(30)]
    found = calibrate(CalibrateJob(folder="x", task="ner", labels=["site"], examples=examples))
    assert found is not None
    assert found.temperature > 2.5  # sure to 96 %, right to 67 %
