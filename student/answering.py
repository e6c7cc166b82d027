"""Answer many texts fast: a student loaded once, matrix products by oneDNN, texts of like length together.

`student.predict` answers bit for bit alike in every run of the graph; here an answer's probabilities may differ from
those in the sixth digit, and less time goes into loading and padding. On CPUs that are not Intel's, torch's own
products (MKL) take twice the time of oneDNN's, whose weights are laid out anew once, when the student is loaded.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from evokd.student.first_sub_word import read_first_sub_word
from evokd.student.memory import in_batches
from evokd.student.onnx_engine import SUB_WORDS as ONNX_SUB_WORDS
from evokd.student.onnx_engine import is_onnx, open_session, run
from evokd.student.packed_linear import pack_linear_layers
from evokd.student.protocol import Prediction, StudentError
from evokd.student.record import read_record, read_temperature
from evokd.student.tasks.network import TaskNetwork, TextPiece, cut_padding, load_trained
from evokd.student.tasks.registry import codec, make_network
from evokd.student.tokenizer import open_tokenizer

SUB_WORDS = 2_048
"""Sub-words computed at once, padding counted in: enough for the products, few enough for the caches of a CPU."""
_GPU_SUB_WORDS = 32_768
_LOADED = 2
"""Students in memory."""


@dataclass(frozen=True, eq=False)
class AnswerEngine:
    """A loaded student."""

    network: TaskNetwork
    model: Callable[..., Any]
    """Takes padded tensors by the tokenizer's names; its output has `logits`."""
    tokenizer: Any
    limit: int
    """Sub-words read at once."""
    temperature: float
    """What logits are divided by, so that confidences are frequencies; see `student.calibration`."""
    device: torch.device
    sub_words: int
    """Of a batch, padding counted in, where memory allows."""
    batches: int = 1
    """Computed side by side, each by a thread of its own."""

    def answer(self, texts: Sequence[str], sub_words: int | None = None) -> list[Prediction]:
        """Answer texts, in their order; repeats are answered once.

        Args:
            texts: the texts.
            sub_words: computed at once; None: what suits the model and the device.

        Raises:
            StudentError: an output is NaN, or memory runs short with one text.
        """
        different = list(dict.fromkeys(texts))
        if not different:
            return []
        pieces, logits = self.compute(different, sub_words)
        warm = [row / self.temperature for row in logits]
        answers = dict(zip(different, self.network.decode(different, pieces, warm), strict=True))
        return [answers[text] for text in texts]

    def compute(self, texts: Sequence[str], sub_words: int | None = None) -> tuple[list[TextPiece], list[torch.Tensor]]:
        """Compute the pieces of texts, and the logits of each: (classes,) or (sub-words, classes), not calibrated.

        Raises:
            StudentError: an output is NaN, or memory runs short with one text.
        """
        pieces = self.network.cut(self.tokenizer, texts, self.limit)
        at_once = sub_words or self.sub_words
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i].inputs["input_ids"]))
        filled = _fill_batches([len(pieces[i].inputs["input_ids"]) for i in order], at_once)
        groups = [[order[place] for place in group] for group in filled]

        def answer(group: Sequence[int]) -> list[torch.Tensor]:
            return in_batches([pieces[i] for i in group], len(group), self._answer_batch)

        logits: dict[int, torch.Tensor] = {}
        with ThreadPoolExecutor(self.batches) as pool:
            for group, rows in zip(groups, pool.map(answer, groups), strict=True):
                logits.update(zip(group, rows, strict=True))
        if not all(bool(row.isfinite().all()) for row in logits.values()):
            raise StudentError("the student's output is NaN; train it at a lower student.rate")
        return pieces, [logits[i] for i in range(len(pieces))]

    def _answer_batch(self, part: Sequence[TextPiece]) -> list[torch.Tensor]:
        inputs = [piece.inputs for piece in part]
        with torch.inference_mode():
            batch = self.tokenizer.pad(inputs, return_tensors="pt").to(self.device)
            output = self.model(**batch).logits.float().cpu()
        return [cut_padding(row, item) for row, item in zip(output, inputs, strict=True)]


def _fill_batches(lengths: Sequence[int], most: int) -> Iterator[range]:
    """Cut ascending lengths into batches of at most so many sub-words, padding counted in; one piece at least.

    Args:
        lengths: sub-words per piece, ascending.
        most: sub-words of a batch.
    """
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or lengths[end] * (end + 1 - start) > most:
            yield range(start, end)
            start = end


def open_engine(folder: Path, device: torch.device, int8: bool = False) -> AnswerEngine:
    """Load a student, or give the one that is in memory.

    Args:
        folder: of the student: as a run leaves it, or exported to ONNX.
        device: where to compute; ONNX always computes on the CPU.
        int8: whether an exported student answers with weights of 8 bits.

    Raises:
        StudentError: the folder is no student.
        InputError: onnxruntime is missing, or the folder has no weights of 8 bits.
    """
    states = [path.stat() for path in sorted(folder.glob("*")) if path.is_file()]
    version = tuple((state.st_ino, state.st_size, state.st_mtime_ns) for state in states)
    return _load_engine(str(folder), device, int8, version)


@lru_cache(maxsize=_LOADED)
def _load_engine(
    folder: str, device: torch.device, int8: bool, _version: tuple[tuple[int, int, int], ...]
) -> AnswerEngine:
    record = read_record(Path(folder))
    network = make_network(codec(record["task"], record["labels"]))
    if int8 or is_onnx(Path(folder)):
        device, batches = torch.device("cpu"), torch.get_num_threads()
        model, sub_words = _open_onnx(Path(folder), int8), ONNX_SUB_WORDS
    else:
        batches = 1
        model = load_to_answer(network, folder, device)
        sub_words = SUB_WORDS if device.type == "cpu" else _GPU_SUB_WORDS
    tokenizer = open_tokenizer(folder, not network.classifies_texts)
    return AnswerEngine(
        network=network,
        model=model,
        tokenizer=tokenizer,
        limit=min(record["max_length"], tokenizer.model_max_length),
        temperature=read_temperature(record),
        device=device,
        sub_words=sub_words,
        batches=batches,
    )


def load_to_answer(network: TaskNetwork, folder: str, device: torch.device) -> torch.nn.Module:
    """Load the weights of a student for answering alone.

    Args:
        network: the task's.
        folder: of the student.
        device: where it computes.
    """
    model = read_first_sub_word(load_trained(network, Path(folder)))
    return pack_linear_layers(model) if device.type == "cpu" else model.to(device)


def _open_onnx(folder: Path, int8: bool) -> Callable[..., Any]:
    # batches side by side need no threads within: a tenth faster than one batch on all threads
    session = open_session(folder, int8, threads=1)

    def compute(input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=torch.from_numpy(run(session, input_ids.numpy(), attention_mask.numpy())))

    return compute
