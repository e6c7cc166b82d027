"""What every agent is told about the domain: rendered prompts, labels, the task's wire form."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from evokd.agents.output_schemas import OutputSchema, output_schema
from evokd.messages import PAIR, AnalystReply, GuideReply, ProfileReply, describe_reply
from evokd.prompts.loader import digest, load_prompts


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
    own: tuple[str, ...]
    """Prompt files that the domain brought itself."""

    @property
    def hash(self) -> str:
        """Hash of the rendered prompt set."""
        return digest(self.systems)


def make_prompt_context(
    task: str,
    description: str,
    language: str,
    labels: Mapping[str, str],
    overlay: Path | None,
    max_weaknesses: int,
) -> PromptContext:
    """Load and render the prompts of all roles.

    Raises:
        InputError: the task is unknown, or a prompt file is missing, malformed or cannot be rendered.
    """
    form = output_schema(task)
    replies: dict[str, type[BaseModel]] = {
        "analyst": AnalystReply,
        "generator": form.generator_reply,
        "labeler": form.labeler_reply,
        "profile": ProfileReply,
        "guide": GuideReply,
    }
    prompts = load_prompts(task, overlay)
    systems = {}
    for role, prompt in prompts.items():
        systems[role] = prompt.render(
            {
                "description": description,
                "language": language,
                "labels": dict(labels),
                "max_weaknesses": max_weaknesses,
                "schema": describe_reply(replies[role], {PAIR}),
            }
        )
    versions = {role: f"{prompt.head.name} v{prompt.head.version}" for role, prompt in prompts.items()}
    own = tuple(
        str(prompt.path) for prompt in prompts.values() if overlay is not None and prompt.path.parent == overlay
    )
    return PromptContext(task, dict(labels), form, systems, max_weaknesses, versions, own)
