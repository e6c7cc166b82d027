"""The domain's profile and guide in a run: the files of the domain, or else what the Analyst writes at the start."""

import random

from evokd.agents import domain_expert
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import RunContext, cycle_name
from evokd.graph.curriculum.kinds import begin_shares
from evokd.graph.curriculum.reference_texts import fit_tokens
from evokd.graph.setup.domain_files import ProfileAxes, load_guide, load_profile, write_guide_file, write_profile_file
from evokd.messages import DomainSample
from evokd.tracing.rows import PROFILE, ProfileRecord

SHOWN_LINES = 24
SHOWN_TOKENS = 800
"""Maximum tokens of the real lines that the Analyst reads."""
LEAST_LINES = 20


def read_profile(context: RunContext) -> ProfileAxes:
    """Read the profile in force from the run's folder; empty if there is none."""
    path = context.folder.profile
    return load_profile(path) if context.settings.curriculum.profile != "off" and path.is_file() else {}


def read_guide(context: RunContext) -> dict[str, str]:
    """Read the guide in force from the run's folder; empty if there is none."""
    path = context.folder.guide
    return load_guide(path, context.domain.codec.labels) if path.is_file() else {}


async def find_profile(context: RunContext, cycle: int) -> None:
    """Write a profile into the run's folder: that of the domain, or else one that the Analyst writes from real lines.

    The Analyst is asked once per run. If the teacher does not know the request, or its reply is unusable, the run has
    no profile.
    """
    if context.settings.curriculum.profile == "off" or context.folder.profile.is_file():
        return
    if context.domain.profile:
        write_profile_file(context.folder.profile, dict(context.domain.profile))
        return
    record = context.ledger.cycle_record(0, PROFILE)
    if record is not None:
        if record["axes"]:  # an interrupted attempt stored the record but did not write the file
            write_profile_file(context.folder.profile, record["axes"])
        return
    if not _wants_profile(context):
        return
    seed = context.seed("profile")
    lines = [item.text for item in context.domain.pool]
    shown = fit_tokens(random.Random(seed).sample(lines, min(SHOWN_LINES, len(lines))), SHOWN_TOKENS)
    span = cycle_name(cycle)
    try:
        axes = await domain_expert.write_profile(context.teacher, context.briefing, shown, cycle, span, seed)
    except BudgetSpent as exc:
        context.emit("budget_spent", cycle=cycle, role="analyst", reason=str(exc))
        return
    sample = DomainSample(labels=dict(context.domain.file.labels), texts=shown)
    context.ledger.put_message(cycle, span, "curriculum", "analyst", sample)
    context.ledger.put_cycle_record(0, PROFILE, ProfileRecord(axes=axes or {}))
    context.emit(
        "profile", cycle=cycle, axes={name: [value for value, _ in values] for name, values in (axes or {}).items()}
    )
    if axes:
        write_profile_file(context.folder.profile, axes)


def _wants_profile(context: RunContext) -> bool:
    """Whether texts are written in the tone of real lines, and there are enough of those lines."""
    curriculum = context.settings.curriculum
    entities = context.entities
    shares = begin_shares(entities, bool(context.domain.pool), curriculum.source, curriculum.shares)
    return "toned" in shares and curriculum.style_examples > 0 and len(context.domain.pool) >= LEAST_LINES


def copy_guide(context: RunContext) -> None:
    """Copy the domain's guide into the run's folder."""
    if context.domain.guide and not context.folder.guide.is_file():
        write_guide_file(context.folder.guide, context.domain.guide)
