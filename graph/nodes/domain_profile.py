"""The domain's profile and guide in a run: the files of the domain, else what the Analyst writes at the start."""

import random

from evokd.agents import domain_expert
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import Bench, cycle_name
from evokd.graph.curriculum.kinds import begin_shares
from evokd.graph.curriculum.reference_texts import fit_tokens
from evokd.graph.setup.domain_files import Axes, load_guide, load_profile, write_guide_file, write_profile_file
from evokd.messages import DomainSample

PART = "profile"
"""Part of the record of cycle 0: that the Analyst was asked, and what it said."""
SHOWN_LINES = 24
SHOWN_TOKENS = 800
"""Tokens of the real lines that the Analyst reads at most."""
LEAST_LINES = 20


def read_profile(bench: Bench) -> Axes:
    """Read the profile that is in force, as it stands in the run's folder; empty where there is none."""
    path = bench.folder.profile
    return load_profile(path) if bench.settings.curriculum.profile != "off" and path.is_file() else {}


def read_guide(bench: Bench) -> dict[str, str]:
    """Read the guide that is in force, as it stands in the run's folder; empty where there is none."""
    path = bench.folder.guide
    return load_guide(path, bench.domain.codec.labels) if path.is_file() else {}


async def find_profile(bench: Bench, cycle: int) -> None:
    """Put a profile into the run's folder: the domain's own, else one that the Analyst writes from real lines.

    Asked once in a run. A teacher that does not know the request, or gives nothing that can be used, leaves the run
    without a profile.
    """
    if bench.settings.curriculum.profile == "off" or bench.folder.profile.is_file():
        return
    if bench.domain.profile:
        write_profile_file(bench.folder.profile, dict(bench.domain.profile))
        return
    noted = bench.ledger.part(0, PART)
    if noted is not None:
        if noted["axes"]:  # an interrupted attempt was told of it and had not written it down yet
            write_profile_file(bench.folder.profile, noted["axes"])
        return
    if not _wants_profile(bench):
        return
    seed = bench.seed("profile")
    lines = [item.text for item in bench.domain.pool]
    shown = fit_tokens(random.Random(seed).sample(lines, min(SHOWN_LINES, len(lines))), SHOWN_TOKENS)
    span = cycle_name(cycle)
    try:
        axes = await domain_expert.write_profile(bench.teacher, bench.briefing, shown, cycle, span, seed)
    except BudgetSpent as exc:
        bench.emit("budget_spent", cycle=cycle, role="analyst", reason=str(exc))
        return
    sample = DomainSample(labels=dict(bench.domain.file.labels), texts=shown)
    bench.ledger.put_message(cycle, span, "curriculum", "analyst", sample)
    bench.ledger.put_part(0, PART, {"axes": axes or {}})
    bench.emit(
        "profile", cycle=cycle, axes={name: [value for value, _ in values] for name, values in (axes or {}).items()}
    )
    if axes:
        write_profile_file(bench.folder.profile, axes)


def _wants_profile(bench: Bench) -> bool:
    """Whether anything is written in the tone of real lines, and there are enough of them."""
    curriculum = bench.settings.curriculum
    entities = bench.entities
    shares = begin_shares(entities, bool(bench.domain.pool), curriculum.source, curriculum.shares)
    return "toned" in shares and curriculum.tone > 0 and len(bench.domain.pool) >= LEAST_LINES


def copy_guide(bench: Bench) -> None:
    """Put the domain's own guide into the run's folder."""
    if bench.domain.guide and not bench.folder.guide.is_file():
        write_guide_file(bench.folder.guide, bench.domain.guide)
