"""Prompts of a domain: which are in force, how they read when they are sent, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evokd.agents.llm.call_recorder import estimate_tokens
from evokd.agents.output_schemas import output_schema
from evokd.agents.prompt_context import prompt_values
from evokd.api.domains import load_domain, make_plan
from evokd.graph.forecast import Forecast
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.prompt_lint import lint_domain, make_subject
from evokd.messages import InputError, fence
from evokd.messages.files import read_utf8
from evokd.messages.finding import Finding
from evokd.messages.suggest import suggest
from evokd.prompts.languages import LANGUAGES, PromptLanguage
from evokd.prompts.lint import LintSubject, compare_texts, lint_prompts, read_origin
from evokd.prompts.loader import (
    BASE,
    REPLIES,
    SHARED,
    base_folder,
    find_prompt,
    load_prompt,
    load_prompts,
    load_role,
    partial_folders,
)

__all__ = [
    "Finding",
    "PromptDiff",
    "PromptEntry",
    "SentPrompt",
    "diff_prompts",
    "find_role",
    "lint_prompt_sets",
    "list_prompts",
    "show_prompt",
    "tell_finding",
]


@dataclass(frozen=True)
class PromptEntry:
    """A prompt of a set."""

    task: str
    language: str
    """Of the base set."""
    role: str
    name: str
    version: int
    origin: str
    """`base`, or `domain` for a file that the domain brings itself."""
    path: Path
    own_partials: tuple[Path, ...]
    """Partials in it that the domain brings itself."""
    tokens: int
    """Estimated, of the rendered system prompt."""
    description: str

    def tell(self) -> dict[str, object]:
        """Return it as JSON."""
        return {**vars(self), "path": str(self.path), "own_partials": [str(path) for path in self.own_partials]}


@dataclass(frozen=True)
class SentPrompt:
    """A prompt as the first call of its kind sends it."""

    path: Path
    source: str
    """The file, not rendered."""
    system: str
    system_tokens: int
    turn: str | None
    """The user turn; None where the first cycles send none."""
    turn_tokens: int
    other_faults: tuple[str, ...] = ()
    """What a run would refuse about the domain's other prompts, a line each."""


@dataclass(frozen=True)
class PromptDiff:
    """How a domain's prompt differs from the base one that it replaces."""

    role: str
    path: Path
    base: Path
    note: str | None
    """What became of the base prompt since the copy was made."""
    lines: list[str]
    """A unified diff; [] where the texts are the same."""


def list_prompts(domain: str | Path | Domain | None = None) -> list[PromptEntry]:
    """List the prompts of a domain, or of all base sets if no domain is named.

    Raises:
        InputError: there is no such domain, or one of its prompts is malformed.
    """
    if domain is not None:
        loaded = _load(domain)
        return _list_set(make_subject(loaded))
    tasks = sorted(path.name for path in BASE.iterdir() if (path / "analyst.md").is_file())
    return [entry for task in tasks for language in LANGUAGES for entry in _list_set(_base_subject(task, language))]


def _load(domain: str | Path | Domain) -> Domain:
    return domain if isinstance(domain, Domain) else load_domain(domain)


def _base_subject(task: str, language: PromptLanguage) -> LintSubject:
    """A base set, filled with next to nothing."""
    values = prompt_values(output_schema(task), "-", language, {}, 1)
    return LintSubject(task, language, None, values, estimate_tokens)


def _list_set(subject: LintSubject) -> list[PromptEntry]:
    own = subject.overlay
    entries = []
    for role, prompt in load_prompts(subject.task, own, subject.language).items():
        is_own = own is not None and prompt.path.is_relative_to(own)
        partials = tuple(path for path in prompt.partials if own is not None and path.is_relative_to(own))
        tokens = subject.count_tokens(prompt.render(subject.values[role]))
        head, origin = prompt.head, "domain" if is_own else "base"
        where = (subject.task, subject.language, role)
        entries.append(
            PromptEntry(*where, head.name, head.version, origin, prompt.path, partials, tokens, head.description)
        )
    return entries


def find_role(role: str) -> str:
    """Check the name of a prompt; a file name such as `labeler.md` will do.

    Raises:
        InputError: no prompt has this name.
    """
    name = role.removesuffix(".md")
    if name not in REPLIES:
        hint = suggest(name, list(REPLIES))
        raise InputError(f"{role[:100]!r}: no prompt has this name{hint}; one of: {', '.join(REPLIES)}")
    return name


