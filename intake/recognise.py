"""Which columns of a table hold the texts and the labels, by their names and by what stands in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evokd.intake.table import Table
from evokd.messages import InputError
from evokd.messages.suggest import find_closest
from evokd.student.reading.columns import LABEL_NAMES, TEXT_NAMES, guess_name, list_names
from evokd.student.reading.conll_columns import TAG

MOST_LABELS = 50
"""Different values that a column of labels has at most."""
MOST_NAMED_LABELS = 200
"""The same where the user names the column."""
_OFTEN = 5
"""Times that each of more than `MOST_LABELS` values must occur on average."""
_FREE = 0.5
"""Share of different values from which on a column of `_FEW` values or more holds free text."""
_FEW = 20
_CERTAIN = ("text", "texts", "sentence", "utterance")
"""Names of columns of texts, however short these are."""
_STRONG = LABEL_NAMES[: LABEL_NAMES.index("tag")]
"""Names that say by themselves that a column holds labels."""
_LONGER = 1.5
"""Times as long as the next one, by median, that the only column of texts must be."""
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b|\d{1,2}:\d{2}")
_SAMPLE = 40
"""Characters of a sample that are shown."""


class AmbiguousColumnsError(InputError):
    """Several columns may be meant.

    Attributes:
        flag: the option that names one.
        choices: the columns, each with a sample of what stands in it.
    """

    def __init__(self, message: str, flag: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__(message)
        self.flag = flag
        self.choices = tuple(choices)


@dataclass(frozen=True)
class Columns:
    """What is read from a table: of text and tokens one is there."""

    text: str | None = None
    label: str | None = None
    """A label per text: a value, a list of one, or scores per label."""
    sets: str | None = None
    """Any number of labels per text: a list, scores per label, or a cell in which they are parted by a sign."""
    spans: str | None = None
    tokens: str | None = None
    tags: str | None = None

    @property
    def task(self) -> str | None:
        """The task that the columns are labelled for; None where there are no labels."""
        if self.spans is not None or self.tags is not None:
            return "ner"
        if self.sets is not None:
            return "multilabel"
        return "classification" if self.label is not None else None

    @property
    def answer(self) -> str | None:
        """The column of the answers."""
        return self.spans or self.tags or self.sets or self.label

    @property
    def named(self) -> tuple[str | None, str | None]:
        """The columns of the texts and of the answers."""
        return self.text or self.tokens, self.answer


def find_columns(table: Table, text: str | None, label: str | None, task: str | None) -> Columns:
    """Find the columns of texts and answers.

    Args:
        table: the table.
        text: the column of the texts, where the user names it, as the others.
        label: the column of the answers.
        task: the task.

    Raises:
        AmbiguousColumnsError: several may be meant; lists them and the flag that names one.
        InputError: a column is not there, or cannot be what it is meant to be.
    """
    for flag, name in (("--text-column", text), ("--label-column", label)):
        if name is not None and name not in table.columns:
            raise table.refuse(f"{flag}: no column {name!r}{_hint(name, table.columns)}; {_list(table)}")
    if text is not None and text == label:
        raise table.refuse(f"--text-column and --label-column both name {text!r}; name two columns")
    tokens = _find_tokens(table, text, label)
    if tokens is not None and (tokens.tags is not None or task == "ner"):
        return tokens
    if tokens is not None and (text is not None or "text" not in table.columns):
        return Columns(tokens=tokens.tokens, label=label or _find_label(table, tokens.tokens or ""))
    text = text or _find_text(table, {label})
    if task == "multilabel":
        return Columns(text=text, sets=label or _find_sets(table, text) or _find_label(table, text))
    spans = _find_spans(table, label) if task != "classification" else None
    if spans is not None:
        return Columns(text=text, spans=spans)
    if task == "ner":
        if label is not None:
            fault = f'the column {label!r} holds no spans such as [0, 5, "person"] and no tags'
            raise table.refuse(f"{fault}; name another with --label-column, or leave --task out")
        return Columns(text=text)
    return Columns(text=text, label=label or _find_label(table, text))


def find_text_column(table: Table, text: str | None) -> Columns:
    """Find the column of unlabelled texts: the named one, where the table has it, or else as `find_columns` does.

    Raises:
        AmbiguousColumnsError: several may be meant.
    """
    if text is not None and text in table.columns:
        return Columns(text=text)
    if "text" in table.columns and _all(table, "text", lambda value: isinstance(value, str)):
        return Columns(text="text")
    tokens = guess_name([name for name in table.columns if _all(table, name, _is_words)], ("tokens", "words"))
    return Columns(tokens=tokens) if tokens is not None else Columns(text=_find_text(table, set()))


def is_spans(value: Any) -> bool:
    """Say whether a value is a list of labelled spans, at least one."""
    return isinstance(value, list) and bool(value) and all(_is_span(item) for item in value)


def _is_span(item: Any) -> bool:
    if isinstance(item, dict):
        return any(key in item for key in ("start", "start_offset")) and any(
            key in item for key in ("end", "end_offset")
        )
    return isinstance(item, list) and len(item) == 3 and isinstance(item[2], str) and not isinstance(item[0], str)


def _find_sets(table: Table, text: str) -> str | None:
    """Find the column of lists of labels; None where there is none, or several of which none has a usual name."""
    lists = [name for name in table.columns if name != text and _all(table, name, _is_words)]
    return lists[0] if len(lists) == 1 else guess_name(lists, LABEL_NAMES)


def _find_tokens(table: Table, text: str | None, label: str | None) -> Columns | None:
    """Find a column of tokens and one of their tags."""
    lists = [name for name in table.columns if _all(table, name, lambda value: isinstance(value, list))]
    words = [name for name in lists if _all(table, name, _is_words)]
    tokens = text if text in words else guess_name(words, ("tokens", "words", "text"))
    if tokens is None:
        return None
    tagged = [name for name in lists if name != tokens and _fits(table, tokens, name)]
    named = label if label in tagged else None
    tags = named or guess_name(tagged, ("tags", "ner_tags", "ner")) or _choose_tags(table, tagged)
    return Columns(tokens=tokens, tags=tags)


def _choose_tags(table: Table, tagged: Sequence[str]) -> str | None:
    likely = [name for name in tagged if _all(table, name, lambda value: all(TAG.fullmatch(str(tag)) for tag in value))]
    if len(tagged) > 1 and len(likely) != 1:
        raise _ask(table, "--label-column", likely or tagged, "which column holds the tags is not clear")
    return next(iter(likely or tagged), None)


def _find_spans(table: Table, label: str | None) -> str | None:
    holding = [name for name in table.columns if any(is_spans(value) for value in table.values(name))]
    if label is not None:
        return label if label in holding else None
    if len(holding) < 2:
        return holding[0] if holding else None
    named = guess_name(holding, ("entities", "spans", "label", "labels"))
    if named is None:
        raise _ask(table, "--label-column", holding, "which column holds the entities is not clear")
    return named


def _find_text(table: Table, taken: set[str | None]) -> str:
    """Find the column of the texts: by its name, or else the one whose texts are by far the longest."""
    texts = [
        name for name in table.columns if name not in taken and _all(table, name, lambda value: isinstance(value, str))
    ]
    certain = guess_name(texts, _CERTAIN)
    if certain is not None:
        return certain
    named = guess_name([name for name in texts if _is_wordy(table, name) or len(texts) == 1], TEXT_NAMES)
    if named is not None:
        return named
    lengths = {name: _median(table, name) for name in texts if _is_wordy(table, name)}
    longest = sorted(lengths, key=lambda name: -lengths[name])
    if not longest:
        named = guess_name(texts, TEXT_NAMES)
        if named is None and len(texts) != 1:
            raise _ask(table, "--text-column", table.columns, "no column seems to hold texts")
        return named or texts[0]
    if len(longest) > 1 and lengths[longest[0]] < _LONGER * lengths[longest[1]]:
        raise _ask(table, "--text-column", longest, "which column holds the texts is not clear")
    return longest[0]


def _find_label(table: Table, text: str) -> str | None:
    """Find the column of labels: by its name, or else the only one with few different values; None if there is none."""
    fitting = [name for name in table.columns if name != text and _may_be_label(table, name)]
    folded = {name: name.strip().casefold().replace(" ", "_") for name in fitting}
    certain = [name for name in fitting if folded[name] in ("label", "labels")]
    strong = certain or [name for name in fitting if folded[name] in _STRONG]
    repeating = [name for name in fitting if len({*map(str, table.values(name))}) < len(table.values(name))]
    likely = strong or repeating
    if len(likely) > 1:
        raise _ask(table, "--label-column", likely, "which column holds the labels is not clear")
    return next(iter(likely), None)


def is_free_text(values: Sequence[str], most: int = MOST_LABELS) -> bool:
    """Say whether values are too many different ones for labels.

    Args:
        values: all values of a column.
        most: different ones at most; above `MOST_LABELS` each must occur some times.
    """
    distinct = len(set(values))
    is_rare = distinct > MOST_LABELS and distinct * _OFTEN > len(values)
    return distinct > most or is_rare or (len(values) >= _FEW and distinct > _FREE * len(values))


def _may_be_label(table: Table, name: str) -> bool:
    values = table.values(name)
    if any(isinstance(value, dict) for value in values):
        return name == "cats"
    flat = [str(value[0]) if isinstance(value, list) and value else str(value) for value in values if value != []]
    is_dates = all(_DATE.match(value) for value in flat)
    return len({*flat}) > 1 and not is_dates and not is_free_text(flat) and not any("\n" in value for value in flat)


def _is_wordy(table: Table, name: str) -> bool:
    """Say whether a column holds texts of several words, most of them different."""
    values = [str(value) for value in table.values(name)]
    wordy = sum(len(value.split()) > 2 or len(value) > 30 or not value.isascii() for value in values)
    return wordy * 2 > len(values) and (len({*values}) * 2 > len(values) or len(values) < _FEW)


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _fits(table: Table, tokens: str, name: str) -> bool:
    """Say whether a column holds a tag for every token, in most rows."""
    pairs = [(row.get(tokens), row.get(name)) for _, row in table.rows if row.get(name) is not None]
    fitting = sum(
        isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags) for words, tags in pairs
    )
    return bool(pairs) and fitting * 2 > len(pairs) and not _all(table, name, is_spans)


def _all(table: Table, name: str, holds: Any) -> bool:
    values = table.values(name)
    return bool(values) and all(holds(value) for value in values)


def _median(table: Table, name: str) -> int:
    lengths = sorted(len(str(value)) for value in table.values(name))
    return lengths[len(lengths) // 2]


def _hint(name: str, columns: Sequence[str]) -> str:
    folded = {column.casefold(): column for column in columns}
    near = find_closest(name.casefold(), list(folded))
    return f" (did you mean {folded[near]!r}?)" if near is not None else ""


def _list(table: Table) -> str:
    return f"its columns are {list_names(table.columns)}"


def _ask(table: Table, flag: str, names: Sequence[str], fault: str) -> AmbiguousColumnsError:
    shown = 3 if flag == "--label-column" else 1
    if not names:
        raise table.refuse("its rows hold nothing; give each of them a text")
    choices = [(name, _sample(table, name, shown)) for name in names]
    listed = ", ".join(f"{name!r} ({sample!r})" if sample else repr(name) for name, sample in choices[:6])
    message = f"{fault}: {listed}; name it with {flag}"
    return AmbiguousColumnsError(str(table.refuse(message)), flag, choices)


def _sample(table: Table, name: str, count: int) -> str:
    """Show the first different values of a column."""
    values = list(dict.fromkeys(" ".join(str(value).split()) for value in table.values(name)[:100]))
    flat = ", ".join(values[:count])
    return flat if len(flat) <= _SAMPLE else f"{flat[:_SAMPLE]}..."
