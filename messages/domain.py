"""Two requests to the Analyst about the domain itself, and its replies: how its texts differ, what its labels mean.

A teacher that does not know these kinds of messages is no fault: a run goes on without.
"""

from typing import ClassVar, Literal

from pydantic import Field

from evokd.messages.base import VOCABULARY_KEY, Example, Gold, Message


class DomainSample(Message):
    """Real texts of the domain, to say on which axes they differ."""

    kind: Literal["domain_sample"] = "domain_sample"
    labels: dict[str, str] = Field(description="label -> meaning")
    texts: list[str] = Field(description="real texts, unlabelled")


class AxisValue(Message):
    """One value of an axis."""

    value: str = Field(min_length=1, description="the value in a few words")
    share: float = Field(ge=0, le=100, description="share of the texts that have it, 0 to 1")


class Axis(Message):
    """Something on which the domain's texts differ, whatever their label."""

    name: str = Field(min_length=1, description="what differs, in one or two words")
    values: list[AxisValue] = Field(min_length=1, description="its values, the most frequent first")


class ProfileReply(Message):
    """The reply asked for on a `domain_sample`."""

    axes: list[Axis] = Field(description="the axes, the most telling first")


class Dispute(Message):
    """A text to which two readers gave different answers."""

    text: str = Field(description="the text")
    answers: list[Gold] = Field(description="the answers")


class LabelEvidence(Message):
    """Labelled real texts and disputes, to say what each label takes in and leaves out."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"disputes"})

    kind: Literal["label_evidence"] = "label_evidence"
    labels: dict[str, str] = Field(description="label -> meaning")
    rows: list[Example] = Field(description="real texts with their right answers")
    disputes: list[Dispute] = Field(default=[], description="texts whose label was disputed")


class Guide(Message):
    """What a label takes in and leaves out."""

    label: str = Field(description="the label", json_schema_extra={VOCABULARY_KEY: "labels"})
    takes_in: str = Field(description="what belongs to it that one might overlook")
    leaves_out: str = Field(description="what does not belong to it although it looks so")


class GuideReply(Message):
    """The reply asked for on a `label_evidence`."""

    guides: list[Guide] = Field(description="one per label")


class DomainEvidence(Message):
    """Rows of a data set that is to become a domain, to say what its texts are and what its labels mean."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"texts"})

    kind: Literal["domain_evidence"] = "domain_evidence"
    labels: list[str] = Field(description="the labels, as the user names them")
    rows: list[Example] = Field(description="real texts with their right answers")
    texts: list[str] = Field(default=[], description="real texts, unlabelled")


class LabelMeaning(Message):
    """What a label means."""

    label: str = Field(description="the label", json_schema_extra={VOCABULARY_KEY: "labels"})
    meaning: str = Field(description="when it applies, in one line")


class DomainDraftReply(Message):
    """The reply asked for on a `domain_evidence`."""

    description: str = Field(description="what the texts are and what is to be found in them")
    meanings: list[LabelMeaning] = Field(description="one per label")
