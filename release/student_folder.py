"""A trained student, opened to be taken away: its folder, what its record says, its answers. Loads torch when asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.messages import InputError
from evokd.student.base import check_student
from evokd.student.protocol import Prediction, PredictJob
from evokd.student.record import NEEDED, open_record, read_temperature
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.registry import codec, make_network

if TYPE_CHECKING:
    import torch

    from evokd.student.tasks.network import TaskNetwork

WINDOW_OVERLAP = 4
"""Windows of a long text share one `WINDOW_OVERLAP`-th of their sub-words, as in `student.tasks.ner.network`."""


@dataclass(frozen=True)
class StudentFolder:
    """A student folder, and its `evokd.json`."""

    path: Path
    record: dict[str, Any]

    @cached_property
    def codec(self) -> TaskCodec:
        """The student's task."""
        return codec(self.record["task"], self.record["labels"])

    @cached_property
    def network(self) -> "TaskNetwork":
        """The torch side of its task."""
        return make_network(self.codec)

    @property
    def limit(self) -> int:
        """Sub-words read at once."""
        return int(self.record["max_length"])

    @property
    def stride(self) -> int:
        """Sub-words that two windows of a long text share."""
        return self.limit // WINDOW_OVERLAP

    @property
    def temperature(self) -> float:
        """What logits are divided by, so that confidences are frequencies; 1 where nothing was measured."""
        return read_temperature(self.record)

    def load_calibrated(self) -> "torch.nn.Module":
        """Load the model with the temperature divided into its output layer, so that softmax gives confidences.

        Raises:
            StudentError: a file of its weights is damaged or belongs to another model.
        """
        import torch

        from evokd.student.tasks.network import load_trained

        model = load_trained(self.network, self.path)
        with torch.no_grad():
            for parameter in self.network.output_layer(model).parameters():
                parameter.div_(self.temperature)
        return model

    def answer(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer texts exactly: the answers of `evokd predict`, with probabilities that are not calibrated."""
        from evokd.student.predict import predict

        return predict(PredictJob(folder=str(self.path), texts=list(texts)))

    def released_record(self) -> dict[str, Any]:
        """`evokd.json` of a folder whose weights are calibrated: nothing is left to divide by."""
        calibration = self.record.get("calibration")
        if not isinstance(calibration, dict):
            return self.record
        in_weights = {**calibration, "temperature": 1.0, "temperature_in_weights": self.temperature}
        return {**self.record, "calibration": in_weights}


def open_student(path: Path) -> StudentFolder:
    """Open a student folder.

    Raises:
        InputError: it is none, or cannot be exported again.
    """
    record = open_record(path, {**NEEDED, "max_length": int})
    if not any(path.glob("*.safetensors")):
        raise InputError(f"{path}: holds no model.safetensors; give the student of a run, not an ONNX export of it")
    try:
        check_student(str(path.resolve()))
    except InputError as exc:
        raise InputError(str(exc).removeprefix("student.base: ")) from exc
    return StudentFolder(path, record)
