"""Load prompt sets: Markdown files with YAML front matter and a Jinja2 body, rendered sandboxed and strict.

A set is the base folder of a task and a language (`prompts/base/<task>/<role>.md` in English,
`prompts/base/<task>/<language>/<role>.md` in others), overlaid file by file by a domain's own folder.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes
from pydantic import Field, ValidationError

from evokd.messages import ClosedModel, InputError
from evokd.messages.files import read_utf8
from evokd.messages.suggest import suggest
from evokd.messages.validation import describe_fault
from evokd.messages.yaml_faults import describe_yaml_fault
from evokd.prompts.includes import PARTIALS, Body, read_body
from evokd.prompts.languages import PromptLanguage
from evokd.prompts.sandbox import parse, render

ROLES = ("analyst", "generator", "labeler")
"""Agents: the roles under which calls are recorded."""
REPLIES = {
    "analyst": "AnalystReply",
    "generator": "GeneratorReply",
    "labeler": "LabelReply",
    "profile": "ProfileReply",
    "guide": "GuideReply",
}
"""Prompt file -> the reply that it asks for; the last two are questions to the Analyst about the domain itself."""
INPUTS = ("description", "labels", "language", "max_weaknesses", "schema")
"""What a prompt may use."""
BASE = Path(__file__).parent / "base"
SHARED = Path(__file__).parent / PARTIALS
"""Partials of the base sets, a folder per language."""
MAX_FILE = 100_000
"""Bytes of the largest prompt file."""

_TEMPLATE_ERRORS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, SyntaxError)
"""Errors of a bad template; SyntaxError: Python cannot compile the code that jinja2 generates."""


class FrontMatter(ClosedModel):
    """Head of a prompt file."""

    name: str = Field(description="name of the prompt")
    version: int = Field(description="raised with every change of the text")
    description: str = Field(description="what the prompt is for, one line")
    inputs: list[str] = Field(description="variables of the body and its partials, all of them")
    reply: str = Field(description="name of the message asked for")
    copied_from: str | None = Field(
        default=None, description="base prompt of which this is a changed copy, such as base/ner/labeler.md v2"
    )


@dataclass(frozen=True)
class Prompt:
    """One loaded prompt file."""

    head: FrontMatter
    body: str
    """The template, its partials put in."""
    path: Path
    partials: tuple[Path, ...] = ()
    """Files of the partials that were put in."""
    origin: Body | None = None
    """Where the lines of the template stand."""

    def render(self, values: Mapping[str, Any]) -> str:
        """Fill in the template.

        Args:
            values: may hold more than the prompt declares; only declared inputs are passed on.

        Raises:
            InputError: a declared input is not among the values, or the template does something that is not allowed.
        """
        missing = [name for name in self.head.inputs if name not in values]
        if missing:
            known = ", ".join(sorted(values))
            hint = suggest(missing[0], sorted(values))
            raise InputError(
                f"{self.path}: unknown input {missing[0]!r}{hint}; a {self.path.stem} prompt may use: {known}"
            )
        try:
            chosen = {name: values[name] for name in self.head.inputs}
            return render(self.body, chosen).strip()
        except (*_TEMPLATE_ERRORS, RecursionError, MemoryError) as exc:
            reason = _first_words(exc) or "it is nested too deeply"
            line = _find_template_line(exc)
            where = self.origin.locate(line) if self.origin is not None and line is not None else str(self.path)
            raise InputError(f"{where}: the template cannot be rendered: {reason}") from exc


@dataclass(frozen=True)
class InputFault:
    """An input that is declared or used, but not both."""

    name: str
    where: str
    """`path:line` of its first use, or of the declaration that has none."""
    is_declared: bool

    def tell(self) -> str:
        """Say it as one line."""
        if self.is_declared:
            return f"{self.where}: 'inputs' declares {self.name!r}, which the body never uses; remove it or use it"
        told = f"{self.where}: the body uses {self.name!r}, which is not declared"
        if self.name in INPUTS:
            return f"{told}; add it to 'inputs'"
        return f"{told} and no input{suggest(self.name, INPUTS)}; use one of {', '.join(INPUTS)}"


def base_folder(task: str, language: PromptLanguage) -> Path:
    """Folder of a base set."""
    return BASE / task if language == "en" else BASE / task / language


def partial_folders(language: PromptLanguage, overlay: Path | None = None) -> list[Path]:
    """Folders in which partials are looked for, in this order."""
    own = [] if overlay is None else [overlay / PARTIALS]
    return [*own, SHARED / language]


def load_prompts(task: str, overlay: Path | None = None, language: PromptLanguage = "en") -> dict[str, Prompt]:
    """Load the prompts of all roles, the domain's own before the base ones.

    Args:
        task: name of the task; the base set is the folder of that name.
        overlay: folder whose `<role>.md` and `partials/<name>.md` files replace those of the base set.
        language: of the base set.

    Raises:
        InputError: a file is missing or malformed, or the overlay holds a file that belongs to no role.
    """
    if overlay is not None:
        _check_overlay(overlay)
    prompts = {}
    for role in REPLIES:
        prompts[role] = load_role(role, task, overlay, language)
    return prompts


def load_role(role: str, task: str, overlay: Path | None = None, language: PromptLanguage = "en") -> Prompt:
    """Load the prompt of one role, whatever is wrong with the others; arguments as of `load_prompts`.

    Raises:
        InputError: there is no such overlay, or the file is missing or malformed.
    """
    if overlay is not None:
        _check_folder(overlay)
        _check_kind(overlay / f"{role}.md")
    prompt = load_prompt(find_prompt(role, task, overlay, language), partial_folders(language, overlay))
    if fault := find_role_fault(prompt, role):
        raise InputError(fault)
    return prompt


def find_prompt(role: str, task: str, overlay: Path | None, language: PromptLanguage) -> Path:
    """Find the file of a role: the domain's own, else the base one."""
    name = f"{role}.md"
    own = None if overlay is None else overlay / name
    if own is not None and (own.exists() or own.is_symlink()):  # what is no file is refused when it is read
        return own
    return base_folder(task, language) / name


