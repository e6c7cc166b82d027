"""The languages in which there is a set of base prompts, and which of them suits a domain."""

import re
from typing import Literal

PromptLanguage = Literal["en", "de", "zh"]
"""A set of base prompts; English is the one of all languages that have none of their own."""
LANGUAGES: tuple[PromptLanguage, ...] = ("en", "de", "zh")
LANGUAGE_NAMES: dict[PromptLanguage, str] = {"en": "English", "de": "German", "zh": "Chinese"}
_SPELLINGS: dict[PromptLanguage, tuple[str, ...]] = {
    "en": ("en", "eng", "english"),
    "de": ("de", "deu", "ger", "german", "deutsch"),
    "zh": ("zh", "zho", "chi", "cmn", "chinese", "mandarin", "中文", "汉语", "漢語", "普通话", "普通話"),
}
"""How a domain may name a language: codes and words. A region or script may follow (`de-AT`, `zh_Hans`)."""


def choose_language(language: str, wanted: PromptLanguage | None = None) -> PromptLanguage:
    """Choose the set of base prompts for a domain.

    Args:
        language: the language of its texts, as a code or in words.
        wanted: the set that the domain asks for; None leaves it to the language.
    """
    if wanted is not None:
        return wanted
    first = re.split(r"[\s_\-(,;/]", language.strip().casefold(), maxsplit=1)[0]
    return next((known for known in LANGUAGES if first in _SPELLINGS[known]), "en")
