"""How much of a domain's texts a student can read, checked before a run and its first call, without torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_settings import Settings
from evokd.messages import InputError
from evokd.messages.finding import Finding
from evokd.student.base import EMBEDDED, find_local
from evokd.student.protocol import write_meaning
from evokd.student.reader import Look, Reader, describe_longer, open_reader, spread

HOPELESS = 0.5
"""From this share of unknown characters, or of unreadable texts, a student cannot learn the language: texts that have
nothing in common look the same to it."""
NOTED = 0.05
"""From this share of unknown characters, a note is shown; emoji and foreign names alone stay below it."""
NOTED_TEXTS = 0.02
"""From this share of unreadable texts, a note is shown."""
SPELLED = 1.3
"""With fewer letters per sub-word, a text is spelled rather than read: European languages have 1.7 or more."""
LEAST_LETTERS = 40
"""With fewer letters, nothing is said about spelling."""
MOST_TEXTS = 2_000
"""Texts of a split that are examined, spread evenly."""
MEANINGS = "label meanings"
_STEERING = ("seeds", "validation", "pool")
"""Splits that a run learns from or is steered by."""
_COVERED = 0.99
"""Share of the texts that fit into a length chosen from the data."""
_LENGTHS = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)


@dataclass(frozen=True)
class Sight:
    """The result of the check."""

    unreadable: str | None = None
    """Why a run would waste money, and how to fix it; None if it would not."""
    notes: tuple[str, ...] = ()
    """All notes, `unreadable` included."""
    splits: Mapping[str, Any] = field(default_factory=dict)
    """Per split: texts, unknown (share), unreadable, longer, longest, and sub-words: median, p95."""
    findings: tuple[Finding, ...] = ()
    """Those of the notes that something can be done about."""


NOTHING = Sight()
"""For a resumed run, whose texts are not examined."""


def look_ahead(domain: Domain, settings: Settings) -> tuple[Settings, Sight]:
    """Examine a domain's texts with the tokenizer of the base.

    Args:
        domain: the domain, rows chosen.
        settings: the settings; a length of `auto` is replaced by a number.

    Returns:
        The settings, and the notes.

    Raises:
        InputError: the length depends on texts that cannot be examined.
    """
    student = settings.student
    source = find_local(student.base)
    reader = open_reader(Path(source)) if source is not None else None
    if reader is None:
        if student.max_length == "auto":
            raise InputError(
                f"student.max_length: auto needs the tokenizer.json of {student.base!r} on this machine; give a number"
            )
        why = "is not on this machine yet" if source is None else "has no tokenizer.json"
        return settings, Sight(notes=(f"student.base {student.base!r} {why}: what it can read was not checked",))
    return _examine(domain, settings, reader)


def _examine(domain: Domain, settings: Settings, reader: Reader) -> tuple[Settings, Sight]:
    student = settings.student
    looks = {name: reader.look(texts) for name, texts in _gather(domain, settings).items() if texts}
    findings, notes = list(_tell_language(domain, student.base)), []
    if student.max_length == "auto":
        settings, note = _choose_length(settings, looks, reader)
        notes.append(note)
    limit = _cap(settings.student.length, reader)
    if limit < settings.student.length:
        notes.append(f"student.base reads at most {limit} sub-words at once, so student.max_length is {limit}")
    unreadable = _tell_unreadable(looks, student.base)
    findings += [unreadable] if unreadable else [*_tell_unknown(looks), *_tell_spelled(looks)]
    if domain.codec.windows:
        notes += _tell_windows(looks, limit)
    else:
        findings += _tell_longer(looks, limit, reader)
    return settings, Sight(
        unreadable.note if unreadable else None,
        (*notes, *(finding.note for finding in findings)),
        {name: _sum_up(look, limit) for name, look in looks.items()},
        tuple(findings),
    )


def refuse_unreadable(sight: Sight, settings: Settings) -> None:
    """Refuse a run on texts that the student cannot read, unless the user has allowed it.

    Raises:
        InputError: what it cannot read, and how to fix it.
    """
    if sight.unreadable and not settings.student.allow_unreadable:
        raise InputError(sight.unreadable)


def note_texts(folder: Path, texts: Sequence[str], limit: int, windows: bool) -> list[str]:
    """Say what a trained student cannot read in the texts that it is asked about.

    Args:
        folder: of the student.
        texts: the texts.
        limit: sub-words that it reads at once.
        windows: whether it reads longer texts in windows.
    """
    reader = open_reader(folder)
    if reader is None or not texts:
        return []
    look = reader.look(spread(texts, MOST_TEXTS))
    told = [
        f"the student's vocabulary lacks {_tell_share(look)} of the texts; it was not made for this script or language"
    ]
    notes = told if _is_noted(look) else []
    if look.longer(limit) and not windows:
        notes.append(f"texts longer than {limit} sub-words are cut off there: {describe_longer(look, limit)}")
    return notes


def _gather(domain: Domain, settings: Settings) -> dict[str, tuple[str, ...]]:
    meanings: dict[str, str] = {}
    if settings.student.meaning_weight and not domain.codec.windows:
        meanings = dict(domain.file.labels)
    splits = {
        "seeds": [row.text for row in domain.seeds],
        "validation": [row.text for row in domain.validation],
        "test": [row.text for row in domain.test],
        "pool": [row.text for row in domain.pool],
        MEANINGS: [write_meaning(label, meaning) for label, meaning in meanings.items()],
    }
    return {name: spread(texts, MOST_TEXTS) if texts else () for name, texts in splits.items()}


def _cap(length: int, reader: Reader) -> int:
    return length if reader.limit is None else min(length, reader.limit)


def _choose_length(settings: Settings, looks: Mapping[str, Look], reader: Reader) -> tuple[Settings, str]:
    """Choose the length from seeds, validation and pool; test data has no influence."""
    lengths = sorted(length for name in _STEERING if name in looks for length in looks[name].lengths)
    needed = lengths[min(len(lengths) - 1, int(len(lengths) * _COVERED))]
    chosen = _cap(next((length for length in _LENGTHS if length >= needed), _LENGTHS[-1]), reader)
    usual, more = (sum(min(length, limit) for length in lengths) for limit in (_LENGTHS[0], chosen))
    cost = f", {more / usual:.1f} times as many as with {_LENGTHS[0]}, and time in proportion" if more > usual else ""
    student = settings.student.model_copy(update={"max_length": chosen})
    return settings.model_copy(update={"student": student}), f"student.max_length auto: {chosen} sub-words{cost}"


def _tell_language(domain: Domain, base: str) -> Iterator[Finding]:
    language = domain.file.language
    if base == EMBEDDED and not language.lower().startswith("en"):
        text = f"the embedded student was trained on English texts, and language is {language!r}"
        yield Finding("warning", "language", "", text, "a base that knows the language learns more (--student)")


def _tell_unreadable(looks: Mapping[str, Look], base: str) -> Finding | None:
    if not any(_is_hopeless(looks[name]) for name in _STEERING if name in looks):
        return None
    told = ", ".join(f"{look.share:.0%} of {name}" for name, look in looks.items())
    mend = (
        "choose a base that was trained on their language, such as a multilingual one, with --student"
        " (or run anyway with --set student.allow_unreadable=true)"
    )
    text = f"the student {base!r} cannot read these texts: its vocabulary lacks {told}"
    return Finding("error", "unreadable_texts", "", text, mend)


def _tell_unknown(looks: Mapping[str, Look]) -> Iterator[Finding]:
    told = [f"{_tell_share(look)} of {name}" for name, look in looks.items() if _is_noted(look)]
    if told:
        mend = "where that matters, choose a base that knows the script, such as a multilingual one, with --student"
        yield Finding("warning", "unknown_signs", "", f"the student's vocabulary lacks {', '.join(told)}", mend)


def _tell_spelled(looks: Mapping[str, Look]) -> Iterator[Finding]:
    letters = sum(look.letters for name, look in looks.items() if name in _STEERING)
    pieces = sum(look.pieces for name, look in looks.items() if name in _STEERING)
    if letters >= LEAST_LETTERS and letters < SPELLED * pieces:
        text = (
            f"the student spells most words of these texts letter by letter ({letters / pieces:.1f} letters per"
            " sub-word), as in a language that it was not trained on"
        )
        yield Finding("warning", "spelled_words", "", text, "a base that was trained on it learns more (--student)")


def _tell_windows(looks: Mapping[str, Look], limit: int) -> Iterator[str]:
    told = _list_longer(looks, limit)
    if told:
        yield f"texts longer than {limit} sub-words are read in overlapping windows: {told}"


def _tell_longer(looks: Mapping[str, Look], limit: int, reader: Reader) -> Iterator[Finding]:
    told = _list_longer(looks, limit)
    if not told:
        return
    free = reader.limit is None or limit < reader.limit
    mend = "--set student.max_length=auto takes the length from the texts" if free else "the base cannot read more"
    text = f"texts longer than student.max_length ({limit} sub-words) are cut off there: {told}"
    yield Finding("warning", "cut_texts", "", text, mend)


def _list_longer(looks: Mapping[str, Look], limit: int) -> str:
    longer = {name: look for name, look in looks.items() if look.longer(limit)}
    return ", ".join(f"{name} {describe_longer(look, limit)}" for name, look in longer.items())


def _tell_share(look: Look) -> str:
    part = f" ({look.unreadable:,} of {len(look.lengths):,} texts are unreadable)" if look.unreadable else ""
    return f"{look.share:.0%}{part}"


def _is_hopeless(look: Look) -> bool:
    return look.share >= HOPELESS or look.unreadable >= HOPELESS * len(look.lengths)


def _is_noted(look: Look) -> bool:
    return look.share >= NOTED or look.unreadable > NOTED_TEXTS * len(look.lengths)


def _sum_up(look: Look, limit: int) -> dict[str, Any]:
    lengths = sorted(look.lengths)
    return {
        "texts": len(look.lengths),
        "unknown": round(look.share, 4),
        "unreadable": look.unreadable,
        "longer": len(look.longer(limit)),
        "longest": lengths[-1],
        "median": lengths[len(lengths) // 2],
        "p95": lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
    }
