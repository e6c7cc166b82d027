"""Find everything that is wrong with a set of prompts, in one pass, before a call is paid for.

The loader refuses a set at its first fault; here all faults of all files are told, and what is odd beside them.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.messages import DomainSample, DraftBatch, FeedbackPacket, InputError, LabelEvidence, LessonPlan, Message
from evokd.messages.finding import Finding
from evokd.messages.suggest import find_closest, suggest
from evokd.prompts.includes import PARTIALS, list_partials
from evokd.prompts.languages import LANGUAGE_NAMES, PromptLanguage
from evokd.prompts.loader import (
    BASE,
    REPLIES,
    SHARED,
    InputFault,
    Prompt,
    base_folder,
    find_head_line,
    find_prompt,
    find_role_fault,
    load_prompt,
    partial_folders,
    read_prompt,
)

MESSAGES: Mapping[str, type[Message]] = {
    "analyst": FeedbackPacket,
    "generator": LessonPlan,
    "labeler": DraftBatch,
    "profile": DomainSample,
    "guide": LabelEvidence,
}
"""Prompt -> the message that is sent with it."""
FIELDS: Mapping[str, tuple[str, ...]] = {
    "analyst": ("labels", "report", "cases", "gold", "predicted", "weaknesses", "evidence"),
    "generator": ("labels", "quotas", "weakness", "mode", "tone", "examples", "avoid"),
    "labeler": ("labels", "examples", "drafts", "confidence"),
    "profile": ("labels", "texts"),
    "guide": ("labels", "rows"),
}
"""Prompt -> what of the message and the reply an agent cannot do its work without knowing."""
LONGEST = 4_000
"""Tokens of a system prompt above which it is called long; those that are shipped have up to 1,500."""

_HEAD_ADVICE = "a head has name, version (a whole number), description, inputs (a list) and reply, each on a line"


@dataclass(frozen=True)
class LintSubject:
    """A set of prompts that is looked at."""

    task: str
    language: PromptLanguage
    """Of the base set."""
    overlay: Path | None
    """Folder of the domain's own prompts."""
    values: Mapping[str, Mapping[str, Any]]
    """Role -> what its prompt may use."""
    count_tokens: Callable[[str], int]


def lint_prompts(subject: LintSubject) -> list[Finding]:
    """Look at every file of a set.

    Returns:
        Findings, errors first, then by file and line.
    """
    findings: list[Finding] = []
    used: set[str] = set()
    overlay = subject.overlay
    if overlay is not None and not overlay.is_dir():
        return [
            Finding(
                "error",
                "prompts_folder_missing",
                str(overlay),
                "no such folder of prompts",
                "mend the key 'prompts' in domain.yaml",
            )
        ]
    for role in REPLIES:
        path = find_prompt(role, subject.task, overlay, subject.language)
        try:
            prompt, faults = read_prompt(path, partial_folders(subject.language, overlay))
        except InputError as exc:
            findings.append(_to_finding(exc))
            used |= set(list_partials([overlay / PARTIALS])) if overlay is not None else set()  # which, nobody knows
            continue
        used |= {partial.stem for partial in prompt.partials}
        findings += _lint_prompt(subject, role, prompt, faults)
    findings += _find_strays(overlay, used) if overlay is not None else []
    return sorted(dict.fromkeys(findings), key=_rank)


def _rank(finding: Finding) -> tuple[bool, str, int]:
    path, _, line = finding.place.rpartition(":")
    return finding.level != "error", path or line, int(line) if line.isdigit() else 0


def _to_finding(exc: InputError) -> Finding:
    """Turn the loader's refusal into a finding: `path:line: what; mend`."""
    where, _, rest = str(exc).partition(": ")
    what, _, mend = rest.rpartition("; ")
    if what:
        return Finding("error", "prompt_malformed", where, what, mend)
    return Finding(
        "error", "prompt_malformed", where, rest, _HEAD_ADVICE if "front matter" in rest else "mend this line"
    )


