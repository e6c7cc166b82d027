"""One request to the Analyst before there is a domain: what its texts are, and what its labels mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evokd.agents.llm.client import Teacher
from evokd.agents.llm.request import LLMRequest
from evokd.messages import PAIR, DomainDraftReply, DomainEvidence, describe_reply
from evokd.messages.escape import clean
from evokd.prompts.loader import BASE, digest_prompts, load_prompt

PROMPT = "domain_draft"
_LONGEST = 400
"""Characters of a description or a meaning that are kept."""


@dataclass(frozen=True)
class DomainDraft:
    """What the Analyst wrote; each a single line."""

    description: str
    meanings: Mapping[str, str]
    """Label -> meaning; labels that it left out are not there."""


async def draft_domain(
    teacher: Teacher, task: str, language: str, evidence: DomainEvidence, seed: int
) -> DomainDraft | None:
    """Ask for a description of the texts and a meaning of each label.

    Args:
        teacher: the language model.
        task: names the prompt.
        language: of the texts.
        evidence: labels and sampled rows.
        seed: passed on to the endpoint.

    Returns:
        The draft; None where the reply could not be used.

    Raises:
        TeacherError: the teacher cannot be used at all.
        InputError: there is no key for the endpoint.
    """
    prompt = load_prompt(BASE / task / f"{PROMPT}.md")
    form = describe_reply(DomainDraftReply, {PAIR})
    system = prompt.render({"language": language, "schema": form})
    request = LLMRequest(
        role="analyst",
        cycle=0,
        span="draft",
        system=system,
        prompts=digest_prompts({PROMPT: system}),
        message=evidence,
        reply=DomainDraftReply,
        name=PROMPT,
        check=lambda reply: _find_faults(reply, evidence.labels),
        count=lambda reply: len(_read_meanings(reply, evidence.labels)),
        seed=seed,
        vocabularies={"labels": list(evidence.labels)},
    )
    reply = (await teacher.ask(request)).reply
    if reply is None or not clean(reply.description):
        return None
    return DomainDraft(clean(reply.description, _LONGEST), _read_meanings(reply, evidence.labels))


def _read_meanings(reply: DomainDraftReply, labels: Sequence[str]) -> dict[str, str]:
    read = {item.label: clean(item.meaning, _LONGEST) for item in reply.meanings if item.label in labels}
    return {label: meaning for label, meaning in read.items() if meaning}


def _find_faults(reply: DomainDraftReply, labels: Sequence[str]) -> list[str]:
    known = _read_meanings(reply, labels)
    lacking = [label for label in labels if label not in known]
    faults = [] if clean(reply.description) else ["the description is empty"]
    return [*faults, f"no meaning for {', '.join(map(repr, lacking[:8]))}"] if lacking else faults
