"""Write a student as ONNX in float32 and in 8-bit whole numbers, and check both against torch.

The output layer stays in float32 in both; see `release.onnx_int8` for the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean
from evokd.release.agreement import Agreement, count_same
from evokd.release.onnx_int8 import quantise
from evokd.release.student_folder import StudentFolder
from evokd.student.onnx_engine import INPUTS, MODEL, MODEL_INT8, OUTPUT
from evokd.student.protocol import Prediction

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
TOLERANCE = 1e-3
"""Largest difference of a probability between torch and ONNX in float32 that is rounding."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_DIGIT = 1e-6
"""Probabilities are compared to six digits."""
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class OnnxCheck:
    """An ONNX model compared with the student it was made from, on texts."""

    agreement: Agreement
    difference: float
    """Largest difference of a probability."""
    score: float | None
    """On the labelled rows that are known; None: there are none."""
    megabytes: float

    def tell(self) -> str:
        """One line."""
        return (
            f"the answer of torch on {self.agreement.tell()} texts, probabilities within"
            f" {max(self.difference, _DIGIT):.2g} ({self.megabytes:.0f} MB)"
        )


@dataclass(frozen=True)
class Checks:
    """Both models, and the student's own score on the same rows."""

    full: OnnxCheck
    int8: OnnxCheck
    score: float | None
    rows: int
    """Labelled rows behind the scores."""


def check_packages() -> None:
    """Check that what makes ONNX files is installed.

    Raises:
        InputError: something is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f"--format onnx needs the package {missing[0]}: pip install 'evokd[onnx]'")


def write_onnx(student: StudentFolder, out: Path) -> None:
    """Write `model.onnx` and `model_int8.onnx`, with the temperature in the output layer.

    Args:
        student: the student.
        out: an existing folder.

    Raises:
        EvokdError: this kind of model cannot be written as ONNX.
    """
    import torch

    from evokd.student.first_sub_word import read_first_sub_word

    model = read_first_sub_word(student.load_calibrated())
    # With attention written out all is a twentieth faster: torch's fused operator would look for NaN in each layer.
    model.set_attn_implementation("eager")
    length = min(8, student.limit)
    mask = torch.ones(2, length, dtype=torch.long)
    mask[1, -1] = 0
    axes = {0: "texts", 1: "sub_words"}
    try:
        torch.onnx.export(
            model,
            (),
            out / MODEL,
            kwargs={INPUTS[0]: torch.ones_like(mask), INPUTS[1]: mask},
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_shapes=dict.fromkeys(INPUTS, axes),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        _quantise(out)
    except (RuntimeError, ValueError, TypeError) as exc:
        reason = clean(_COLOURS.sub("", str(exc)), 120)
        raise EvokdError(f"a {type(model).__name__} cannot be written as ONNX ({reason}); use --format hf") from exc


def _quantise(out: Path) -> None:
    import onnx

    model = onnx.load(out / MODEL)
    quantise(model, keep=_find_output_layer(model.graph))
    onnx.checker.check_model(model)
    onnx.save(model, out / MODEL_INT8)


def _find_output_layer(graph: Any) -> set[str]:
    """Name the matrix product whose result is the logits."""
    makers = {output: node for node in graph.node for output in node.output}
    node = makers.get(OUTPUT)
    while node is not None and node.op_type not in _PRODUCTS:
        node = next((makers[name] for name in node.input if name in makers), None)
    return {node.name} if node is not None else set()


def check_onnx(student: StudentFolder, out: Path, texts: Sequence[str], rows: Sequence[tuple[str, Any]]) -> Checks:
    """Compare the models in a folder with the student.

    Args:
        student: the student that was exported.
        out: the exported folder.
        texts: to compare answers on.
        rows: texts with right answers, to score.

    Raises:
        EvokdError: the float32 model gives other probabilities than the student.
    """
    everything = list(dict.fromkeys([*texts, *(text for text, _ in rows)]))
    expected = dict(zip(everything, _answer_with_torch(student, everything), strict=True))
    full, int8 = (
        _compare(student, out, int8=is_int8, expected=expected, texts=texts, rows=rows) for is_int8 in (False, True)
    )
    if full.difference > TOLERANCE:
        raise EvokdError(
            f"the ONNX model differs from the student by {full.difference:.3f} of a probability; use --format hf"
        )
    return Checks(full, int8, _score(student, expected, rows), len(rows))


def _answer_with_torch(student: StudentFolder, texts: Sequence[str]) -> list[Prediction]:
    """The student's answers with calibrated probabilities, by transformers' own code, text by text."""
    import torch

    from evokd.student.compute import set_threads
    from evokd.student.tokenizer import open_tokenizer

    set_threads(None)
    model = student.load_calibrated()
    tokenizer = open_tokenizer(str(student.path), not student.network.classifies_texts)
    pieces = student.network.cut(tokenizer, texts, student.limit) if texts else []
    with torch.inference_mode():
        rows = [{name: torch.tensor([piece.inputs[name]]) for name in INPUTS} for piece in pieces]
        logits = [model(**row).logits[0] for row in rows]
    return student.network.decode(texts, pieces, logits)


def answer_with_onnx(out: Path, texts: Sequence[str], int8: bool) -> list[Prediction]:
    """Answer texts with an exported model, as `evokd predict` does."""
    import torch

    from evokd.student.answering import open_engine

    return open_engine(out, torch.device("cpu"), int8).answer(texts)


def _compare(
    student: StudentFolder,
    out: Path,
    *,
    int8: bool,
    expected: dict[str, Prediction],
    texts: Sequence[str],
    rows: Sequence[tuple[str, Any]],
) -> OnnxCheck:
    given = dict(zip(expected, answer_with_onnx(out, list(expected), int8), strict=True))
    differences = [
        abs(given[text].scores[label] - value) for text in texts for label, value in expected[text].scores.items()
    ]
    return OnnxCheck(
        agreement=count_same([expected[text] for text in texts], [given[text].answer for text in texts]),
        difference=max(differences, default=0.0),
        score=_score(student, given, rows),
        megabytes=(out / (MODEL_INT8 if int8 else MODEL)).stat().st_size / 1e6,
    )


def _score(student: StudentFolder, given: dict[str, Prediction], rows: Sequence[tuple[str, Any]]) -> float | None:
    if not rows:
        return None
    scores = student.codec.evaluate([gold for _, gold in rows], [given[text].answer for text, _ in rows])
    return next(iter(scores.metrics.values()))
