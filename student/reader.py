"""What a student makes of texts before it learns: how long they are to it, and what it cannot read. Without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import regex

from evokd.student.base_config import read_length, read_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNREADABLE = 0.5
"""Share of a text's signs that are unknown from which on the text counts as unreadable."""
_MOST = 200_000
"""Characters of a text that are looked at; the length of a longer one is taken in proportion."""
_SIGNS = regex.compile(r"[\p{L}\p{N}\p{S}]")
"""Letters, digits and symbols. Marks are left out: many tokenizers drop accents on purpose."""
_SPACED = regex.compile(r"(?V1)[\p{L}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}]]")
"""Letters of scripts that write several of them to a word and spaces between words."""


@dataclass(frozen=True)
class Look:
    """What some texts are to a tokenizer."""

    lengths: tuple[int, ...]
    """Sub-words of each text, those that begin and end it counted in."""
    signs: int
    """Letters, digits and symbols."""
    unknown: int
    """How many of them lie in sub-words that the vocabulary does not have."""
    unreadable: int
    """Texts of which at least `UNREADABLE` is unknown."""
    letters: int
    """Known letters of scripts with spaces between words."""
    pieces: int
    """Sub-words that hold them."""

    @property
    def share(self) -> float:
        """Share of the signs that is unknown, 0 to 1."""
        return self.unknown / self.signs if self.signs else 0.0

    def longer(self, limit: int) -> list[int]:
        """Lengths of the texts that are longer than a limit."""
        return [length for length in self.lengths if length > limit]


@dataclass(frozen=True, eq=False)
class Reader:
    """The tokenizer of a base."""

    tokenizer: "Tokenizer"
    unknown: int | None
    """Id of what stands for unknown sub-words."""
    limit: int | None
    """Sub-words that the base can read at once; None: nothing says so."""

    @lru_cache(maxsize=32)  # noqa: B019 - readers are few and cached anyway; experiments plan the same texts often
    def look(self, texts: tuple[str, ...]) -> Look:
        """Look at texts."""
        lengths, signs, unknown, unreadable, letters, pieces = [], 0, 0, 0, 0, 0
        for text in texts:
            shown = text[:_MOST]
            encoding = self.tokenizer.encode(shown)
            lengths.append(round(len(encoding.ids) * len(text) / max(1, len(shown))))
            count, missed, spaced, parts = self._count(shown, encoding)
            signs, unknown, letters, pieces = signs + count, unknown + missed, letters + spaced, pieces + parts
            unreadable += count > 0 and missed >= UNREADABLE * count
        return Look(tuple(lengths), signs, unknown, unreadable, letters, pieces)

    def _count(self, text: str, encoding: Any) -> tuple[int, int, int, int]:
        """Count signs, unknown signs, known letters of scripts with spaces, and sub-words that hold these."""
        known = bytearray(len(text))
        spaced = {match.start() for match in _SPACED.finditer(text)}
        pieces = 0
        for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if number != self.unknown:
                known[start:end] = b"\x01" * (end - start)
                pieces += not spaced.isdisjoint(range(start, end))
        signs = [match.start() for match in _SIGNS.finditer(text)]
        return len(signs), sum(not known[at] for at in signs), sum(known[at] for at in spaced), pieces


def open_reader(folder: Path) -> Reader | None:
    """Open the tokenizer of a model folder, in a tenth of a second; None where it has no tokenizer.json.

    Raises:
        InputError: the folder's configuration cannot be read.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    state = path.stat()
    return _open(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _open(path: Path, _size: int, _changed: int) -> Reader | None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises nothing narrower; loading the student will say what is wrong
        return None
    # A saved tokenizer keeps how it was last used.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    said = read_object(path.with_name("tokenizer_config.json")).get("unk_token")
    token = said.get("content") if isinstance(said, dict) else said
    names = [token, getattr(tokenizer.model, "unk_token", None), "[UNK]", "<unk>"]
    ids = [tokenizer.token_to_id(name) for name in names if isinstance(name, str)]
    return Reader(tokenizer, next((i for i in ids if i is not None), None), read_length(path.parent))


def describe_longer(look: Look, limit: int) -> str:
    """Say how many texts are longer than a limit and how far: "3 of 20 (the longest 181, their median 178)"."""
    longer = look.longer(limit)
    return f"{len(longer):,} of {len(look.lengths):,} (the longest {max(longer):,}, their median {median(longer):,.0f})"


def spread(texts: Sequence[str], most: int) -> tuple[str, ...]:
    """Take texts evenly from all of them, `most` at most."""
    count = min(most, len(texts))
    return tuple(texts[number * len(texts) // count] for number in range(count))
