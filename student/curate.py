"""Decide which drafts become samples: valid, new, not leaked, disputes settled. No torch."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evokd.student.protocol import Answer
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.student.student_settings import CurationSettings
from evokd.student.tasks.base import TaskCodec

Reason = Literal["invalid_text", "unlabelled", "unknown_label", "duplicate", "near_duplicate", "leak", "disputed"]


@dataclass(frozen=True)
class Candidate:
    """A draft with what is claimed about it."""

    id: str
    text: str
    intended: Answer | None
    """The answer the generator wrote it for, if any."""
    given: Answer | None
    """The labeler's best answer, if it was asked and answered."""
    confidence: float | None
    """The labeler's confidence in `given`, 0 to 1."""
    variation: bool = False
    """Meant to be nearly a text that is known: refused only as its exact repeat."""


@dataclass(frozen=True)
class Ruling:
    """What becomes of a candidate."""

    id: str
    accepted: bool
    reason: Reason | None
    """Why it was refused; None when accepted."""
    label: Answer | None
    """The answer to train on; None when refused."""
    disputed: bool
    """The labeler disagreed with the intention."""
    masked: tuple[tuple[int, int], ...] = ()
    """Parts of the text that are not to be learned from: characters from, up to (not included)."""


def is_valid(text: str, settings: CurationSettings) -> bool:
    """Say whether a text has a length that is accepted, and no characters that tools refuse."""
    if not settings.min_characters <= len(text.strip()) <= settings.max_characters:
        return False
    if text.isprintable():  # tells the usual text in a fiftieth of the time
        return True
    # Control characters and halves of surrogate pairs come from broken replies, and some tools refuse them.
    return not any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\r\t" for char in text)


class Curator:
    """Judges the drafts of one curation."""

    def __init__(
        self, settings: CurationSettings, codec: TaskCodec, known: SimilarTexts, guarded: SimilarTexts
    ) -> None:
        """Take what drafts are compared with; nothing is added to it.

        Args:
            settings: thresholds and the rule for disputes.
            codec: the task's.
            known: seeds and accepted samples.
            guarded: validation and test texts.
        """
        self._settings = settings
        self._codec = codec
        self._known = known
        self._guarded = guarded
        self._accepted = SimilarTexts()

    def judge(self, candidates: Sequence[Candidate]) -> list[Ruling]:
        """Judge drafts in order; one that is accepted is known to those after it."""
        return [self._judge(candidate) for candidate in candidates]

    def _judge(self, candidate: Candidate) -> Ruling:
        if not is_valid(candidate.text, self._settings):
            return Ruling(candidate.id, False, "invalid_text", None, False)
        settled = self._settle(candidate)
        form = normalise(candidate.text)
        reason = self._compare(form, candidate.variation) or settled.reason
        if reason is not None:
            return Ruling(candidate.id, False, reason, None, settled.disputed)
        self._accepted.add(form)
        return Ruling(candidate.id, True, None, settled.label, settled.disputed, settled.masked)

    def _compare(self, form: str, variation: bool) -> Reason | None:
        if form in self._guarded or self._guarded.has_like(form, self._settings.leak):
            return "leak"
        is_repeat = form in self._known or form in self._accepted
        if is_repeat and not self._settings.repeats:
            return "duplicate"
        if variation or is_repeat:
            return None
        threshold = self._settings.near_duplicate
        has_like = self._known.has_like(form, threshold) or self._accepted.has_like(form, threshold)
        return "near_duplicate" if has_like else None

    def _settle(self, candidate: Candidate) -> "_Settled":
        """Find the answer, and what of the text it leaves open."""
        intended, given = candidate.intended, candidate.given
        label = intended if given is None else given
        if label is None:
            return _Settled(None, "unlabelled")
        masked: tuple[tuple[int, int], ...] = ()
        disputed = False
        if intended is not None and given is not None:
            agreement = self._codec.compare(intended, given)
            disputed = not agreement.same
            rule = self._codec.dispute if self._settings.dispute == "auto" else self._settings.dispute
            sure = (candidate.confidence or 0.0) >= self._settings.dispute_confidence
            if disputed and rule == "mask" and agreement.agreed is not None:
                label, masked = agreement.agreed, agreement.disputed
            elif disputed and rule == "intended":
                label = intended
            elif disputed and not (rule == "labeler" and sure):
                return _Settled(None, "disputed", True)
        if any(name not in self._codec.labels for name in self._codec.labels_in(label)):
            return _Settled(None, "unknown_label", disputed)
        return _Settled(label, None, disputed, masked)


@dataclass(frozen=True)
class _Settled:
    label: Answer | None
    reason: Reason | None
    disputed: bool = False
    masked: tuple[tuple[int, int], ...] = ()
