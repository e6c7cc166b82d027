"""The student in this very process, for whoever trains many of them: torch is loaded once, caches live on.

A crash here ends the process, so it is for processes that may end: workers of an experiment. One call at a time; the
event loop waits for it.
"""

from collections.abc import Sequence
from pathlib import Path

from evokd.student.protocol import (
    Appraisal,
    AppraiseJob,
    CalibrateJob,
    Calibration,
    Compute,
    EmbedFileJob,
    EmbedJob,
    Prediction,
    PredictJob,
    TrainJob,
    TrainResult,
    VectorKind,
)
from evokd.student.student_settings import Device


class LocalStudent:
    """Trains students and predicts with them in this process; see `student.process.serving`."""

    def __init__(self, *, device: Device = "auto", threads: int | None = None) -> None:
        """Prepare; nothing is loaded.

        Args:
            device: where to predict; a training has its own in its settings.
            threads: CPU threads of predictions; None means all that the process may use.
        """
        self._compute = Compute(device=device, threads=threads)

    async def warm_up(self) -> None:
        """Do nothing: `serving.load_torch` has loaded all."""

    async def train(self, job: TrainJob) -> TrainResult:
        """Train a student.

        Raises:
            InputError: the base or device asked for is not there.
            StudentError: the training failed.
        """
        from evokd.student.training.train import train

        return train(job)

    async def predict(self, folder: Path, texts: Sequence[str]) -> list[Prediction]:
        """Answer texts, in their order.

        Raises:
            StudentError: the folder is no student, or memory runs short.
        """
        from evokd.student.predict import predict

        if not texts:
            return []
        return predict(PredictJob(folder=str(folder), texts=list(texts), compute=self._compute))

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts with the encoder of a base.

        Raises:
            InputError: the base is no model.
            StudentError: memory runs short.
        """
        from evokd.student.embedding import embed

        return embed(EmbedJob(base=base, texts=list(texts), compute=self._compute)) if texts else []

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        """Embed texts into a .npy file.

        Raises:
            StudentError: memory runs short.
        """
        from evokd.student.embedding import embed_file

        job = EmbedFileJob(base=base, texts=list(texts), compute=self._compute, kind=kind, out=str(out))
        embed_file(job)

    async def appraise(self, job: AppraiseJob) -> Appraisal:
        """Say what groups of samples do to the loss on held texts.

        Raises:
            StudentError: memory runs short.
        """
        from evokd.student.training.group_effects import appraise

        return appraise(job)

    async def calibrate(self, job: CalibrateJob) -> Calibration | None:
        """Find the temperature of a student; None where there are too few texts.

        Raises:
            StudentError: the folder is no student, or memory runs short.
        """
        from evokd.student.calibration import calibrate

        return calibrate(job.model_copy(update={"compute": self._compute}))

    async def close(self) -> None:
        """Give memory that nobody uses back to the device and to the system."""
        from evokd.student.memory import release

        release()
