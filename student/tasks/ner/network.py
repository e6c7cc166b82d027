"""The torch side of named-entity recognition: a tag per word, read from the sub-word it begins in."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional
from transformers import AutoModelForTokenClassification

from evokd.messages.spans import split_words
from evokd.student.protocol import Prediction, TrainExample
from evokd.student.tasks.ner.codec import EntityCodec
from evokd.student.tasks.ner.spans import to_spans
from evokd.student.tasks.ner.tags import spans_to_tags
from evokd.student.tasks.network import IGNORE, LoadedModel, TextPiece, find_output_layer, load_model

Floats = npt.NDArray[np.float64]

_DIGITS = 6
_OVERLAP = 4
"""Two windows share one `_OVERLAP`-th of their sub-words, so that every word is read with context on both sides."""
_RARE = 0.5
"""Power of the inverse frequency that weighs a type in the loss: 0 = all alike, 1 = fully balanced."""
_HEAVIEST = 4.0
"""Largest weight of a class."""
_NEVER = -1e9


class TokenClassificationNetwork:
    """A standard token classifier with BIO tags: O, then B- and I- of each label."""

    pipeline = EntityCodec.pipeline
    classifies_texts = False
    one_class = True
    l2 = 30.0

    def __init__(self, labels: Sequence[str]) -> None:
        """Keep the labels; class 0 is O, 1 + 2k is B- and 2 + 2k is I- of label k."""
        self._labels = list(labels)
        self.class_labels = ("", *(label for label in labels for _ in "BI"))
        self._tags = ["O", *(f"{part}-{label}" for label in labels for part in "BI")]
        self._numbers = {tag: number for number, tag in enumerate(self._tags)}

    def load(self, source: str) -> LoadedModel:
        """Load a token classifier with the tags in its configuration."""
        return load_model(AutoModelForTokenClassification, source, self._tags)

    def cut(self, tokenizer: Any, texts: Sequence[str], limit: int) -> list[TextPiece]:
        """Cut texts into overlapping windows; no word is lost, however long the text."""
        encodings = tokenizer(
            list(texts),
            truncation=True,
            max_length=limit,
            stride=limit // _OVERLAP,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        owners, offsets = encodings.pop("overflow_to_sample_mapping"), encodings.pop("offset_mapping")
        words = [split_words(text) for text in texts]
        return [
            TextPiece(
                owner,
                {key: encodings[key][row] for key in encodings},
                _first_sub_words(words[owner], offsets[row], opens=row == 0 or owners[row - 1] != owner),
            )
            for row, owner in enumerate(owners)
        ]

    def target(self, piece: TextPiece, example: TrainExample) -> torch.Tensor:
        """Give the class of each word where it begins, `IGNORE` elsewhere and in masked parts: (sub-words,)."""
        words = split_words(example.text)
        classes = [self._numbers[tag] for tag in spans_to_tags(words, to_spans(example.gold))]
        for i, (start, end) in enumerate(words):
            if any(start < last and first < end for first, last in example.masked):
                classes[i] = IGNORE
        target = torch.full((len(piece.inputs["input_ids"]),), IGNORE)
        for position, first, last in piece.words:
            target[position] = IGNORE if IGNORE in classes[first : last + 1] else classes[first]
        return target

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Pad on the right with `IGNORE`: (batch, sub-words)."""
        padded: torch.Tensor = torch.nn.utils.rnn.pad_sequence(list(targets), batch_first=True, padding_value=IGNORE)
        return padded

    def class_weights(self, targets: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """Weigh the tags of rare types up and of frequent ones down; O keeps 1, the mean over types is near 1."""
        counts = Counter(int(item) for target in targets for item in target.tolist() if item not in (IGNORE, 0))
        per_label = [counts[self._numbers[f"B-{label}"]] for label in self._labels]
        present = [count for count in per_label if count]
        if not present:
            return None
        mean = sum(present) / len(present)
        weights = [min((mean / count) ** _RARE, _HEAVIEST) if count else 1.0 for count in per_label]
        return torch.tensor([1.0, *(weight for weight in weights for _ in "BI")])

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        smoothing: float,
        classes: torch.Tensor | None,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the cross-entropy: per row for (rows, tags), else per piece, as a share of the mean piece's words.

        Args:
            logits: (batch, sub-words, tags), or (rows, tags).
            targets: (batch, sub-words), or (rows,); `IGNORE` where there is nothing to learn.
            smoothing: share of the target that is spread over all tags.
            classes: (tags,), weight of each tag.
            batch: targets of the whole batch that the mean piece is one of; None where `targets` are.
        """
        flat = logits.float() if logits.dtype == torch.bfloat16 else logits
        weight = None if classes is None else classes.to(flat)
        losses = functional.cross_entropy(
            flat.flatten(0, -2),
            targets.flatten(),
            weight=weight,
            reduction="none",
            label_smoothing=smoothing,
            ignore_index=IGNORE,
        ).view(targets.shape)
        if targets.ndim == 1:
            return losses
        batch_targets = targets if batch is None else batch
        learned = (batch_targets != IGNORE).sum().clamp(min=1) / len(batch_targets)
        return losses.sum(-1) / learned

    def flatten(
        self, features: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Line up the sub-words in which words begin: a row each."""
        learned = [target != IGNORE for target in targets]
        rows = torch.cat([item[mask.to(item.device)] for item, mask in zip(features, learned, strict=True)])
        pieces = [number for number, mask in enumerate(learned) for _ in range(int(mask.sum()))]
        return rows, torch.cat([target[mask] for target, mask in zip(targets, learned, strict=True)]), pieces

    def output_layer(self, model: torch.nn.Module) -> torch.nn.Linear:
        """Find the last linear layer with one output per tag."""
        return find_output_layer(model, len(self._tags))

    def decode(
        self, texts: Sequence[str], pieces: Sequence[TextPiece], logits: Sequence[torch.Tensor]
    ) -> list[Prediction]:
        """Give the likeliest well-formed tags of each text as spans; logits: (sub-words, tags) per piece.

        A word that several windows hold is read where most context surrounds it. The confidence is that of the least
        sure word, the score of a label the highest probability that any word has of belonging to it.
        """
        answers: list[Prediction] = []
        grouped = groupby(zip(pieces, logits, strict=True), key=lambda pair: pair[0].text)
        for text, parts in grouped:
            groups, rows = _gather([(piece, torch.log_softmax(part.double(), -1).numpy()) for piece, part in parts])
            answers.append(self._answer(texts[text], groups, rows))
        return answers

    def _answer(self, text: str, groups: list[tuple[int, int]], rows: Floats) -> Prediction:
        if not groups:
            return Prediction(answer=[], confidence=1.0, scores=dict.fromkeys(self._labels, 0.0))
        words = split_words(text)
        path = _best_path(rows)
        spans: list[dict[str, Any]] = []
        chosen = np.exp(rows[np.arange(len(path)), path])
        span_scores: list[float] = []
        for (first, last), tag, share in zip(groups, path, chosen.tolist(), strict=True):
            start, end = words[first][0], words[last][1]
            if tag % 2:
                spans.append({"start": start, "end": end, "label": self._labels[tag // 2]})
                span_scores.append(share)
            elif tag:
                spans[-1]["end"] = end
                span_scores[-1] = min(span_scores[-1], share)
        sure = float(chosen.min())
        shares = np.exp(rows[:, 1:]).reshape(len(rows), -1, 2).sum(-1).max(0)  # (labels,)
        scores = {label: round(float(share), _DIGITS) for label, share in zip(self._labels, shares, strict=True)}
        return Prediction(
            answer=spans,
            confidence=round(min(sure, 1.0), _DIGITS),
            scores=scores,
            entity_scores=[round(min(share, 1.0), _DIGITS) for share in span_scores],
        )


def _first_sub_words(
    words: Sequence[tuple[int, int]], offsets: Sequence[tuple[int, int]], opens: bool
) -> tuple[tuple[int, int, int], ...]:
    """Find the sub-words of a window in which words begin: (position, first word, last word).

    Args:
        words: (start, end) of each word of the text.
        offsets: (start, end) of each sub-word of the window, (0, 0) for its ends; some tokenizers count the space
            before a word to it.
        opens: whether the window is the first of the text.
    """
    beginnings: list[tuple[int, int, int]] = []
    following = 0
    # The sub-word that a later window begins with can lie inside a word; the window before reads it with more context.
    skipped = None if opens else next((position for position, ends in enumerate(offsets) if any(ends)), None)
    for position, (start, end) in enumerate(offsets):
        while following < len(words) and words[following][1] <= start:  # the tokenizer dropped these words
            following += 1
        first = following
        while following < len(words) and words[following][0] < end:
            following += 1
        if first < following and position != skipped:
            beginnings.append((position, first, following - 1))
    return tuple(beginnings)


def _gather(parts: Sequence[tuple[TextPiece, Floats]]) -> tuple[list[tuple[int, int]], Floats]:
    """Take words from the window that holds most context on its poorer side: (first, last) of words, (groups, tags)."""
    best: dict[tuple[int, int], tuple[int, Floats]] = {}
    for piece, rows in parts:
        for position, first, last in piece.words:
            context = min(position, len(rows) - 1 - position)
            if (first, last) not in best or context > best[first, last][0]:
                best[first, last] = (context, rows[position])
    groups = sorted(best)
    return groups, np.array([best[group][1] for group in groups])


def _best_path(rows: Floats) -> list[int]:
    """Find the likeliest tags in which every I- continues its own type (Viterbi); rows: (words, tags) of log shares."""
    count = rows.shape[1]
    allowed = np.zeros((count, count))
    for tag in range(2, count, 2):
        allowed[:, tag] = _NEVER
        allowed[[tag - 1, tag], tag] = 0.0
    score = rows[0] + np.where((np.arange(count) > 0) & (np.arange(count) % 2 == 0), _NEVER, 0.0)
    back: list[npt.NDArray[np.intp]] = []
    for row in rows[1:]:
        paths = score[:, None] + allowed
        back.append(paths.argmax(0))
        score = paths.max(0) + row
    path = [int(score.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]
