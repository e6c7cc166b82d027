"""Export a student: for plain transformers (`hf`) or for onnxruntime (`onnx`), checked before it is handed out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.release.agreement import FEW_TEXTS, measure_agreement
from evokd.release.facts import RunFacts
from evokd.release.model_card import CardOptions, write_model_card
from evokd.release.onnx_model import Checks, check_onnx, check_packages, write_onnx
from evokd.release.quiet import quiet
from evokd.release.student_folder import StudentFolder
from evokd.release.target import new_folder
from evokd.release.usage import Form
from evokd.release.weights import copy_without_weights, write_weights
from evokd.student.base_config import read_object

CARD = "README.md"
_SERVED = ("bert", "roberta", "xlm-roberta", "camembert")
"""Kinds of classifiers that text-embeddings-inference loads, by its source (backends/candle/src/models/bert.rs)."""


@dataclass(frozen=True)
class Material:
    """What an exported student is checked on."""

    texts: Sequence[str] = ()
    rows: Sequence[tuple[str, Any]] = ()
    """Labelled texts with their right answers."""


def export_hf(
    student: StudentFolder, facts: RunFacts | None, material: Material, target: Path, options: CardOptions
) -> list[str]:
    """Write a folder for plain transformers.

    Args:
        student: the student.
        facts: of its run, where known.
        material: what the pipeline is compared on.
        target: folder that is new or empty.
        options: of the card.

    Returns:
        What was measured, for people.
    """
    with new_folder(target) as folder, quiet():
        copy_without_weights(student, folder)
        write_weights(student, folder)
        agreement = measure_agreement(student, folder, material.texts[:FEW_TEXTS])
        told = f"the plain pipeline gives the answer of evokd predict on {agreement.tell()} texts"
        notes = [_tell_pipeline(student, told if agreement.texts else None), _tell_server(student)]
        _write_card(folder, student, facts, "hf", options, notes)
    return [told] if agreement.texts else []


def export_onnx(
    student: StudentFolder, facts: RunFacts | None, material: Material, target: Path, options: CardOptions
) -> list[str]:
    """Write a folder for onnxruntime; arguments and result as in `export_hf`.

    Raises:
        InputError: a package is missing.
        EvokdError: the model cannot be written as ONNX, or gives other answers than the student.
    """
    check_packages()
    with new_folder(target) as folder, quiet():
        copy_without_weights(student, folder)
        write_onnx(student, folder)
        texts = material.texts[:FEW_TEXTS] or _make_texts(student)
        checks = check_onnx(student, folder, texts, material.rows[:FEW_TEXTS])
        notes = _tell_checks(student, checks) if material.texts else []
        _write_card(folder, student, facts, "onnx", options, notes)
    return [note.replace("`", "") for note in notes]


def _make_texts(student: StudentFolder) -> list[str]:
    """Texts to check a student on of whose run nothing is known: its labels, a short and a long one of each."""
    names = [label.replace("_", " ") for label in student.codec.labels]
    return [*names, *(" ".join([name] * student.limit) for name in names)]


def _write_card(
    folder: Path,
    student: StudentFolder,
    facts: RunFacts | None,
    form: Form,
    options: CardOptions,
    notes: Sequence[str],
) -> None:
    card = write_model_card(student, facts, form, options, notes)
    (folder / CARD).write_text(card, encoding="utf-8", newline="\n")


def _tell_pipeline(student: StudentFolder, measured: str | None) -> str:
    """What the plain pipeline makes of the folder, in Markdown."""
    said = f"{measured[0].upper()}{measured[1:]} of its run." if measured else ""
    if not student.network.one_class:
        return (
            f"{said} Each label has a probability of its own (`problem_type` is `multi_label_classification`), so pass"
            ' `top_k=None, function_to_apply="sigmoid"`, and take the labels from .5 on; none may apply. Leave'
            f" `truncation=True` in: the model was trained to read {student.limit} sub-words."
        ).strip()
    if student.network.classifies_texts:
        return (
            f"{said} Leave `truncation=True` in: the pipeline does not cut long texts by itself, and the model was"
            f" trained to read {student.limit} sub-words."
        ).strip()
    return (
        f'`pipeline("token-classification", model=..., aggregation_strategy="first", stride={student.stride})` is'
        " shorter, and only an approximation: it takes the likeliest tag of each word by itself, so that entities break"
        f" in two or change their type halfway, and joins windows otherwise. {said}"
    ).strip()


def _tell_server(student: StudentFolder) -> str:
    """A server that people have, in Markdown."""
    kind = read_object(student.path / "config.json").get("model_type")
    if student.network.classifies_texts and kind in _SERVED:
        return (
            "To serve it: `text-embeddings-router --model-id FOLDER` (text-embeddings-inference serves such classifiers"
            " under `/predict`; it cuts texts where the model's positions end, not where training did)."
        )
    return "To serve it, put the program above behind a web framework."


def _tell_checks(student: StudentFolder, checks: Checks) -> list[str]:
    lines = [
        f"`model.onnx` gives {checks.full.tell()}.",
        f"`model_int8.onnx` gives {checks.int8.tell()}.",
    ]
    if checks.score is not None and checks.int8.score is not None:
        metric = student.codec.metrics[0]
        lines.append(
            f"On {checks.rows} labelled rows {metric} is {checks.score:.4f} with torch,"
            f" {checks.full.score:.4f} with `model.onnx` and {checks.int8.score:.4f} with `model_int8.onnx`."
        )
    return lines