def _lint_prompt(subject: LintSubject, role: str, prompt: Prompt, faults: list[InputFault]) -> list[Finding]:
    values = subject.values[role]
    findings = [_describe_input(fault, sorted(values)) for fault in _drop_misspelt(faults)]
    known = {fault.name for fault in faults}
    for name in prompt.head.inputs:
        if name not in values and name not in known:
            where = f"{prompt.path}{find_head_line(prompt.path, 'inputs')}"
            findings.append(_describe_unknown(where, name, sorted(values)))
    if fault := find_role_fault(prompt, role):
        findings.append(_to_finding(InputError(fault)))
    if "schema" not in prompt.head.inputs:
        what = "the prompt does not show the form of the reply ({{ schema }})"
        findings.append(
            Finding(
                "warning",
                "prompt_without_schema",
                str(prompt.path),
                what,
                'end it with the line {% include "answer_form" %}',
            )
        )
    findings += _lint_text(role, prompt)
    findings += _lint_origin(subject, role, prompt)
    if not any(finding.level == "error" for finding in findings):
        findings += _lint_rendered(subject, role, prompt)
    return findings


def _drop_misspelt(faults: list[InputFault]) -> list[InputFault]:
    """Leave out what seems unused because the body misspells it: one slip is one finding."""
    declared = [fault.name for fault in faults if fault.is_declared]
    meant = {find_closest(fault.name, declared) for fault in faults if not fault.is_declared}
    return [fault for fault in faults if not (fault.is_declared and fault.name in meant)]


def _describe_input(fault: InputFault, allowed: list[str]) -> Finding:
    if fault.name not in allowed:
        return _describe_unknown(fault.where, fault.name, allowed)
    if fault.is_declared:
        what = f"'inputs' declares {fault.name!r}, which the body never uses"
        return Finding("error", "prompt_input_unused", fault.where, what, "remove it or use it")
    what = f"the body uses {fault.name!r}, which is not declared"
    return Finding("error", "prompt_input_undeclared", fault.where, what, "add it to 'inputs'")


def _describe_unknown(where: str, name: str, allowed: list[str]) -> Finding:
    what = f"unknown input {name!r}{suggest(name, allowed)}"
    return Finding("error", "prompt_input_unknown", where, what, f"use one of {', '.join(allowed)}")


def _lint_text(role: str, prompt: Prompt) -> list[Finding]:
    """Compare what a prompt tells with the message that is sent with it."""
    told, kind = set(re.findall(r"[a-z_]+", prompt.body)), MESSAGES[role].model_fields["kind"].default
    others = [MESSAGES[other].model_fields["kind"].default for other in MESSAGES if other != role]
    findings = []
    if kind not in told:
        other = next((other for other in others if other in told), None)
        what = f"the prompt does not name the message that it comes with, {kind!r}"
        what += f", but {other!r}, which this agent never gets" if other else ""
        mend = f"say that a message of kind `{kind}` follows"
        findings.append(Finding("warning", "prompt_message_unnamed", str(prompt.path), what, mend))
    quoted = set(re.findall(r"[`'\"]([a-z_]+)[`'\"]", prompt.body))  # the words alone may stand in any sentence
    missing = [field for field in FIELDS[role] if field not in quoted]
    if missing:
        names = ", ".join(f"`{field}`" for field in missing)
        what = f"the prompt does not mention {names} of its message or reply"
        mend = "explain what the agent has to do with them"
        findings.append(Finding("warning", "prompt_fields_unnamed", str(prompt.path), what, mend))
    return findings


def _lint_rendered(subject: LintSubject, role: str, prompt: Prompt) -> list[Finding]:
    try:
        text = prompt.render(subject.values[role])
    except InputError as exc:
        return [_to_finding(exc)]
    tokens = subject.count_tokens(text)
    if tokens <= LONGEST:
        return []
    what = f"the prompt has about {tokens:,} tokens, which are paid for with every call"
    return [Finding("warning", "prompt_long", str(prompt.path), what, f"shorten it to {LONGEST:,} or fewer")]


