"""What the ledger stores of the prompts of a run, so that a call's prompts can be read later."""

from pathlib import Path

from evokd.graph.setup.plan import Plan
from evokd.prompts.loader import BASE, digest_prompts
from evokd.tracing.view_rows import PromptRecord


def record_prompts(plan: Plan) -> dict[str, PromptRecord]:
    """Write down every prompt file of a plan: role -> name, version, hash, path and template."""
    systems = plan.briefing.systems
    return {
        role: PromptRecord(
            name=prompt.head.name,
            version=prompt.head.version,
            hash=digest_prompts({role: systems[role]}),
            path=_name_path(prompt.path, plan.domain.folder),
            body=prompt.body,
        )
        for role, prompt in plan.briefing.files.items()
    }


def _name_path(path: Path, domain: Path) -> str:
    """Name a prompt file without the folders of this machine."""
    for root in (BASE, domain):
        if path.is_relative_to(root):
            return f"{root.name}/{path.relative_to(root).as_posix()}"
    return path.name
