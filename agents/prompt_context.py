"""What every agent is told about the domain: rendered prompts, labels, the task's wire form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from evokd.agents.llm.request import LLMRequest, ReplyT
from evokd.agents.output_schemas import OutputSchema, output_schema
from evokd.messages import PAIR, GuideReply, ProfileReply, Sendable, describe_reply
from evokd.prompts.languages import PromptLanguage
from evokd.prompts.loader import Prompt, digest_prompts, load_prompts

PromptName = Literal["analyst", "generator", "labeler", "profile", "guide"]
_ROLES: Mapping[PromptName, str] = {
    "analyst": "analyst",
    "generator": "generator",
    "labeler": "labeler",
    "profile": "analyst",
    "guide": "analyst",
}
"""Prompt -> role that its calls are counted under."""
_REPLY_NAMES: Mapping[PromptName, str] = {
    "analyst": "analysis",
    "generator": "drafts",
    "labeler": "verdicts",
    "profile": "profile",
    "guide": "guide",
}
"""Prompt -> name of the reply's schema on the wire."""


@dataclass(frozen=True)
class PromptContext:
    """The agents' common knowledge of a run; `systems` holds a rendered system prompt per role."""

    task: str
    labels: Mapping[str, str]
    form: OutputSchema
    systems: Mapping[str, str]
    max_weaknesses: int
    versions: Mapping[str, str]
    """Role -> name and version of its prompt file."""
    domain_prompts: tuple[str, ...]
    """Prompt files that the domain brings itself."""
    files: Mapping[str, Prompt] = field(default_factory=dict)
    """Role -> its prompt file, as it was before it was rendered."""

    @property
    def hash(self) -> str:
        """Hash of the rendered prompt set."""
        return digest_prompts(self.systems)

    def make_request(
        self,
        prompt: PromptName,
        message: Sendable,
        reply: type[ReplyT],
        *,
        cycle: int,
        span: str,
        seed: int,
        check: Callable[[ReplyT], list[str]],
        count: Callable[[ReplyT], int],
    ) -> LLMRequest[ReplyT]:
        """Make a request of one of the prompts; set what else it needs with `dataclasses.replace`.

        Args:
            prompt: names the system prompt, and with it the role and the reply's schema.
            message: what the agent is sent.
            reply: class of the reply.
            cycle: evolution cycle, from 1.
            span: lesson id, or name of the cycle.
            seed: passed on to the endpoint.
            check: faults of a reply that fits the schema.
            count: items of a reply that can be used.
        """
        return LLMRequest(
            role=_ROLES[prompt],
            cycle=cycle,
            span=span,
            system=self.systems[prompt],
            prompts=self.hash,
            message=message,
            reply=reply,
            name=_REPLY_NAMES[prompt],
            check=check,
            count=count,
            seed=seed,
        )


def make_prompt_context(
    task: str,
    description: str,
    language: str,
    labels: Mapping[str, str],
    overlay: Path | None,
    max_weaknesses: int,
    prompt_language: PromptLanguage = "en",
) -> PromptContext:
    """Load and render the prompts of all roles.

    Args:
        task: name of the task.
        description: of the domain.
        language: of its texts.
        labels: label -> meaning.
        overlay: folder of the domain's own prompts.
        max_weaknesses: that the Analyst may name.
        prompt_language: of the base prompts.

    Raises:
        InputError: the task is unknown, or a prompt file is missing, malformed or cannot be rendered.
    """
    form = output_schema(task)
    values = prompt_values(form, description, language, labels, max_weaknesses)
    prompts = load_prompts(task, overlay, prompt_language)
    systems = {role: prompt.render(values[role]) for role, prompt in prompts.items()}
    versions = {role: f"{prompt.head.name} v{prompt.head.version}" for role, prompt in prompts.items()}
    own = [path for prompt in prompts.values() for path in (prompt.path, *prompt.partials)]
    domain_prompts = tuple(
        dict.fromkeys(str(path) for path in own if overlay is not None and path.is_relative_to(overlay))
    )
    return PromptContext(task, dict(labels), form, systems, max_weaknesses, versions, domain_prompts, prompts)


def prompt_values(
    form: OutputSchema, description: str, language: str, labels: Mapping[str, str], max_weaknesses: int
) -> dict[str, dict[str, Any]]:
    """What the prompt of each role may use: role -> name of the input -> its value."""
    replies: dict[str, type[BaseModel]] = {
        "analyst": form.analyst_reply,
        "generator": form.generator_reply,
        "labeler": form.labeler_reply,
        "profile": ProfileReply,
        "guide": GuideReply,
    }
    common = {
        "description": description,
        "language": language,
        "labels": dict(labels),
        "max_weaknesses": max_weaknesses,
    }
    return {role: {**common, "schema": describe_reply(reply, {PAIR})} for role, reply in replies.items()}
