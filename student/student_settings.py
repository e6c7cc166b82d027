"""Settings of the student and of curation: two closed sections of the configuration tree."""

import re
from typing import Literal

from pydantic import Field, field_validator

from evokd.messages import ClosedModel, InputError

Tune = Literal["auto", "full", "head"]
Loss = Literal["cross_entropy", "bootstrap"]
Regime = Literal["continue", "base"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
DisputeRule = Literal["labeler", "drop", "intended", "mask"]
DisputeSetting = Literal["auto", "labeler", "drop", "intended", "mask"]
_WHOLE = re.compile(r"[0-9]{1,9}(\.0)?")
LEAST_LENGTH = 8
"""Sub-words that a student reads at once, at least."""


class LoraSettings(ClosedModel):
    """Low-rank adapters, for full training of a large student with less memory."""

    rank: int = Field(
        0,
        ge=0,
        description="rank of the adapters that full training trains instead of the encoder's weights (LoRA), such as"
        " 16; 0 = all weights are trained. Saved students have plain weights",
    )
    alpha: int | None = Field(
        None, gt=0, description="scale of the adapters, divided by the rank; null takes the rank, a scale of 1"
    )
    targets: list[str] = Field(
        [], description="what the names of the layers with adapters end in; empty: all linear layers of the encoder"
    )
    rate: float = Field(10.0, gt=0, le=1000, description="learning rate of the adapters, in rates of full training")


class StudentSettings(ClosedModel):
    """How the student is trained."""

    base: str = Field("embedded", description="the untrained student: `embedded`, a folder, or a model hub name")
    tune: Tune = Field(
        "auto", description="what is trained: all weights (full), the last layer (head), or by `head_until` (auto)"
    )
    head_until: float = Field(
        0.0, ge=0, description="with tune auto: samples per label on average below which only the head is trained"
    )
    fit_first: bool = Field(
        True,
        description="before all weights of a pretrained encoder are trained, fit the output layer as `head` would;"
        " otherwise it begins at equal logits",
    )
    regime: Regime = Field("base", description="start a training from the champion (continue) or the base (base)")
    steps: int = Field(60, ge=1, description="optimizer steps of one full training, at least, however few the samples")
    update_steps: int | None = Field(
        None, ge=1, description="optimizer steps of a full training that continues, instead of `steps` and `min_epochs`"
    )
    min_epochs: float = Field(
        6.0, ge=0, description="passes over the samples of one full training, at least; raises `steps` for many samples"
    )
    rate: float = Field(5e-5, gt=0, lt=1, description="peak learning rate of full training")
    output_rate: float = Field(
        1.0, gt=0, le=1000, description="learning rate of the output layer in full training, in rates of the rest"
    )
    batch: int = Field(16, ge=1, description="samples per optimizer step")
    max_length: int | Literal["auto"] = Field(
        128,
        description="sub-words read at once, 8 or more; a longer text is cut off, or read in windows to find entities;"
        " auto takes the length from the texts of the domain when a run is planned, and costs time with long ones",
    )
    allow_unreadable: bool = Field(
        False, description="run although the base cannot read most of the texts, whose script its vocabulary lacks"
    )
    replay: float = Field(
        0.8, ge=0, lt=1, description="share of older samples in a training that continues, 0 to 1 (1 excluded)"
    )
    balance: bool = Field(
        True, description="draw every label (and texts without any) equally often; weigh rare types of entities up"
    )
    loss: Loss = Field(
        "cross_entropy",
        description="what is made of labels that may be wrong: nothing (cross_entropy), or what the other samples say"
        " counts as well (bootstrap); entities and sets of labels are always learnt as given",
    )
    self_training: float = Field(
        0.5,
        ge=0,
        description="weight of unlabelled texts of the domain that a trained student answers itself and then learns"
        " from, where whole texts are labelled; 0 = they are not used",
    )
    self_training_until: int = Field(
        30,
        ge=0,
        description="labelled texts per label, on average, from which on a full training does without them: its own"
        " answers teach it nothing more then, and harm",
    )
    self_training_texts: int = Field(400, ge=0, description="such texts at most, drawn by chance where there are more")
    self_training_steps: int = Field(80, ge=1, description="optimizer steps of a full training that go on with them")
    meaning_weight: float = Field(
        8.0,
        ge=0,
        description="weight in the loss of a label's meaning, which is learnt from like a sample where whole texts are"
        " labelled; 0 = not learnt from",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all labels, 0 to 1")
    device: Device = Field("auto", description="where the student computes; auto takes a GPU when there is one")
    precision: Precision = Field(
        "auto", description="number format of full training; auto takes bfloat16 where the hardware computes in it"
    )
    gradient_checkpointing: bool = Field(
        False,
        description="in full training, compute each layer's activations a second time instead of keeping them: less"
        " memory, a third more time",
    )
    lora: LoraSettings = Field(LoraSettings(), description="adapters instead of full training of the encoder")
    threads: int | None = Field(None, ge=1, description="CPU threads; null means all that the process may use")

    @property
    def length(self) -> int:
        """Sub-words read at once; what `auto` stands for is put in its place when a run is planned.

        Raises:
            InputError: it was not.
        """
        if isinstance(self.max_length, str):
            raise InputError("student.max_length: auto is known to runs alone; give a number of sub-words")
        return self.max_length

    @field_validator("loss", mode="before")
    @classmethod
    def _refuse_removed(cls, value: object) -> object:
        if value in ("candidates", "small_loss"):
            raise ValueError(f"{value} was removed; use bootstrap for labels that may be wrong")
        return value

    @field_validator("max_length", mode="plain")
    @classmethod
    def _check_length(cls, value: object) -> object:
        """Read a whole number or `auto`; one message for both."""
        if value == "auto":
            return value
        number = int(float(value)) if isinstance(value, str | float) and _WHOLE.fullmatch(str(value)) else value
        if isinstance(number, bool) or not isinstance(number, int) or number < LEAST_LENGTH:
            raise ValueError(f"give a whole number greater than or equal to {LEAST_LENGTH}, or auto")
        return number


class CurationSettings(ClosedModel):
    """Which drafts become samples."""

    min_characters: int = Field(3, ge=1, description="characters of the shortest text that is accepted")
    max_characters: int = Field(4000, ge=1, description="characters of the longest text that is accepted")
    repeats: bool = Field(False, description="accept texts that are exact repeats of known ones")
    near_duplicate: float = Field(
        0.85, ge=0, le=1, description="likeness (0 to 1) to a known text from which a draft is a near duplicate"
    )
    leak: float = Field(
        0.8, ge=0, le=1, description="likeness (0 to 1) to a validation or test text from which a draft is a leak"
    )
    dispute: DisputeSetting = Field(
        "auto",
        description="what becomes of a text when the labeler disagrees with the intention: labeler (it wins), intended"
        " (it loses), drop (the text goes), mask (what is disputed in the text is not learned from; drops it where"
        " nothing is agreed); auto takes the task's own: drop for whole texts, mask for entities",
    )
    dispute_confidence: float = Field(
        0.7,
        ge=0,
        le=1,
        description="confidence (0 to 1) from which a disagreeing labeler wins; below it the draft drops",
    )
