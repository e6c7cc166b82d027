"""Make a domain folder from somebody's own file, or an example to edit."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.graph.setup.domain import load_domain
from evokd.intake.folder import check_target, write_folder
from evokd.intake.making import make_domain
from evokd.intake.new_domain import NewDomain, Order
from evokd.intake.recognise import AmbiguousColumnsError as AmbiguousColumnsError
from evokd.messages import InputError

if TYPE_CHECKING:
    from evokd.agents.llm.teacher_settings import TeacherSettings


def init_domain(
    name: str | Path,
    *,
    source: str | Path | None = None,
    task: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    pool: str | Path | None = None,
    language: str | None = None,
    seed: int = 0,
    teacher: str | None = None,
    base_url: str | None = None,
) -> dict[str, Any]:
    """Make a domain folder that `check` accepts; it appears whole or not at all, and nothing is overwritten.

    Args:
        name: the new folder; its last part becomes the domain's name.
        source: a file with labelled, partly labelled or unlabelled texts, or an export of a labelling tool; None makes
            an example to edit.
        task: "classification", "multilabel" or "ner"; None takes it from the file (multilabel must be named).
        text_column: the column of the texts; None recognises it, as the next.
        label_column: the column of the answers.
        label_names: names of labels or tags that the file writes as numbers, in order; for texts without labels, the
            labels wanted.
        pool: a file with more unlabelled texts.
        language: of the texts; None guesses it.
        seed: of the order in which rows are dealt to the splits.
        teacher: a language model that drafts description and label meanings from some seeds and unlabelled texts, in
            one request; None: nobody is asked.
        base_url: its OpenAI-compatible endpoint, up to /v1.

    Returns:
        What was read, the splits, labels with their counts, notes, and the files.

    Raises:
        InputError: a file is faulty, or a column is not clear; what, where, and how to mend it. Nothing is written.
    """
    order = Order(
        folder=Path(name).expanduser(),
        source=None if source is None else Path(source),
        task=task,
        text_column=text_column,
        label_column=label_column,
        label_names=_read_names(label_names),
        pool=None if pool is None else Path(pool),
        language=language,
        seed=seed,
    )
    check_target(order.folder)
    drafter = _find_drafter(order, teacher, base_url)
    domain = make_domain(order)
    if drafter is not None:
        from evokd.api.domain_draft import add_draft

        domain = add_draft(domain, drafter, seed)
    files = write_folder(domain, load_domain)
    return _tell(domain, files)


def _find_drafter(order: Order, teacher: str | None, base_url: str | None) -> "TeacherSettings | None":
    if teacher is None and base_url is None:
        return None
    if teacher is None:
        raise InputError("--base-url says where a language model is; name it with --teacher MODEL")
    if order.source is None:
        raise InputError("--teacher drafts from rows of yours; give them with --from FILE")
    from evokd.api.domain_draft import read_teacher

    return read_teacher(teacher, base_url)


def _read_names(names: Sequence[str]) -> tuple[str, ...]:
    read = tuple(name.strip() for name in names)
    if any(not name for name in read):
        raise InputError("--label-names: a name is empty; write them as sports,politics")
    doubled = next((name for name in read if read.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"--label-names: {doubled!r} is there twice; name every label once")
    return read


def _tell(domain: NewDomain, files: Sequence[str]) -> dict[str, Any]:
    return {
        "folder": str(domain.folder),
        "name": domain.name,
        "task": domain.codec.name,
        "metric": domain.codec.metrics[0],
        "language": domain.language,
        "language_is_guessed": domain.is_guessed,
        "read": domain.read,
        "text_column": domain.extra.get("text_column"),
        "label_column": domain.extra.get("label_column"),
        "labels": dict(domain.label_counts),
        "data": {
            "seeds": len(domain.seeds),
            "validation": len(domain.validation),
            "test": len(domain.test),
            "pool": len(domain.pool),
        },
        "reason": domain.reason,
        "has_placeholders": domain.has_placeholders,
        "drafted_by": domain.drafted_by,
        "notes": list(domain.notes),
        "files": list(files),
    }
