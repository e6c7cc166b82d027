"""Copy base prompts into a domain, to be changed there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from evokd.api.domains import load_domain
from evokd.api.prompt_sets import find_role
from evokd.graph.setup.config_layers import read_yaml
from evokd.graph.setup.contained_paths import keep_inside
from evokd.graph.setup.domain import SHIPPED, Domain
from evokd.graph.setup.prompt_lint import FOLDER
from evokd.messages import EvokdError, InputError
from evokd.messages.files import read_utf8, write_atomically
from evokd.prompts.lint import write_origin
from evokd.prompts.loader import REPLIES, base_folder


@dataclass(frozen=True)
class CopiedPrompts:
    """What was copied."""

    files: tuple[Path, ...]
    changed: Path | None
    """The `domain.yaml`, if it was given the key `prompts`."""


def copy_prompts(domain: str | Path, roles: Sequence[str] = ()) -> CopiedPrompts:
    """Copy base prompts into a domain's folder of prompts; nothing is overwritten.

    Args:
        domain: a domain folder.
        roles: prompts to copy; none: all five.

    Raises:
        InputError: the domain or a role is wrong, the domain comes with the program, or a file is there already.
    """
    loaded = load_domain(domain)
    names = list(dict.fromkeys(find_role(role) for role in roles)) or list(REPLIES)
    _check_own(loaded)
    folder = loaded.prompts or loaded.folder / FOLDER
    keep_inside(loaded.folder, folder)
    files = {role: folder / f"{role}.md" for role in names}
    there = [str(path) for path in files.values() if path.exists() or path.is_symlink()]
    if there:
        raise InputError(f"{', '.join(there)}: there already, nothing was copied; remove it or copy other roles")
    setting = None if loaded.prompts else _add_key(loaded.folder / "domain.yaml")
    texts = {path: _make_copy(loaded, role) for role, path in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            write_atomically(path, text)
        if setting is not None:
            write_atomically(loaded.folder / "domain.yaml", setting)
    except OSError as exc:
        raise EvokdError(f"{exc.filename}: cannot be written: {exc.strerror}") from exc
    return CopiedPrompts(tuple(files.values()), loaded.folder / "domain.yaml" if setting is not None else None)


def _check_own(domain: Domain) -> None:
    """Refuse to write into a domain that comes with the program: an update would remove the copies."""
    if domain.folder.resolve().parent == SHIPPED.resolve():
        raise InputError(
            f"{domain.folder}: this domain comes with the program; copy the folder to a place of your own, then copy"
            " prompts into that"
        )


def _make_copy(domain: Domain, role: str) -> str:
    """The text of a base prompt with a name of the domain's, version 1, and where it was copied from."""
    text = read_utf8(base_folder(domain.file.task, domain.prompt_language) / f"{role}.md")
    origin = write_origin(role, domain.file.task, domain.prompt_language)
    _, head, body = text.split("---\n", 2)
    lines = []
    for line in head.splitlines():
        if line.startswith("name:"):
            line = f"name: {yaml.safe_dump(f'{domain.file.name}-{role}', width=1_000).splitlines()[0]}"
        elif line.startswith("version:"):
            line = "version: 1"
        lines.append(line)
    return "\n".join(["---", *lines, f"copied_from: {origin}", "---", body])


def _add_key(path: Path) -> str:
    """Add `prompts: prompts` to the text of a `domain.yaml`, its comments and order kept.

    Raises:
        InputError: the file is written in a way in which a line cannot simply be added.
    """
    before = read_utf8(path)
    end = "" if before.endswith("\n") else "\n"
    text = f"{before}{end}{FOLDER}: {FOLDER}\n"
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        read = None
    if read != {**read_yaml(path), FOLDER: FOLDER}:
        raise InputError(f"{path}: a line cannot be added to this file; add the key prompts: {FOLDER} yourself")
    return text
