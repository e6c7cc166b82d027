"""Which column of a table, or key of a JSON row, is read as what: the known names, or others that stand for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evokd.messages.suggest import find_closest
from evokd.student.reading.layout import Layout, refusal

KNOWN = ("text", "label", "labels", "tokens", "tags", "entities", "note")
"""Names by which columns are read where nothing else is said."""
TEXT_NAMES = (
    *("text", "texts", "body", "message", "content", "sentence", "utterance", "review", "comment", "question", "query"),
    *("ticket", "description", "post", "tweet", "document", "abstract", "input", "complaint", "feedback", "transcript"),
)
"""Headers, in small letters, that columns of texts often have; the likeliest first."""
LABEL_NAMES = (
    *("label", "labels", "category", "class", "intent", "queue", "topic", "target", "tag", "type", "sentiment"),
    *("department", "subject_category", "classification", "annotation", "answer", "reason", "status", "priority"),
)
"""Headers, in small letters, that columns of labels often have; the likeliest first."""
_SHOWN = 160
"""Characters of the list of columns in a fault."""


@dataclass(frozen=True)
class ColumnNames:
    """Which columns are read where they have other names than the known ones."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Known name -> the file's name for it. Empty: every column is read, by its own name."""
    or_known: bool = False
    """Whether a file that has none of the mapped columns is read by the known names."""
    but_no_slip: bool = False
    """Whether such a file is refused all the same where one of its names may be a mapped one, written otherwise."""
    may_lack: tuple[str, ...] = ()
    """Known names whose mapped column a row need not have."""

    @property
    def keeps_all(self) -> bool:
        """Whether every column is read, also those that number rows or have no name."""
        return False

    def holds_text(self, chosen: Mapping[str, str]) -> bool:
        """Say whether one of the columns that `choose` gave holds the texts."""
        return "text" in chosen.values()

    @property
    def texts(self) -> tuple[str, ...]:
        """Names that the column of the texts can have, to find the delimiter by."""
        name = self.mapping.get("text", "text")
        return (name, "text") if self.or_known else (name,)

    def choose(self, name: str, line: int | None, found: Sequence[str]) -> dict[str, str]:
        """Choose the columns that are read.

        Args:
            name: the file, for faults.
            line: line of the header or of the first row.
            found: the names that the file has.

        Returns:
            The file's name -> the name that it is read as. Known names that are not mapped are read as they are.

        Raises:
            InputError: a mapped column is not there; says which was meant, and what is there. Or one column was to be
                read as the texts and as their answers.
        """
        if not self.mapping:
            return {column: column for column in found}
        doubled = next((meaning for meaning in self.mapping if meaning != "text" and self._is_text(meaning)), None)
        if doubled is not None:
            what = f"the column {self.mapping[doubled]!r} was to be read both as text and as {doubled}"
            raise refusal(name, line, f"{what}; name another one for one of them")
        known = [column for column in KNOWN if column in found and not self.is_rivalled(column, found)]
        needed = [column for meaning, column in self.mapping.items() if meaning not in self.may_lack]
        lacking = [column for column in needed if column not in found]
        if self._falls_back(lacking, found) and {"text", "tokens"} & {*known}:
            return {column: column for column in known}
        if lacking:
            raise refusal(name, line, self._tell_lacking(lacking[0], found))
        chosen = {column: meaning for meaning, column in self.mapping.items()}
        return chosen | {column: column for column in known if column not in chosen and column not in self.mapping}

    def _falls_back(self, lacking: Sequence[str], found: Sequence[str]) -> bool:
        """Whether a file that lacks these columns is read by the known names."""
        if not self.or_known or len(lacking) < len(self.mapping):
            return False
        return not (self.but_no_slip and any(_find_near(column, found) for column in lacking))

    def _is_text(self, meaning: str) -> bool:
        return self.mapping[meaning] == self.mapping.get("text", "text")

    def is_rivalled(self, known: str, found: Sequence[str]) -> bool:
        """Whether a column of answers is passed over, since another one holds them: `label`, or mapped `labels`."""
        if known == "labels":
            return "label" in self.mapping or ("label" in found and "labels" not in self.mapping)
        return known == "label" and "labels" in self.mapping

    def rename(self, name: str, line: int, row: dict[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
        """Give the columns of a row that are read, by the names that they are read as.

        Raises:
            InputError: the row lacks a mapped column.
        """
        if not self.mapping:
            return row
        for column, meaning in chosen.items():
            if column not in row and meaning in self.mapping and meaning not in self.may_lack:
                raise refusal(name, line, self._tell_lacking(column, list(row)))
        return {meaning: row[column] for column, meaning in chosen.items() if column in row}

    def _tell_lacking(self, column: str, found: Sequence[str]) -> str:
        meaning = next(known for known, name in self.mapping.items() if name == column)
        return tell_lacking(meaning, column, found)

    def describe(self, layout: Layout, found: Sequence[str], chosen: Mapping[str, str]) -> None:
        """Write into a layout what is read, and what is passed over."""
        read = [column for column in found if column in chosen]
        layout.columns = [
            column if chosen[column] == column else f"{chosen[column]} (column {column!r})" for column in read
        ]
        layout.renamed = {chosen[column]: column for column in read if chosen[column] != column}
        if self.mapping and not {*self.mapping.values()} & {*found}:
            layout.notes.append(f"holds no column {list_names([*self.mapping.values()])}; read by the usual names")
        if self.mapping:
            layout.passed_over += [repr(column) for column in found if column not in chosen]


@dataclass(frozen=True)
class AllColumns(ColumnNames):
    """Every column, by its own name; one of them holds the texts."""

    text_column: str = "text"

    @property
    def keeps_all(self) -> bool:
        """Say yes."""
        return True

    @property
    def texts(self) -> tuple[str, ...]:
        """Name of the column of the texts."""
        return (self.text_column,)

    def holds_text(self, chosen: Mapping[str, str]) -> bool:
        """Say whether the column of the texts is there."""
        return self.text_column in chosen

    def choose(self, name: str, line: int | None, found: Sequence[str]) -> dict[str, str]:
        """Choose all columns.

        Raises:
            InputError: the column of the texts is not there; a table of one column is left to its reader.
        """
        if self.text_column == "text" and (len(found) < 2 or "tokens" in found):
            return {column: column for column in found}
        if self.text_column not in found:
            if self.text_column != "text":
                raise refusal(name, line, tell_lacking("text", self.text_column, found))
            fault = f'no column "text"; its columns are {list_names(found)}'
            raise refusal(name, line, f"{fault}; {advise_columns(found)}")
        return {column: column for column in found}


def tell_lacking(meaning: str, column: str, found: Sequence[str]) -> str:
    """Say that a column is not there, which one may be meant, and what is there.

    Args:
        meaning: what the column was to be read as.
        column: its name.
        found: the names that the file has.
    """
    near = _find_near(column, found)
    hint = f" (did you mean {near!r}?)" if near is not None else ""
    return f"no column {column!r} to read as {meaning}{hint}; its columns are {list_names(found)}"


def _find_near(column: str, found: Sequence[str]) -> str | None:
    folded = {name.casefold(): name for name in found}
    near = find_closest(column.casefold(), list(folded))
    return folded[near] if near is not None else None


def list_names(found: Sequence[str]) -> str:
    """List the columns of a file for a fault, in quotes."""
    listed = ", ".join(map(repr, found)) or "none"
    return listed if len(listed) <= _SHOWN else f"{listed[:_SHOWN]} ..."


def advise_columns(found: Sequence[str]) -> str:
    """Say how to name the columns of a file that has no column "text"."""
    text = guess_name(found, TEXT_NAMES)
    others = [name for name in found if name != text]
    label = guess_name(others, LABEL_NAMES) or (others[0] if text is not None and len(others) == 1 else None)
    pairs = f"text: {_quote(text)}, label: {_quote(label)}" if label is not None else f"text: {_quote(text)}"
    return (
        f"say which holds the texts: in domain.yaml, under data, a line such as columns: {{{pairs}}};"
        f" for predict and eval, --text-column {_quote(text)}"
        + (f" (eval: --label-column {_quote(label)} as well)" if label is not None else "")
    )


def guess_name(found: Sequence[str], usual: Sequence[str]) -> str | None:
    """Find the header that is, but for capitals and blanks, the likeliest of some usual names; None if none is."""
    folded = {name.strip().casefold().replace(" ", "_"): name for name in reversed(found)}
    return next((folded[name] for name in usual if name in folded), None)


def _quote(name: str | None) -> str:
    """Write a name as YAML and a shell both read it."""
    if name is None:
        return "NAME"
    return name if name.isidentifier() else "'" + name.replace("'", "''") + "'"
