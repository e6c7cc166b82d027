"""Load prompt sets: Markdown files with YAML front matter and a Jinja2 body, rendered sandboxed and strict.

A set is the base folder of a task (`prompts/base/<task>/<role>.md`), overlaid file by file by a domain's own folder.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import TemplateError, TemplateSyntaxError, meta
from pydantic import Field, ValidationError

from evokd.messages import ClosedModel, InputError
from evokd.messages.files import read_utf8
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
BASE = Path(__file__).parent / "base"
MAX_FILE = 100_000
"""Bytes of the largest prompt file."""

_TEMPLATE_ERRORS = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, SyntaxError)
"""Errors of a bad template; SyntaxError: Python cannot compile the code that jinja2 generates."""


class FrontMatter(ClosedModel):
    """Head of a prompt file."""

    name: str = Field(description="name of the prompt")
    version: int = Field(description="raised with every change of the text")
    description: str = Field(description="what the prompt is for, one line")
    inputs: list[str] = Field(description="variables of the body, all of them")
    reply: str = Field(description="name of the message asked for")


@dataclass(frozen=True)
class Prompt:
    """One loaded prompt file."""

    head: FrontMatter
    body: str
    path: Path

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
            raise InputError(f"{self.path}: unknown input {missing[0]!r}; a {self.path.stem} prompt may use: {known}")
        try:
            chosen = {name: values[name] for name in self.head.inputs}
            return render(self.body, chosen).strip()
        except (*_TEMPLATE_ERRORS, RecursionError, MemoryError) as exc:
            reason = _first_words(exc) or "it is nested too deeply"
            raise InputError(f"{self.path}: the template cannot be rendered: {reason}") from exc


def load_prompts(task: str, overlay: Path | None = None) -> dict[str, Prompt]:
    """Load the prompts of all roles, the domain's own before the base ones.

    Args:
        task: name of the task; the base set is the folder of that name.
        overlay: folder whose `<role>.md` files replace those of the base set.

    Raises:
        InputError: a file is missing or malformed, or the overlay holds a file that belongs to no role.
    """
    base = BASE / task
    if overlay is not None:
        _check_overlay(overlay)
    prompts = {}
    for role in REPLIES:
        path = base / f"{role}.md"
        if overlay is not None and (overlay / path.name).is_file():
            path = overlay / path.name
        prompts[role] = load_prompt(path)
        _check_role(prompts[role], role)
    return prompts


def _check_role(prompt: Prompt, role: str) -> None:
    if prompt.head.reply in REPLIES.values() and prompt.head.reply != REPLIES[role]:
        raise InputError(
            f"{prompt.path}: front matter key 'reply' is {prompt.head.reply!r}, but a {role} gives {REPLIES[role]};"
            " is this the prompt of another agent?"
        )


def _check_overlay(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of prompts; mend the key 'prompts' in domain.yaml")
    for path in sorted(folder.glob("*.md")):
        if path.stem not in REPLIES:
            raise InputError(f"{path}: no agent has this name; a prompt file is one of {', '.join(REPLIES)} (.md)")


def load_prompt(path: Path) -> Prompt:
    """Read one prompt file and check that the declared inputs are exactly the variables used.

    Raises:
        InputError: names the file, and the line or key at fault.
    """
    text = read_utf8(path, MAX_FILE, "a prompt that long is paid for with every call", "no such prompt file")
    head, body = _split(path, text)
    try:
        used = meta.find_undeclared_variables(parse(body))
    except TemplateSyntaxError as exc:
        line = text[: len(text) - len(body)].count("\n") + exc.lineno
        raise InputError(f"{path}:{line}: template error: {_first_words(exc)}") from exc
    except (*_TEMPLATE_ERRORS, RecursionError, MemoryError) as exc:
        raise InputError(f"{path}: template error: {_first_words(exc) or 'it is nested too deeply'}") from exc
    for name in sorted(used - set(head.inputs)):
        raise InputError(f"{path}: the body uses {name!r}, which is not declared; add it to 'inputs'")
    for name in sorted(set(head.inputs) - used):
        raise InputError(f"{path}: 'inputs' declares {name!r}, which the body never uses; remove it")
    return Prompt(head, body, path)


def _split(path: Path, text: str) -> tuple[FrontMatter, str]:
    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise InputError(f"{path}:1: a prompt file begins with front matter between two lines of ---")
    try:
        raw = yaml.safe_load(parts[1])
        if not isinstance(raw, dict):
            raise InputError(f"{path}:2: the front matter must hold the keys name, version, description, inputs, reply")
        return FrontMatter.model_validate(raw), parts[2]
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 2 if mark else 2
        problem = getattr(exc, "problem", None) or _first_words(exc)
        raise InputError(f"{path}:{line}: the front matter is not YAML: {problem}") from exc
    except ValidationError as exc:
        fault = exc.errors()[0]
        key = ".".join(str(part)[:80] for part in fault["loc"])
        raise InputError(f"{path}: front matter key {key!r}: {fault['msg']}") from exc
    except (*_TEMPLATE_ERRORS, RecursionError) as exc:
        raise InputError(f"{path}:2: the front matter is not YAML: {_first_words(exc)}") from exc


def _first_words(exc: BaseException) -> str:
    """The first words of an error, on one line."""
    return " ".join(str(exc).split())[:300]


def digest_prompts(rendered: Mapping[str, str]) -> str:
    """Hash a set of rendered prompts (role -> text): the first 16 hex digits of a SHA-256."""
    joined = "\0".join(f"{role}\0{text}" for role, text in sorted(rendered.items()))
    return hashlib.sha256(joined.encode()).hexdigest()[:16]