def _lint_origin(subject: LintSubject, role: str, prompt: Prompt) -> list[Finding]:
    """Compare a copy with the base prompt that it was made from."""
    if prompt.head.copied_from is None:
        return []
    where = f"{prompt.path}{find_head_line(prompt.path, 'copied_from')}"
    origin = read_origin(prompt.head.copied_from)
    if origin is None:
        what = f"copied_from is {prompt.head.copied_from!r}, which names no base prompt"
        mend = f"write it like {write_origin(role, subject.task, subject.language)!r}"
        return [Finding("warning", "prompt_origin_unknown", where, what, mend)]
    path, version = origin
    task, language = _name_set(path)
    if task != subject.task or path.stem != role:
        what = f"this is a copy of the {path.stem} prompt for {task}"
        return [
            Finding("warning", "prompt_origin_other", where, what, f"copy the {role} prompt for {subject.task} instead")
        ]
    if language != subject.language:
        copied, base = LANGUAGE_NAMES[language], LANGUAGE_NAMES[subject.language]
        what = f"this is a copy of the {copied} prompt, but the other prompts are {base}"
        mend = f"translate it, or set prompt_language: {language} in domain.yaml"
        return [Finding("warning", "prompt_origin_language", where, what, mend)]
    newest = load_prompt(path, [SHARED / language]).head.version
    if newest > version:
        what = f"the base prompt is v{newest} now, this is a copy of v{version}"
        mend = f"take over what `evokd prompts diff` shows, then write v{newest} here"
        return [Finding("warning", "prompt_origin_old", where, what, mend)]
    return []


def _find_strays(overlay: Path, used: set[str]) -> list[Finding]:
    """Files in the folder of prompts that no prompt is made of."""
    findings = []
    for path in sorted(overlay.iterdir()):
        if path.name == PARTIALS or path.name.startswith("."):
            continue
        if path.suffix == ".md" and path.stem not in REPLIES:
            what = f"no agent has this name{suggest(path.stem, list(REPLIES))}"
            mend = f"name it one of {', '.join(REPLIES)} (.md), or remove it"
            findings.append(Finding("error", "prompt_stray", str(path), what, mend))
        elif path.suffix != ".md":
            hint = suggest(path.stem, list(REPLIES))
            what = f"not read: a prompt is a file of Markdown{hint if path.is_file() else ''}"
            mend = "name it ROLE.md, or move it out of this folder"
            findings.append(Finding("warning", "prompt_not_read", str(path), what, mend))
    folder = overlay / PARTIALS
    for name in list_partials([folder]):
        if name not in used:
            what = f"no prompt includes this partial{suggest(name, sorted(used))}"
            where = str(folder / f"{name}.md")
            findings.append(Finding("warning", "partial_unused", where, what, "rename or remove it"))
    return findings


# ------------------------------------------------------------------------------------------ where a copy was made from


def write_origin(role: str, task: str, language: PromptLanguage) -> str:
    """Name a base prompt with its version, such as `base/ner/de/labeler.md v1`."""
    path = base_folder(task, language) / f"{role}.md"
    version = load_prompt(path, [SHARED / language]).head.version
    return f"{BASE.name}/{path.relative_to(BASE).as_posix()} v{version}"


def read_origin(written: str) -> tuple[Path, int] | None:
    """Find the base prompt that a copy names, and the version that was copied; None where there is no such prompt."""
    match = re.fullmatch(r"base/([a-z_]+(?:/[a-z]{2})?/[a-z]+\.md) v(\d{1,6})", written.strip())
    if match is None or not (BASE / match[1]).is_file():
        return None
    return BASE / match[1], int(match[2])


def _name_set(path: Path) -> tuple[str, PromptLanguage]:
    parts = path.relative_to(BASE).parts
    languages = [language for language in LANGUAGE_NAMES if language == parts[1]]
    return parts[0], languages[0] if languages else "en"


def compare_texts(old: str, new: str, old_name: str, new_name: str) -> list[str]:
    """Lines of a unified diff; [] where the texts are the same."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm=""))
