"""The three roles of the rehearsal teacher behind one function."""

from typing import Any

from evokd.simulator.analyst import answer_analyst
from evokd.simulator.corpus import Corpus
from evokd.simulator.entity_labeler import answer_entity_labeler
from evokd.simulator.generator import answer_generator
from evokd.simulator.labeler import answer_labeler
from evokd.simulator.profile import answer_profile
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError
from evokd.simulator.set_labeler import answer_set_labeler

KINDS = ("feedback_packet", "lesson_plan", "draft_batch", "domain_sample")


def answer(
    kind: str, message: dict[str, Any], corpus: Corpus, settings: RehearsalSettings, seed: int
) -> dict[str, Any]:
    """Answer a message as the role that it is sent to; the same arguments give the same reply.

    Raises:
        RequestError: the kind is unknown or the message lacks a field.
    """
    match kind:
        case "feedback_packet":
            return answer_analyst(message)
        case "lesson_plan":
            return answer_generator(message, corpus, settings, seed)
        case "draft_batch":
            if corpus.mentions is not None:
                return answer_entity_labeler(message, corpus, corpus.mentions, settings, seed)
            if corpus.has_sets:
                return answer_set_labeler(message, corpus, settings, seed)
            return answer_labeler(message, corpus, settings, seed)
        case "domain_sample":
            return answer_profile(message)
        case _:
            raise RequestError(f"unknown message kind {kind!r}; known are {', '.join(KINDS)}")
