"""A simple guess at the language of texts: by script, and among languages in Latin letters by their commonest words."""

from collections import Counter
from collections.abc import Sequence

import regex

_SCRIPTS = {
    "ja": regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    "ko": regex.compile(r"\p{Hangul}"),
    "zh": regex.compile(r"\p{Han}"),
    "ru": regex.compile(r"\p{Cyrillic}"),
    "ar": regex.compile(r"\p{Arabic}"),
    "he": regex.compile(r"\p{Hebrew}"),
    "el": regex.compile(r"\p{Greek}"),
    "th": regex.compile(r"\p{Thai}"),
    "hi": regex.compile(r"\p{Devanagari}"),
}
"""Language -> a sign of its script; the first that is common enough is taken, so kana stand before Han."""
_WORDS = {
    "en": "the and to of is in it for that this was with you not are have my on be but they we has from what when your",
    "de": "der die das und ist nicht ich ein eine zu mit auf den von wir sie es auch für aber haben wurde bei dem mein",
    "fr": "le la les des et est une je vous pas dans pour que qui sur avec mon nous mais ça c'est du au ne plus mes",
    "es": "el los las de y es una que en no por con para mi se lo como pero muy más está del al qué han hay",
    "it": "il di che è non per una con sono mi ho del della ma gli anche più come questo alla nel ha le i lo",
    "pt": "o os as de e é uma que em não por com para meu minha do da mas muito mais está foi um no na",
    "nl": "de het een en van is niet ik dat op te voor met zijn maar ook mijn er wel naar aan bij heb nog hebben",
    "pl": "i w na nie się to jest do z że o jak ale mi po od za przez co tak jestem czy moje już ma",
    "sv": "och att det som en är inte jag på för med av har ett den till men var min så ni vi om kan",
    "da": "og at det som en er ikke jeg på for med af har et den til men var min så de vi om kan blev meget",
    "cs": "a je se na v že to s z do o pro jsem jako ale za by můj si jsou tak už po ne k",
    "tr": "ve bir bu için çok ne da de ben ile ama gibi var yok daha benim olarak kadar mi hiç sonra beni",
}
_COMMON = 0.15
"""Share of the letters from which on a script is that of the texts."""
_FEWEST = 0.06
"""Share of the words that must be common ones of a language."""
_SAMPLE = 500
_LETTER = regex.compile(r"\p{L}")


def guess_language(texts: Sequence[str]) -> str | None:
    """Guess the language of texts; None where nothing tells it.

    Args:
        texts: any number of texts; they are looked at evenly, 500 at most.
    """
    step = max(1, len(texts) // _SAMPLE)
    sample = " ".join(text[:1_000] for text in texts[::step][:_SAMPLE]).casefold()
    letters = len(_LETTER.findall(sample))
    if not letters:
        return None
    for language, sign in _SCRIPTS.items():
        if len(sign.findall(sample)) >= _COMMON * letters:
            return language
    words = Counter(regex.findall(r"[\p{L}']+", sample))
    total = sum(words.values())
    scores = {language: sum(words[word] for word in common.split()) for language, common in _WORDS.items()}
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= max(2, _FEWEST * total) else None
