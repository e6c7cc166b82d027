"""Settings of the rehearsal teacher; importing them costs nothing."""

from pydantic import Field

from evokd.messages import ClosedModel


class RehearsalSettings(ClosedModel):
    """How the rehearsal teacher answers."""

    corpus: str | None = Field(default=None, description="path of the labelled corpus (.jsonl); null: the domain's own")
    recording: str | None = Field(
        default=None,
        description="folder of what a language model wrote and labelled, for the teacher `recorded`; null: the domain's"
        " own, its folder `llm`",
    )
    noise: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="share of texts (for entities: of entities) whose label is given wrong, 0 to 1",
    )
    typicality: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="how much unguided requests draw from the dense centre of a label, 0 (all its texts alike) to 1 "
        "(its densest tenth alone)",
    )
    slips: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="share of drafts (not of entities) that are of another label than they were meant for, 0 to 1",
    )
