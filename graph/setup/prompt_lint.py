"""What a domain's prompts are filled with when they are looked at, and what is found about them."""

from evokd.agents.llm.call_recorder import estimate_tokens
from evokd.agents.output_schemas import output_schema
from evokd.agents.prompt_context import prompt_values
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_settings import Settings
from evokd.messages.finding import Finding
from evokd.prompts.lint import LintSubject, lint_prompts
from evokd.prompts.loader import REPLIES

FOLDER = "prompts"
"""Folder of a domain's prompts, unless the domain names one."""


def make_subject(domain: Domain, max_weaknesses: int | None = None) -> LintSubject:
    """Say which prompts a domain has, and what they are filled with.

    Args:
        domain: a loaded domain.
        max_weaknesses: that the Analyst may name; None: the default.
    """
    file = domain.file
    most = Settings().curriculum.weaknesses if max_weaknesses is None else max_weaknesses
    values = prompt_values(output_schema(file.task), file.description, file.language, file.labels, most)
    return LintSubject(file.task, domain.prompt_language, domain.prompts, values, estimate_tokens)


def lint_domain(domain: Domain, max_weaknesses: int | None = None) -> list[Finding]:
    """Find everything that is wrong or odd about a domain's prompts, errors first."""
    return [*lint_prompts(make_subject(domain, max_weaknesses)), *_find_unnamed(domain)]


def _find_unnamed(domain: Domain) -> list[Finding]:
    """Prompts that nobody reads, because `domain.yaml` does not name their folder."""
    folder = domain.folder / FOLDER
    if domain.prompts is not None or not any((folder / f"{role}.md").is_file() for role in REPLIES):
        return []
    what = f"the prompts in this folder are not used, since {domain.folder / 'domain.yaml'} does not name it"
    mend = f"add the line prompts: {FOLDER} there, or remove the folder"
    return [Finding("warning", "prompts_not_used", str(folder), what, mend)]
