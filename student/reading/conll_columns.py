"""Which column of a CoNLL file holds the tokens, which one the tags."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from evokd.student.reading.layout import Layout, refusal

TAG = re.compile(r"O|[BIESLUM]-\S+")
_PART = re.compile(r"\d+[-.]\d+")
"""The number of a multiword token (1-2) or of an empty node (1.1) of CoNLL-U."""
_SHARE = 0.5
"""Of a column's values that are tags at least, lest one misspelt tag hides the column."""

_SAME = 20
"""Lines from which on a column of one value cannot be that of the tokens."""
_RICHER = 1.25
"""Times as many different words as the tokens: a column that has so many more holds the tokens itself."""
_FEW = 2
"""Different words of a column beside tokens without letters, such as the parts of speech of a list of years."""


@dataclass
class Sentence:
    """Lines of a CoNLL file between blank lines, cut into columns."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """Line of each row, from 1."""
    text: str | None = None
    """The text that a comment `# text = ...` gives."""


@dataclass(frozen=True)
class Columns:
    """Places of the columns that are read, from 0."""

    token: int
    tag: int | None = None
    number: int | None = None
    """The column that counts the tokens."""


def find_columns(name: str, sentences: Sequence[Sentence], labels: Collection[str] | None, layout: Layout) -> Columns:
    """Find the columns.

    A first column that counts is passed over: the tokens stand in the next. Of several columns with tags the first
    that names a label of the domain is read: the outer entities of GermEval, not the chunks of CoNLL-2003.

    Args:
        name: the file, for faults.
        sentences: the file's, or its first; at least one.
        labels: the domain's labels; None if no tags are wanted.
        layout: what was recognised is written here.

    Raises:
        InputError: no column holds tags; names the line of the first token.
    """
    width = len(sentences[0].rows[0])
    number = _find_number(sentences, width, labels is not None)
    token = 0 if number is None else number + 1
    is_turned = width == 2 and _share(sentences, 0) == 1 and _share(sentences, 1) < _SHARE
    if is_turned:
        token = 1
        layout.notes.append("tags stand before the tokens; the second column is read as the tokens")
    _check_tokens(name, sentences, token)
    if labels is None:
        _describe(layout, Columns(token, None, number), width)
        return Columns(token, None, number)
    tagged = [
        column for column in range(width) if column not in (number, token) and _share(sentences, column) >= _SHARE
    ]
    if not tagged:
        raise refusal(name, sentences[0].lines[0], _no_tags(sentences, token, number))
    columns = Columns(token, _choose(sentences, tagged, labels), number)
    _describe(layout, columns, width)
    if len(tagged) > 1:
        layout.notes.append(_tell_choice(sentences, tagged, columns.tag, labels))
    return columns


def keep_words(sentence: Sentence, columns: Columns) -> list[int]:
    """Give the indices of the rows that are words: no multiword tokens (1-2) and no empty nodes (1.1)."""
    return [
        index
        for index, row in enumerate(sentence.rows)
        if columns.number is None or not _PART.fullmatch(row[columns.number])
    ]


def counts(sentence: Sentence, number: int) -> bool:
    """Say whether a column counts the words of a sentence up by one."""
    numbers = [row[number] for row in sentence.rows if not _PART.fullmatch(row[number])]
    if not numbers or not all(value.isascii() and value.isdigit() and len(value) < 10 for value in numbers):
        return False
    values = [int(value) for value in numbers]
    return values == list(range(values[0], values[0] + len(values)))


def _find_number(sentences: Sequence[Sentence], width: int, is_tagged: bool) -> int | None:
    """Find the column that counts; columns before it, such as the name of a document, never change in a sentence."""
    longer = [sentence for sentence in sentences if len(sentence.rows) > 1]
    if width == 2 and _share(sentences, 1) == 1:
        return None
    for column in range(width - (2 if is_tagged else 1)):
        counted = sum(counts(sentence, column) for sentence in longer)
        if (longer and counted * 2 >= len(longer)) or (not longer and _begins(sentences, column)):
            return column
        if any(len({row[column] for row in sentence.rows}) > 1 for sentence in longer):
            return None
    return None


def _begins(sentences: Sequence[Sentence], column: int) -> bool:
    """Say whether a column holds the first number of each of several sentences of one token."""
    values = {sentence.rows[0][column] for sentence in sentences}
    return len(sentences) > 1 and values in ({"0"}, {"1"})


def _check_tokens(name: str, sentences: Sequence[Sentence], token: int) -> None:
    """Refuse a column that cannot be that of the tokens: the name of a document, an offset, a part of speech."""
    values = [row[token] for sentence in sentences for row in sentence.rows]
    mend = "put the tokens into the first column"
    if len(values) >= _SAME and len(set(values)) == 1:
        fault = f"column {token + 1} holds {values[0][:40]!r} on every line, so it holds no tokens"
        raise refusal(name, sentences[0].lines[0], f"{fault}; {mend}")
    rival = _find_rival(sentences, token)
    if rival is not None:
        shown = " ".join(row[token] for row in sentences[0].rows[:5])
        other = " ".join(row[rival] for row in sentences[0].rows[:5])
        fault = f"column {token + 1} ({shown[:60]!r}) seems to hold no tokens, column {rival + 1} ({other[:60]!r}) does"
        raise refusal(name, sentences[0].lines[0], f"{fault}; {mend}")


def _find_rival(sentences: Sequence[Sentence], token: int) -> int | None:
    """Find a column that holds the tokens rather: of more different words, or of words where the other has none."""
    held = [row[token] for sentence in sentences for row in sentence.rows]
    has_words = any(_is_word(value) for value in held)
    for column in range(len(sentences[0].rows[0])):
        values = [row[column] for sentence in sentences for row in sentence.rows]
        words = [value for value in values if _is_word(value)]
        if column == token or len(words) * 2 <= len(values) or _share(sentences, column) >= _SHARE:
            continue
        kinds = len(set(words))
        if kinds > _RICHER * len(set(held)) or (not has_words and kinds > _FEW):
            return column
    return None


def _is_word(value: str) -> bool:
    """Say whether a value is made of letters and not of features, numbers or addresses."""
    return any(sign.isalpha() for sign in value) and not any(sign.isdigit() or sign in "=|:/" for sign in value)


def _share(sentences: Sequence[Sentence], column: int) -> float:
    values = [row[column] for sentence in sentences for row in sentence.rows]
    # A multiword token of CoNLL-U has no tag of its own.
    tags = [value for value in values if value != "_"] if "O" in values else values
    return sum(TAG.fullmatch(value) is not None for value in tags) / max(1, len(tags))


def _names(sentences: Sequence[Sentence], column: int, labels: Collection[str]) -> bool:
    known = {normalize("NFC", label) for label in labels}
    return any(normalize("NFC", row[column][2:]) in known for sentence in sentences for row in sentence.rows)


def _choose(sentences: Sequence[Sentence], tagged: Sequence[int], labels: Collection[str]) -> int:
    return next((column for column in tagged if _names(sentences, column, labels)), tagged[-1])


def _tell_choice(sentences: Sequence[Sentence], tagged: Sequence[int], tag: int | None, labels: Collection[str]) -> str:
    named = " and ".join(str(column + 1) for column in tagged)
    rivals = [column for column in tagged if column != tag and _names(sentences, column, labels)]
    why = "the first of them, for outer entities" if rivals else "the one with labels of the domain"
    if tag is not None and not _names(sentences, tag, labels):
        why = "the last of them"
    return f"columns {named} hold tags; column {(tag or 0) + 1} is read, {why}"


def _has_holes(sentences: Sequence[Sentence], column: int) -> bool:
    values = {row[column] for sentence in sentences for row in sentence.rows}
    return "_" in values and len(values) > 1 and all(TAG.fullmatch(value) for value in values - {"_"})


def _no_tags(sentences: Sequence[Sentence], token: int, number: int | None) -> str:
    row = sentences[0].rows[0]
    looked = [column for column in range(len(row)) if column not in (token, number)]
    shown = ", ".join(f"{column + 1} ({row[column][:20]!r})" for column in looked)
    holed = next((column for column in looked if _has_holes(sentences, column)), None)
    if holed is not None:
        return f"column {holed + 1} holds tags, but '_' for tokens without one; write O there"
    return (
        f"no column holds tags such as O and B-PER, looked at {shown or 'none but the tokens'};"
        " write the tag of each token into the last column"
    )


def _describe(layout: Layout, columns: Columns, width: int) -> None:
    layout.columns = [f"token (column {columns.token + 1})"]
    if columns.tag is not None:
        layout.columns.append(f"tag (column {columns.tag + 1})")
    read = {columns.token, columns.tag}
    others = [str(column + 1) for column in range(width) if column not in read]
    layout.passed_over = [f"column{'s' if others[1:] else ''} {', '.join(others)}"] if others else []
    if columns.number is not None:
        note = f"column {columns.number + 1} counts the tokens; column {columns.token + 1} is read as the tokens"
        layout.notes.append(note)
