"""Words of a text in any language, and the form in which two texts count as the same."""

import re
import unicodedata

# Marks that belong to words although `\w` leaves them out: accents, Hebrew and Arabic points, the Indic and
# South-East Asian vowel signs.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
_WORD = re.compile(rf"(?:[^\W_]|[{_MARKS}])+(?:['\u2019](?:[^\W_]|[{_MARKS}])+)*")
# Scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Chinese characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")

# Straight; curly as in English; low as in German, closed by either curly mark; angled, pointing in or out.
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|»([^«]+)«|«([^»]+)»')


def fold_text(text: str) -> str:
    """Bring a text to the form in which it is compared: compatible characters, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def list_words(text: str) -> list[str]:
    """Split a text into lower-case words; a run of a script without spaces becomes its pairs of characters."""
    words: list[str] = []
    for word in _WORD.findall(fold_text(text)):
        runs = _UNSPACED.findall(word)
        if not runs:
            words.append(word)
            continue
        words.extend(part for part in _UNSPACED.split(word) if part)
        for run in runs:
            words.extend([run[at : at + 2] for at in range(len(run) - 1)] or [run])
    return words


def read_quotes(text: str) -> list[str]:
    """Read what stands in a text between double quotation marks, in the order of the text.

    An Analyst may be a language model that answers in the language of the domain, beside a rehearsed Generator.
    """
    return [quoted for groups in _QUOTED.findall(text) for quoted in groups if quoted]