def show_prompt(domain: str | Path | Domain, role: str) -> SentPrompt:
    """Render a prompt with the message that is first sent with it, by the forecast of `evokd check`.

    A fault in another prompt of the domain hides nothing; it is told in `other_faults`.

    Raises:
        InputError: the domain, the role or this prompt is wrong.
    """
    name = find_role(role)
    loaded = _load(domain)
    # messages do not depend on prompts, so the base ones stand in for those of the domain
    plan = make_plan(replace(loaded, prompts=None), "evokd", None, None, None, None, needs_teacher=False)
    most = plan.settings.curriculum.weaknesses
    subject = make_subject(loaded, most)
    prompt = load_role(name, subject.task, subject.overlay, subject.language)
    system = prompt.render(subject.values[name])
    faults = tuple(finding.note for finding in lint_domain(loaded, most) if finding.level == "error")
    message = Forecast(plan).first_message(name)
    turn = None if message is None else fence(message)
    count = estimate_tokens(turn) if turn else 0
    return SentPrompt(prompt.path, read_utf8(prompt.path), system, estimate_tokens(system), turn, count, faults)


def diff_prompts(domain: str | Path | Domain, roles: Sequence[str] = ()) -> list[PromptDiff]:
    """Compare a domain's own prompts with the base ones that they replace, partials put in.

    Args:
        domain: a folder, a name or a loaded domain.
        roles: prompts to compare; none: all that the domain brings itself.

    Raises:
        InputError: the domain or a prompt is wrong, or the domain has no prompt of its own for a role.
    """
    loaded = _load(domain)
    file, language = loaded.file, loaded.prompt_language
    wanted = [find_role(role) for role in roles] or list(REPLIES)  # a fault of one prompt does not hide the others
    folders = partial_folders(language, loaded.prompts)
    files = {role: load_prompt(find_prompt(role, file.task, loaded.prompts, language), folders) for role in wanted}
    own = {role for role, prompt in files.items() if _is_changed(loaded, [prompt.path, *prompt.partials])}
    chosen = wanted if roles else [role for role in wanted if role in own]
    for role in chosen:
        if role not in own:
            raise InputError(f"{loaded.folder}: the {role} prompt is the base one; copy it with: evokd prompts copy")
    diffs = []
    for role in chosen:
        prompt, base = files[role], base_folder(file.task, language) / f"{role}.md"
        before = load_prompt(base, [SHARED / language])
        name, note = str(prompt.path), _compare_version(prompt.head.copied_from, before.head.version)
        if not prompt.path.is_relative_to(loaded.folder):
            partials = [path for path in prompt.partials if path.is_relative_to(loaded.folder)]
            name, note = f"the same with {', '.join(map(str, partials))}", None
        names = (f"{base.relative_to(BASE.parent)} v{before.head.version}", name)
        diffs.append(PromptDiff(role, prompt.path, base, note, compare_texts(before.body, prompt.body, *names)))
    return diffs


def _is_changed(domain: Domain, paths: Sequence[Path]) -> bool:
    return domain.prompts is not None and any(path.is_relative_to(domain.prompts) for path in paths)


def _compare_version(copied_from: str | None, newest: int) -> str | None:
    origin = read_origin(copied_from) if copied_from else None
    if origin is None:
        return "the copy does not say which version of the base it was made from (front matter key copied_from)"
    if origin[1] < newest:
        return f"the base has a newer version: v{newest}; the copy was made from v{origin[1]}"
    return None


def lint_prompt_sets(domain: str | Path | Domain | None = None) -> list[Finding]:
    """Find everything that is wrong or odd about the prompts of a domain, or of all base sets; errors first.

    Raises:
        InputError: the domain itself is wrong.
    """
    if domain is not None:
        return lint_domain(_load(domain))
    tasks = sorted(path.name for path in BASE.iterdir() if (path / "analyst.md").is_file())
    subjects = [_base_subject(task, language) for task in tasks for language in LANGUAGES]
    return [finding for subject in subjects for finding in lint_prompts(subject)]


def tell_finding(finding: Finding) -> dict[str, str]:
    """Return a finding as `evokd prompts lint --json` prints it: weight, where, what, mend."""
    return {"weight": finding.level, "where": finding.place, "what": finding.text, "mend": finding.mend}