def find_role_fault(prompt: Prompt, role: str) -> str | None:
    """Say that a prompt asks for the reply of another agent; None if it does not."""
    if prompt.head.reply == REPLIES[role]:
        return None
    where = f"{prompt.path}{find_head_line(prompt.path, 'reply')}"
    if prompt.head.reply in REPLIES.values():
        return (
            f"{where}: front matter key 'reply' is {prompt.head.reply!r}, but a {role} gives {REPLIES[role]};"
            " is this the prompt of another agent?"
        )
    hint = suggest(prompt.head.reply, list(REPLIES.values()))
    return (
        f"{where}: front matter key 'reply' is {prompt.head.reply!r}{hint}, which no agent gives; write {REPLIES[role]}"
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of prompts; mend the key 'prompts' in domain.yaml")


def _check_kind(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder, but a prompt is a file; rename it or move it away")


def _check_overlay(folder: Path) -> None:
    _check_folder(folder)
    for path in sorted(folder.glob("*.md")):
        if path.stem in REPLIES:
            _check_kind(path)
        if path.stem not in REPLIES:
            hint = suggest(path.stem, list(REPLIES))
            raise InputError(
                f"{path}: no agent has this name{hint}; a prompt file is one of {', '.join(REPLIES)} (.md)"
            )


def load_prompt(path: Path, folders: Sequence[Path] = (SHARED / "en",)) -> Prompt:
    """Read one prompt file and check that the declared inputs are exactly the variables used.

    Args:
        path: the file.
        folders: where its partials are, the first that holds one wins.

    Raises:
        InputError: names the file, and the line or key at fault.
    """
    prompt, faults = read_prompt(path, folders)
    for fault in faults:
        raise InputError(fault.tell())
    return prompt


def read_prompt(path: Path, folders: Sequence[Path]) -> tuple[Prompt, list[InputFault]]:
    """Read one prompt file; the second value says where its declared inputs are not those that it uses.

    Raises:
        InputError: the file, its front matter or its template is malformed; names the file, and the line or key.
    """
    _check_kind(path)
    missing = "leads to no file; remove it" if path.is_symlink() else "no such prompt file"
    text = read_utf8(path, MAX_FILE, "a prompt that long is paid for with every call", missing)
    head, body = _split(path, text)
    whole = read_body(path, body, text[: len(text) - len(body)].count("\n") + 1, folders)
    try:
        template = parse(whole.text)
        used = meta.find_undeclared_variables(template)
    except TemplateSyntaxError as exc:
        raise InputError(f"{whole.locate_own(path, exc.lineno)}: template error: {_first_words(exc)}") from exc
    except (*_TEMPLATE_ERRORS, RecursionError, MemoryError) as exc:
        raise InputError(f"{path}: template error: {_first_words(exc) or 'it is nested too deeply'}") from exc
    faults = _find_input_faults(path, head, template, used, whole)
    return Prompt(head, whole.text, path, whole.partials, whole), faults


def _find_input_faults(
    path: Path, head: FrontMatter, template: nodes.Template, used: set[str], body: Body
) -> list[InputFault]:
    declared = set(head.inputs)
    line_of = {name.name: name.lineno for name in reversed(list(template.find_all(nodes.Name)))}
    undeclared = [InputFault(name, body.locate(line_of.get(name, 1)), False) for name in sorted(used - declared)]
    where = f"{path}{find_head_line(path, 'inputs')}" if declared - used else ""
    return [*undeclared, *(InputFault(name, where, True) for name in sorted(declared - used))]


def find_head_line(path: Path, key: str) -> str:
    """Line of a key of the front matter as `:n`; empty if the key is missing."""
    lines = read_utf8(path).split("\n---\n", 1)[0].split("\n")
    number = next((number for number, line in enumerate(lines, start=1) if line.startswith(f"{key}:")), None)
    return "" if number is None else f":{number}"


def _split(path: Path, text: str) -> tuple[FrontMatter, str]:
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise InputError(f"{path}:1: a prompt file begins with front matter between two lines of ---")
    try:
        raw = yaml.safe_load(parts[1])
        _check_doubled(path, parts[1])
        if not isinstance(raw, dict):
            raise InputError(f"{path}:2: the front matter must hold the keys name, version, description, inputs, reply")
        return FrontMatter.model_validate(raw), parts[2]
    except yaml.YAMLError as exc:
        line, what = describe_yaml_fault(exc, parts[1])
        raise InputError(f"{path}:{(line or 1) + 1}: the front matter is not YAML: {what}") from exc
    except ValidationError as exc:
        fault = min(exc.errors(), key=lambda error: error["type"] != "extra_forbidden")
        key = ".".join(str(part)[:80] for part in fault["loc"])
        told = _describe_head_fault(key, fault["type"], fault["msg"])
        raise InputError(f"{path}{find_head_line(path, key)}: front matter key {key!r}: {told}") from exc
    except (*_TEMPLATE_ERRORS, RecursionError) as exc:
        raise InputError(f"{path}:2: the front matter is not YAML: {_first_words(exc)}") from exc


def _describe_head_fault(key: str, kind: str, message: str) -> str:
    keys = list(FrontMatter.model_fields)
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return f"is no key of a prompt{suggest(key, keys)}; keys: {', '.join(keys)}"
    return describe_fault(kind, message)


def _check_doubled(path: Path, head: str) -> None:
    """Refuse a key that is there twice: YAML would take the last one without a word."""
    seen: set[str] = set()
    for number, line in enumerate(head.split("\n"), start=2):
        key = line.split(":")[0].rstrip()
        if key in seen and key in FrontMatter.model_fields:
            raise InputError(f"{path}:{number}: front matter key {key!r} is there twice; keep one of the two")
        seen.add(key)


def _find_template_line(exc: BaseException) -> int | None:
    """The line of the template that raised an error while it was rendered: jinja2 puts it into the traceback."""
    line, step = None, exc.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line


def _first_words(exc: BaseException) -> str:
    """The first words of an error, on one line, without the line that jinja2 adds, which is not that of the file."""
    words = exc.message if isinstance(exc, TemplateSyntaxError) else str(exc)
    return " ".join((words or "").split())[:300]


def digest_prompts(rendered: Mapping[str, str]) -> str:
    """Hash a set of rendered prompts (role -> text): the first 16 hex digits of a SHA-256."""
    joined = "\0".join(f"{role}\0{text}" for role, text in sorted(rendered.items()))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
