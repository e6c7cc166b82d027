"""The programs that cards show: how others ask the student, each of them run by a test."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evokd.messages.escape import clean, inert
from evokd.messages.spans import WORD_PATTERN
from evokd.release.student_folder import StudentFolder

Form = Literal["hf", "onnx"]
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Padding:
    """The token that a tokenizer pads with."""

    id: int
    token: str


def find_padding(student: StudentFolder) -> Padding:
    """Read the padding token of a student."""
    from evokd.student.tokenizer import open_tokenizer

    tokenizer = open_tokenizer(str(student.path))
    return Padding(int(tokenizer.pad_token_id), str(tokenizer.pad_token))


def render(template: str, **values: Any) -> str:
    """Fill a template of this room; `| inert` makes a text of a user or a model safe in Markdown."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, escaped where texts of others stand
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inert"] = inert
    environment.filters["clean"] = clean
    return environment.get_template(template).render(**values)


def write_usage(student: StudentFolder, form: Form, place: str) -> str:
    """Write the program that asks an exported student.

    Args:
        student: the student that was exported.
        form: what it was exported as.
        place: folder or name on the Hub that the program names.
    """
    padding = find_padding(student)
    task = "classification" if student.network.classifies_texts else "ner"
    if not student.network.one_class:
        task = "multilabel"
    return render(
        f"{form}_{task}.py.txt",
        place=place,
        limit=student.limit,
        stride=student.stride,
        pad_id=padding.id,
        pad_token=json.dumps(padding.token)[1:-1],
        word_pattern=WORD_PATTERN,
    )
