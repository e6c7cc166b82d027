"""The text of a new `domain.yaml`, with comments that say what to edit and why."""

import json
import re

from evokd.intake.new_domain import NewDomain
from evokd.messages.escape import clean
from evokd.messages.naming import repeats_name

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def domain_text(domain: NewDomain) -> str:
    """Write `domain.yaml`."""
    drafted = f"  # drafted by {clean(domain.drafted_by)}, edit it" if domain.drafted_by else ""
    lines = [
        f"name: {domain.name if _is_plain(domain.name) else _quote(domain.name)}",
        f"task: {domain.codec.name}",
        f"language: {domain.language if _is_plain(domain.language) else _quote(domain.language)}"
        + ("  # a guess; correct it if it is wrong" if domain.is_guessed else ""),
        "",
        "# What the texts are and what is to be found in them: the language model reads this with every request.",
        f"description: {_quote(domain.description)}{drafted}",
        "",
        f"metric: {domain.codec.metrics[0]}" + _other_metrics(domain),
        "",
        "# Each label with its meaning: when does it apply, and what is it easily confused with? These lines decide",
        "# how well the language model labels; a label's name alone says little.",
        "labels:",
        *_tell_labels(domain),
        "",
        "# topics: [...]  # optional: what texts can be about; the language model then writes about each in turn",
        "",
        "data:",
        *_tell_data(domain),
    ]
    return "\n".join(lines) + "\n"


def _other_metrics(domain: NewDomain) -> str:
    others = ", ".join(domain.codec.metrics[1:])
    return f"  # or {others}" if others else ""


def _tell_labels(domain: NewDomain) -> list[str]:
    lines = []
    for label, meaning in domain.meanings.items():
        key = label if _is_plain(label) else _quote(label)
        remark = "  # say in one line when it applies" if repeats_name(label, meaning) else ""
        if label in domain.drafted:
            remark = f"  # drafted by {clean(domain.drafted_by or '')}, edit it"
        lines.append(f"  {key}: {_quote(meaning)}{remark}")
    return lines


def _tell_data(domain: NewDomain) -> list[str]:
    files = [("seeds", "labelled texts to start from, at least one per label")]
    if domain.validation:
        files.append(("validation", "labelled texts that steer the loop: feedback and gate"))
    if domain.test:
        files.append(("test", "labelled texts for the final score alone"))
    lines = [f"  {f'{name}: {name}.jsonl':34}# {use}" for name, use in files]
    pool = "your own texts without labels; a few hundred help most"
    lines.append(f"  {'pool: pool.jsonl':34}# {pool}" if domain.pool else f"  # {'pool: pool.jsonl':32}# {pool}")
    if not domain.validation:
        lines.append(f"  # {'validation: validation.jsonl':32}# optional: labelled texts that steer the loop")
    if not domain.test:
        lines.append(f"  # {'test: test.jsonl':32}# optional: labelled texts for the final score")
    return lines


def _is_plain(word: str) -> bool:
    return _PLAIN.fullmatch(word) is not None and word.lower() not in _WORDS_OF_YAML


def _quote(text: str) -> str:
    """Write a text in double quotes, as YAML reads them; what YAML would fold or refuse is escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in quoted)
