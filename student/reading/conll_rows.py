"""Rows of CoNLL files: a token a line with columns beside it, a blank line behind every sentence."""

import re
from collections.abc import Collection, Iterator
from itertools import chain, islice
from typing import Any
from unicodedata import normalize

from evokd.student.reading.conll_columns import TAG, Columns, Sentence, counts, find_columns, keep_words
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.source import Source, read_text

ONE_SENTENCE = 200
"""Tokens above which a file without a blank line is refused."""
_LOOKED_AT = 1_000
"""Sentences by which the columns of a file without tags are found, before the rest is read."""
_LONG = 500
"""Tokens above which a sentence is counted in a note."""
_TEXT = re.compile(r"#\s*text\s*=\s*(.*)", re.DOTALL)


def read_conll_rows(
    source: Source, layout: Layout, labels: Collection[str] | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read sentences, each with the line of its first token.

    Args:
        source: the file.
        layout: what was recognised is written here.
        labels: the domain's labels, to find the column of the tags among several; None reads tokens alone, and the
            file sentence by sentence.

    Returns:
        Rows {"tokens", "tags"}, without "tags" where no labels are given.

    Raises:
        InputError: lines of different width, no column of tags, no blank line; names the line.
    """
    layout.format = "CoNLL"
    least = 1 if labels is None else 2
    sentences = _cut_sentences(source, least)
    first = list(islice(sentences, _LOOKED_AT)) if labels is None else list(sentences)
    if not first:
        return
    if len(first) == 1 and len(first[0].rows) > ONE_SENTENCE:
        fault = f"one sentence of {len(first[0].rows):,} tokens; put a blank line behind every sentence"
        raise refusal(source.name, first[0].lines[0], fault)
    columns = find_columns(source.name, first, labels, layout)
    audit = _Audit(source.name, columns)
    for sentence in chain(first, sentences):
        audit.inspect(sentence)
        words = keep_words(sentence, columns)
        if not words:
            continue
        line = sentence.lines[words[0]]
        if labels is not None:
            layout.token_lines[line] = [sentence.lines[index] for index in words]
        row: dict[str, Any] = {"tokens": [sentence.rows[index][columns.token] for index in words]}
        if columns.tag is not None:
            row["tags"] = [sentence.rows[index][columns.tag] for index in words]
        yield line, row
    layout.notes += audit.notes()


class _Audit:
    """Looks for what makes a reading doubtful, sentence by sentence."""

    def __init__(self, name: str, columns: Columns) -> None:
        self.name, self.columns = name, columns
        self.commented = 0
        self.differing: list[int] = []
        self.long: list[int] = []
        self.joined: list[tuple[int, str]] = []

    def inspect(self, sentence: Sentence) -> None:
        number, line = self.columns.number, sentence.lines[0]
        if number is not None and not counts(sentence, number):
            fault = f"column {number + 1} counts the tokens of other sentences, but not of this one"
            raise refusal(self.name, line, f"{fault}; number them 1, 2, 3 ... or part the sentences by a blank line")
        if number is not None:
            parts = zip(sentence.lines, sentence.rows, strict=True)
            self.joined += [(row_line, row[self.columns.token]) for row_line, row in parts if "-" in row[number]]
        if len(sentence.rows) > _LONG:
            self.long.append(line)
        if sentence.text is not None:
            self.commented += 1
            if _squeeze(sentence.text) != _squeeze("".join(_surfaces(sentence, self.columns))):
                self.differing.append(line)

    def notes(self) -> list[str]:
        """Give the notes on what was read otherwise than it is written.

        Raises:
            InputError: most comments give another text than the tokens do.
        """
        notes = []
        if self.long:
            note = f"{len(self.long)} of its sentences have more than {_LONG} tokens, the first at line {self.long[0]}"
            notes.append(f"{note}; a blank line parts sentences")
        if self.joined:
            line, token = self.joined[0]
            count = "1 multiword token" if len(self.joined) == 1 else f"{len(self.joined):,} multiword tokens"
            notes.append(f"{count} (the first {token!r}, line {line}): read as the words that follow it")
        if len(self.differing) * 2 > self.commented:
            fault = f"the tokens (column {self.columns.token + 1}) are not those of the comment `# text =`"
            raise refusal(self.name, self.differing[0], f"{fault}; mend the comment or the columns, or remove it")
        if self.differing:
            note = f"{len(self.differing)} comments `# text =` differ from their tokens"
            notes.append(f"{note}, the first at line {self.differing[0]}; the tokens are read")
        return notes


def _squeeze(text: str) -> str:
    return "".join(normalize("NFC", text).split())


def _surfaces(sentence: Sentence, columns: Columns) -> Iterator[str]:
    """Give the tokens as the text has them: a multiword token in place of its words."""
    last = -1
    for row in sentence.rows:
        number = "" if columns.number is None else row[columns.number]
        if "." in number:
            continue
        if "-" in number:
            last = int(number.partition("-")[2])
        elif number and int(number) <= last:
            continue
        yield row[columns.token]


def _cut_sentences(source: Source, least: int) -> Iterator[Sentence]:
    sentence, width = Sentence(), 0
    for line, text in enumerate(read_text(source), start=1):
        columns = re.split(r"[ \t]+", text.strip(" \t\r\n")) if text.strip() else []
        if columns and _is_comment(columns, width):
            said = _TEXT.fullmatch(text.strip())
            sentence.text = said[1] if said and not sentence.rows else sentence.text
            continue
        if not columns or columns[0].startswith("-DOCSTART-"):
            if sentence.rows:
                yield sentence
            sentence = Sentence()
            continue
        width = width or len(columns)
        _check_width(source, line, columns, max(width, least), least)
        sentence.rows.append(columns)
        sentence.lines.append(line)
    if sentence.rows:
        yield sentence


def _check_width(source: Source, line: int, columns: list[str], width: int, least: int) -> None:
    if len(columns) < least:
        fault = f"only one column ({columns[0][:40]!r}); write a token, a space or tab, and its tag"
        raise refusal(source.name, line, fault)
    if len(columns) != width:
        found = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
        fault = f"{found} where the first token has {width}; columns are cut at every space and tab"
        raise refusal(source.name, line, fault)


def _is_comment(columns: list[str], width: int) -> bool:
    """Tell a comment from the token "#", which has as many columns as the other tokens and a tag among them.

    Args:
        columns: the columns of the line.
        width: the number of columns of the first token, 0 before it.
    """
    if columns[0].startswith("#begin") or columns[0].startswith("#end"):
        return len(columns) > 1 and columns[1].startswith("document")
    if columns[1:2] == ["="] and re.fullmatch(r"#[A-Za-z_.:-]+", columns[0]):
        return True  # without a blank behind the mark
    if columns[0] != "#" or len(columns) < 2:
        return False
    if columns[1:] in (["newdoc"], ["newpar"]):
        return True
    if columns[2:3] == ["="] and re.fullmatch(r"[A-Za-z_.:-]+", columns[1]):
        return True  # such as `# text = ...`, whatever the text ends with
    is_pair = "=" in columns[1] or columns[2:3] == ["="]
    if not width and is_pair and len(columns) > 2:
        return True
    is_token = len(columns) == (width or len(columns)) and TAG.fullmatch(columns[-1]) is not None
    return (is_pair or len(columns) > 2) and not is_token
