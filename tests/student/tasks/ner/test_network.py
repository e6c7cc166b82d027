import itertools
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from evokd.messages.spans import Span, split_words
from evokd.student.protocol import TrainExample
from evokd.student.tasks.ner.network import TokenClassificationNetwork, _best_path, _gather
from evokd.student.tasks.ner.spans import to_gold
from evokd.student.tasks.network import IGNORE, TextPiece
from tests.annotated import LABELS, annotated

NETWORK = TokenClassificationNetwork(["person", "place"])
WHOLE = 4096
"""Sub-words of a window that holds any text of these tests."""


def wrap(tokenizer: Tokenizer, pad: str) -> PreTrainedTokenizerFast:
    ends = [("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=pad, model_max_length=WHOLE)


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    """Lower case and no accents, as BERT's: it drops control characters and lone marks."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    known = [*letters, *(f"##{letter}" for letter in letters), *".,'()-&!", "東", "京", "sao", "##ris", "york"]
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "<s>", "</s>", *known])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return wrap(tokenizer, "[PAD]")


@cache
def byte_level() -> PreTrainedTokenizerFast:
    """Byte-level BPE, as RoBERTa's, except that the offset of a sub-word includes the space before it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["in Paris (New York).", "in Paris, 東京 東京!", "Yahoo!. ไทย"] * 3, trainer)
    return wrap(tokenizer, "<pad>")


TOKENIZERS = pytest.mark.parametrize("make", [wordpiece, byte_level], ids=lambda make: str(make.__wrapped__.__name__))


def read_groups(text: str, piece: TextPiece) -> list[str]:
    words = split_words(text)
    return [text[words[first][0] : words[last][1]] for _, first, last in piece.words]


def expected_groups(tokenizer: Any, text: str) -> list[tuple[int, int, int]]:
    """By definition: a word belongs to the first sub-word that shares a visible character with it."""
    offsets = tokenizer([text], return_offsets_mapping=True)["offset_mapping"][0]
    holders: dict[int, list[int]] = {}
    for number, (start, end) in enumerate(split_words(text)):
        sharing = [place for place, (left, right) in enumerate(offsets) if max(left, start) < min(right, end)]
        if sharing:
            holders.setdefault(min(sharing), []).append(number)
    return [(place, numbers[0], numbers[-1]) for place, numbers in sorted(holders.items())]


# ------------------------------------------------------------------------------------------------- words and windows

CUTS = {
    "plain": ("Paris  in York", ["Paris", "in", "York"], ["Paris", "in", "York"]),
    "accents": ("São Zoë e\u0301te\u0301", ["São", "Zoë", "e\u0301te\u0301"], ["São", "Zoë", "e\u0301te\u0301"]),
    "punctuation_in_names": (
        "(O'Neil & Co., U.S.)",
        ["(", "O", "'", "Neil", "&", "Co", ".", ",", "U", ".", "S", ".", ")"],
        ["(", "O", "'", "Neil", "&", "Co", ".", ",", "U", ".", "S", ".", ")"],
    ),
    # One sub-word for an unknown run, or for what often stands together: its words are answered together.
    "unspaced": ("in 東京 さくら", ["in", "東", "京", "さくら"], ["in", "東京", "さ", "く", "ら"]),
    "emoji": ("a 😀😀 b", ["a", "😀😀", "b"], ["a", "😀", "😀", "b"]),
    "emoji_alone": ("😀", ["😀"], ["😀"]),
    "run_of_signs": ("Yahoo!.", ["Yahoo", "!", "."], ["Yahoo", "!."]),
    "dropped_word": ("a \u200b b", ["a", "b"], ["a", "\u200b", "b"]),
    "dropped_word_first": ("\u200bParis a", ["Paris", "a"], ["\u200b", "Paris", "a"]),
    "dropped_mark_first": ("\u0301Paris a", ["\u0301Paris", "a"], ["\u0301Paris", "a"]),
    "dropped_all": ("\u200b\u200d", [], ["\u200b", "\u200d"]),
    "space_first": ("\n\u3000 Paris", ["Paris"], ["Paris"]),
}


@pytest.mark.parametrize(("text", "pieces", "pairs"), CUTS.values(), ids=CUTS.keys())
def test_words_are_found_at_the_sub_words_they_begin_in(text: str, pieces: list[str], pairs: list[str]) -> None:
    for tokenizer, groups in ((wordpiece(), pieces), (byte_level(), pairs)):
        (piece,) = NETWORK.cut(tokenizer, [text], WHOLE)
        assert read_groups(text, piece) == groups
        assert list(piece.words) == expected_groups(tokenizer, text)


def test_the_byte_level_offsets_of_these_tests_include_the_space() -> None:
    encoding = byte_level()(["in Paris"], return_offsets_mapping=True)
    assert encoding["offset_mapping"][0][:3] == [(0, 0), (0, 2), (2, 8)]


@TOKENIZERS
@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=annotated())
def test_words_are_found_in_any_text(make: Any, drawn: tuple[str, list[Span]]) -> None:
    (piece,) = NETWORK.cut(make(), [drawn[0]], WHOLE)
    assert list(piece.words) == expected_groups(make(), drawn[0])


@TOKENIZERS
@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=annotated(), limit=st.integers(8, 24))
def test_windows_hold_every_word_and_teach_what_the_whole_text_teaches(
    make: Any, drawn: tuple[str, list[Span]], limit: int
) -> None:
    text, spans = drawn
    network = TokenClassificationNetwork(LABELS)
    example = TrainExample(id="a", text=text, gold=to_gold(spans), masked=[span[:2] for span in spans[:1]])
    (whole,) = network.cut(make(), [text], WHOLE)
    windows = network.cut(make(), [text], limit)
    target = network.target(whole, example)
    held = set()
    for number, window in enumerate(windows):
        assert len(window.inputs["input_ids"]) <= limit
        ahead = number * (limit - 2 - limit // 4)  # two places of a window are taken by the ends
        part = network.target(window, example)
        for place, first, last in window.words:
            assert (place + ahead, first, last) in whole.words
            assert part[place] == target[place + ahead]
        rest = [place for place in range(len(part)) if place not in [word[0] for word in window.words]]
        assert (part[rest] == IGNORE).all()
        held |= {word[1:] for word in window.words}
    assert held == {word[1:] for word in whole.words}


def test_a_window_that_begins_inside_a_word_leaves_it_to_the_one_before() -> None:
    text = "abcdefghijkl york"
    first, second, third = NETWORK.cut(wordpiece(), [text], 8)
    assert [read_groups(text, piece) for piece in (first, second, third)] == [["abcdefghijkl"], [], ["york"]]
    assert first.words == ((1, 0, 0),)


@TOKENIZERS
def test_texts_keep_their_pieces_in_order(make: Any) -> None:
    texts = ["Paris", "York " * 30, "in"]
    pieces = NETWORK.cut(make(), texts, 16)
    owners = [piece.text for piece in pieces]
    assert owners == sorted(owners)
    assert owners.count(0) == owners.count(2) == 1
    assert owners.count(1) > 2
    known = {"input_ids", "attention_mask", "token_type_ids"}
    assert all({"input_ids", "attention_mask"} <= set(piece.inputs) <= known for piece in pieces)
    assert all(len(values) == len(piece.inputs["input_ids"]) for piece in pieces for values in piece.inputs.values())


# ----------------------------------------------------------------------------------------------------------- targets


def target_of(text: str, spans: Sequence[Span], masked: Sequence[tuple[int, int]] = ()) -> list[tuple[str, int]]:
    (piece,) = NETWORK.cut(wordpiece(), [text], WHOLE)
    example = TrainExample(id="a", text=text, gold=to_gold(spans), masked=list(masked))
    target = NETWORK.target(piece, example).tolist()
    assert sum(item != IGNORE for item in target) <= len(piece.words)
    return [(name, target[word[0]]) for name, word in zip(read_groups(text, piece), piece.words, strict=True)]


def test_words_of_entities_get_begin_and_inside_tags() -> None:
    found = target_of("Ann Lee saw New York, Bo", [Span(0, 7, "person"), Span(12, 20, "place"), Span(22, 24, "person")])
    assert [tag for _, tag in found] == [1, 2, 0, 3, 4, 0, 1]


def test_entities_side_by_side_begin_anew() -> None:
    assert [tag for _, tag in target_of("Ann Lee", [Span(0, 3, "person"), Span(4, 7, "person")])] == [1, 1]


def test_every_word_that_touches_a_masked_part_is_ignored() -> None:
    spans = [Span(0, 7, "person"), Span(12, 20, "place")]
    assert [tag for _, tag in target_of("Ann Lee saw New York", spans, [(5, 14)])] == [1, IGNORE, IGNORE, IGNORE, 4]
    assert [tag for _, tag in target_of("Ann Lee saw New York", spans, [(7, 8)])] == [1, 2, 0, 3, 4]


def test_words_of_one_sub_word_share_their_target_and_their_mask() -> None:
    spans = [Span(3, 6, "place")]
    assert target_of("in さくら a", spans) == [("in", 0), ("さくら", 3), ("a", 0)]
    assert target_of("in さくら a", spans, [(5, 6)]) == [("in", 0), ("さくら", IGNORE), ("a", 0)]


def test_targets_are_padded_with_what_is_ignored() -> None:
    padded = NETWORK.collate([torch.tensor([1, 2, 0]), torch.tensor([3])])
    assert padded.tolist() == [[1, 2, 0], [3, IGNORE, IGNORE]]


# ---------------------------------------------------------------------------------------------------------- decoding


def is_well_formed(path: Sequence[int]) -> bool:
    return all(tag % 2 or not tag or before in (tag - 1, tag) for before, tag in itertools.pairwise([0, *path]))


@pytest.mark.parametrize("labels", [1, 2])
def test_the_best_path_is_the_best_of_all_well_formed_ones(labels: int) -> None:
    rng = np.random.default_rng(labels)
    count = 1 + 2 * labels
    for _ in range(60):
        rows = np.log(rng.dirichlet(np.full(count, 0.5), size=rng.integers(1, 5)) + 1e-12)
        paths = [path for path in itertools.product(range(count), repeat=len(rows)) if is_well_formed(path)]
        best = max(paths, key=lambda path: sum(rows[range(len(rows)), path]))
        assert tuple(_best_path(rows)) == best


def test_no_inside_tag_continues_nothing_however_likely_it_is() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = rng.normal(size=(30, 7)) * 3
        rows[:, 2::2] += 20.0
        path = _best_path(rows)
        assert is_well_formed(path)
        assert any(tag and tag % 2 == 0 for tag in path)


def one_hot(tags: Sequence[int], count: int = 5) -> torch.Tensor:
    """Logits that are sure of these tags; of O where there is nothing to learn."""
    return functional.one_hot(torch.tensor(tags).clamp(min=0), count).float() * 20


def test_a_word_is_read_from_the_window_that_holds_more_context() -> None:
    early = TextPiece(0, {}, ((1, 0, 0), (2, 1, 1), (4, 2, 2)))
    late = TextPiece(0, {}, ((1, 1, 1), (3, 2, 2), (4, 3, 4)))
    groups, rows = _gather([(early, np.arange(6.0).reshape(6, 1)), (late, np.arange(10.0, 17.0).reshape(7, 1))])
    # Word 1: two places from the edge against one. Word 2: one against three.
    assert groups == [(0, 0), (1, 1), (2, 2), (3, 4)]
    assert rows.tolist() == [[1.0], [2.0], [13.0], [14.0]]


def test_equal_context_is_read_from_the_first_window() -> None:
    parts = [(TextPiece(0, {}, ((1, 0, 0),)), np.full((3, 1), value)) for value in (1.0, 2.0)]
    assert _gather(parts)[1].tolist() == [[1.0]]


@TOKENIZERS
def test_a_long_text_is_answered_to_its_end(make: Any) -> None:
    rng = random.Random(4)
    words = [rng.choice(["in", "Paris", "York", "O'Neil,", "(a)"]) for _ in range(300)]
    text = " ".join(words)
    spans = [
        Span(start, end, "place" if text[start:end] == "York" else "person")
        for start, end in split_words(text)
        if text[start:end] in ("York", "Paris")
    ]
    spans.append(Span(len(text) + 1, len(text) + 5, "place"))
    text += " York"
    texts = ["Paris", text, "in"]
    examples = [
        TrainExample(id=str(number), text=each, gold=to_gold(found))
        for number, (each, found) in enumerate(zip(texts, [[Span(0, 5, "person")], spans, []], strict=True))
    ]
    pieces = NETWORK.cut(make(), texts, 24)
    assert len(pieces) > 20
    logits = [one_hot(NETWORK.target(piece, examples[piece.text]).tolist()) for piece in pieces]
    answers = NETWORK.decode(texts, pieces, logits)
    assert [answer.answer for answer in answers] == [example.gold for example in examples]


@TOKENIZERS
@settings(max_examples=60, deadline=None, derandomize=True)
@given(drawn=annotated())
def test_targets_are_read_back_as_the_entities_they_were_made_of(make: Any, drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    network = TokenClassificationNetwork(LABELS)
    (piece,) = network.cut(make(), [text], WHOLE)
    words = split_words(text)
    edges = [(words[first][0], words[last][1]) for _, first, last in piece.words]
    starts, ends = {start for start, _ in edges}, {end for _, end in edges}
    # An end inside a sub-word cannot be told.
    spans = [span for span in spans if span.start in starts and span.end in ends]
    target = network.target(piece, TrainExample(id="a", text=text, gold=to_gold(spans)))
    (answer,) = network.decode([text], [piece], [one_hot(target.tolist(), 9)])
    assert answer.answer == to_gold(spans)


def test_confidence_is_that_of_the_least_sure_word_and_scores_are_per_label() -> None:
    text = "Ann Lee in York"
    (piece,) = NETWORK.cut(wordpiece(), [text], WHOLE)
    shares = [
        [0.1, 0.6, 0.1, 0.1, 0.1],
        [0.1, 0.1, 0.7, 0.05, 0.05],
        [0.9, 0.04, 0.02, 0.02, 0.02],
        [0.2, 0, 0, 0.8, 0],
    ]
    logits = torch.zeros(len(piece.inputs["input_ids"]), 5)
    for (place, _, _), row in zip(piece.words, shares, strict=True):
        logits[place] = torch.log(torch.tensor(row) + 1e-9)
    (answer,) = NETWORK.decode([text], [piece], [logits])
    assert answer.answer == to_gold([Span(0, 7, "person"), Span(11, 15, "place")])
    assert answer.confidence == pytest.approx(0.6, abs=1e-6)
    assert answer.scores == pytest.approx({"person": 0.8, "place": 0.8}, abs=1e-6)


def test_a_text_without_a_readable_word_holds_no_entity() -> None:
    (piece,) = NETWORK.cut(wordpiece(), ["\u200b"], WHOLE)
    (answer,) = NETWORK.decode(["\u200b"], [piece], [torch.ones(len(piece.inputs["input_ids"]), 5)])
    assert (answer.answer, answer.confidence, answer.scores) == ([], 1.0, {"person": 0.0, "place": 0.0})
