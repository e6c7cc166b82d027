"""Jobs of the student process and their results. Light: no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from evokd.messages import ClosedModel, EvokdError
from evokd.student.student_settings import Device, StudentSettings

Answer = str | list[str] | list[dict[str, Any]]
"""An answer as JSON: a label for classification, a list of labels for multilabel, a list of {"start", "end", "label"}
for NER."""


class StudentError(EvokdError):
    """The student process failed: it crashed, or a training or prediction in it went wrong."""


class StudentCrashed(StudentError):
    """The student process died in the middle of a call.

    Args:
        message: for the user.
        cause: the signal or the exit code, in words.
        killed: whether it was killed (SIGKILL), as the system does where memory runs short.
    """

    def __init__(self, message: str, cause: str, killed: bool) -> None:
        super().__init__(message)
        self.cause = cause
        self.killed = killed


MEMORY_ADVICE = "set a smaller student.max_length, a smaller student.base or another student.device"
"""How to mend a shortage of memory."""


class TrainExample(ClosedModel):
    """A sample to train on."""

    id: str = Field(description="sample id")
    text: str = Field(description="the text")
    gold: Answer = Field(description="the right answer")
    masked: list[tuple[int, int]] = Field(
        default_factory=list,
        description="parts of the text that are not learned from: characters from, up to (not included)",
    )
    weight: float = Field(1.0, ge=0, description="weight of the sample in the loss, 1 is usual")
    shares: dict[str, float] = Field(
        default_factory=dict,
        description="label -> share of the target, 0 to 1, where a whole text has one (where labels are independent,"
        " the probability of each); empty: all for `gold`",
    )
    trusted: bool = Field(False, description="the answer is the user's own: no `student.loss` doubts it")


class Job(ClosedModel):
    """A request to the student process."""

    halvings: int = Field(0, ge=0, description="how often the number of texts computed at once is halved beforehand")


class TrainJob(Job):
    """One training."""

    task: str = Field(description="the task's name")
    labels: list[str] = Field(description="labels in the domain's order")
    examples: list[TrainExample] = Field(min_length=1, description="samples to train on")
    replay: list[TrainExample] = Field(default=[], description="older samples that may be mixed in")
    unlabelled: int = Field(default=0, description="of the examples, texts that the student has answered itself")
    meanings: dict[str, str] = Field(
        default={}, description="label -> what it means in the user's words; see `student.meaning_weight`"
    )
    start: str | None = Field(None, description="student folder to continue from; null starts from the base")
    out: str = Field(description="folder to write the trained student to; replaced when it exists")
    settings: StudentSettings = Field(description="how to train")
    seed: int = Field(ge=0, description="seed of every random choice")
    card: dict[str, str] = Field(default={}, description="further lines for the model card, title -> text")


def write_meaning(label: str, meaning: str) -> str:
    """Write a label and what it means as a text to learn from."""
    return f"{label.replace('_', ' ')}: {meaning}"


class TrainResult(ClosedModel):
    """What a training did."""

    steps: int = Field(description="optimizer steps; for a head, evaluations of its loss")
    samples: int = Field(description="different samples trained on")
    seconds: float = Field(description="wall-clock seconds")
    loss: float = Field(description="mean training loss of the last tenth of the steps")
    unlabelled: int = Field(0, description="texts besides that the student answered itself and then learned from")
    doubted: int = Field(0, description="samples whose label `student.loss` gave less than half of its weight")
    tune: str = Field(description="what was trained: head or full")
    device: str = Field(description="where it computed: cpu or cuda")
    precision: str = Field(description="number format: float32 or bfloat16")
    rate: float | None = Field(None, description="peak learning rate; null for a head, which has none")
    at_once: int | None = Field(None, description="texts computed at once; a step's samples may be more")
    faults: list[str] = Field(default=[], description="what went wrong and was mended, in order")


class Prediction(ClosedModel):
    """The student's answer to one text."""

    answer: Answer = Field(description="the answer")
    confidence: float = Field(description="confidence in the answer, 0 to 1, six digits")
    scores: dict[str, float] = Field(description="label -> probability, six digits")
    entity_scores: list[float] = Field(
        default=[], description="probability of each entity's least sure word, in the order of the answer"
    )


class Compute(ClosedModel):
    """Where predictions and embeddings are computed."""

    device: Device = Field("auto", description="auto takes a GPU when there is one")
    threads: int | None = Field(None, ge=1, description="CPU threads; null means all that the process may use")


class PredictJob(Job):
    """Texts to answer."""

    folder: str = Field(description="student folder")
    texts: list[str] = Field(description="the texts")
    compute: Compute = Field(Compute(), description="where to compute")
    int8: bool = Field(False, description="with fast: by weights of 8 bits, which an exported student has")
    fast: bool = Field(
        False, description="by the fastest kernels, calibrated; probabilities may differ from the exact ones"
    )


class EmbedJob(Job):
    """Texts to embed."""

    base: str = Field(description="`embedded`, a folder or a hub name")
    texts: list[str] = Field(description="the texts")
    compute: Compute = Field(Compute(), description="where to compute")


VectorKind = Literal["words", "encoder"]
"""What vectors of texts are made of: the base's vectors of sub-words, or the states of its whole encoder."""


class EmbedFileJob(EmbedJob):
    """Texts to embed into a file."""

    kind: VectorKind = Field(description="what the vectors are made of")
    out: str = Field(description="the .npy file to write; replaced when it exists")


class AppraiseJob(Job):
    """Groups of samples whose effect on held-out texts is estimated."""

    task: str = Field(description="the task's name")
    labels: list[str] = Field(description="labels in the domain's order")
    meanings: dict[str, str] = Field(default={}, description="as of a training")
    examples: list[TrainExample] = Field(min_length=1, description="samples to train on")
    groups: list[str] = Field(description="the group of each of them")
    held: list[str] = Field(min_length=1, description="ids of those that the loss is measured on, left out in turn")
    settings: StudentSettings = Field(description="the student's")


class CalibrateJob(Job):
    """Labelled texts that a student's confidence is measured on; it must not have learned from them."""

    folder: str = Field(description="student folder")
    task: str = Field(description="the task's name")
    labels: list[str] = Field(description="labels in the domain's order")
    examples: list[TrainExample] = Field(description="the texts with their right answers, no shares of labels")
    compute: Compute = Field(Compute(), description="where to compute")


class Calibration(ClosedModel):
    """What a student's logits are divided by, so that its confidences are frequencies."""

    temperature: float = Field(gt=0, description="above 1 the student was too sure, below 1 not sure enough")
    rows: int = Field(description="texts that it was measured on")
    loss_before: float = Field(description="mean cross-entropy per text (of entities: per word) without it, in nats")
    loss_after: float = Field(description="the same with it")


class GroupEffect(ClosedModel):
    """What more of a group would do to the loss on the held texts."""

    group: str = Field(description="its name")
    mean: float = Field(description="fall of the mean loss per further sample, in nats; below 0 it harms")
    error: float = Field(description="standard error of the mean over the held texts")
    samples: int = Field(description="samples of the group")


class Appraisal(ClosedModel):
    """Result of an `AppraiseJob`."""

    loss: float | None = Field(description="mean loss on the held texts in nats; null: nothing can be said")
    effects: list[GroupEffect] = Field(description="one per group")


class DoubtJob(Job):
    """Labelled rows of which each is judged by the others."""

    task: str = Field(description="the task's name")
    labels: list[str] = Field(description="labels in the domain's order")
    meanings: dict[str, str] = Field(default={}, description="as of a training")
    examples: list[TrainExample] = Field(min_length=1, description="the rows")
    settings: StudentSettings = Field(description="the student's")


class LabelDoubt(ClosedModel):
    """A row whose label, or that of some of its words, the other rows contradict."""

    id: str = Field(description="of the row")
    start: int | None = Field(description="first character of the words in doubt; null: the whole text")
    end: int | None = Field(description="the character after them; null: the whole text")
    given: str = Field(description="the label given; empty: no entity")
    given_probability: float = Field(description="its probability by the other rows, 0 to 1")
    likelier: str = Field(description="the likeliest label; empty: no entity")
    probability: float = Field(description="its probability, 0 to 1")


class DoubtReport(ClosedModel):
    """Result of a `DoubtJob`."""

    judged: int = Field(description="rows that were judged")
    doubts: list[LabelDoubt] = Field(description="the most doubtful first")
    unjudged: str = Field("", description="why nothing was judged")


class StudentProtocol(Protocol):
    """Trains students and predicts: in a child process (`student.process.client`) or in this one (`.local`)."""

    async def warm_up(self) -> None:
        """Load early what takes long."""

    async def train(self, job: TrainJob) -> TrainResult:
        """Train a student.

        Raises:
            InputError: the base or device asked for is not there.
            StudentError: the training failed.
        """

    async def predict(self, folder: Path, texts: Sequence[str]) -> list[Prediction]:
        """Answer texts, in their order.

        Raises:
            StudentError: the folder is no student, or memory runs short.
        """

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts with the encoder of a base: vectors of length 1.

        Raises:
            InputError: the base is no model.
            StudentError: memory runs short.
        """

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        """Embed texts into a .npy file: (texts, features) in half precision, each row of length 1.

        Raises:
            InputError: the base is no model.
            StudentError: memory runs short, or the file cannot be written.
        """

    async def appraise(self, job: AppraiseJob) -> Appraisal:
        """Say what groups of samples do to the loss on held texts.

        Raises:
            StudentError: memory runs short.
        """

    async def calibrate(self, job: CalibrateJob) -> Calibration | None:
        """Find the temperature of a student; None where there are too few texts.

        Raises:
            StudentError: the folder is no student, or memory runs short.
        """

    async def close(self) -> None:
        """Give back what is held."""
