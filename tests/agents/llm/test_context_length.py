"""Lengths of contexts as servers tell them, odd ones included."""

from typing import Any

import pytest

from evokd.agents.llm.context_length import read_context
from evokd.agents.llm.prompt_gauge import PromptGauge


@pytest.mark.parametrize(
    ("item", "context"),
    [
        ({"max_model_len": 4_096}, 4_096),
        ({"context_length": 131_072}, 131_072),
        ({"context_window": 8_192}, 8_192),
        ({"meta": {"n_ctx": 2_048, "n_ctx_train": 32_768}}, 2_048),
        ({"meta": {"n_ctx_train": 32_768}}, None),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
        ({"max_model_len": 0, "context_length": 10**30}, None),
        ({"meta": [1]}, None),
        ({}, None),
    ],
)
def test_the_context_is_read_from_a_models_entry(item: dict[str, Any], context: int | None) -> None:
    assert read_context(item) == context


@pytest.mark.parametrize(
    ("prompts", "cut"),
    [
        ([(5_000, 2_048)], [True]),
        ([(3_000, 2_048), (2_500, 2_048)], [False, True]),
        ([(2_000, 2_048), (2_010, 2_048)], [False, False]),
        ([(3_000, 2_047), (2_500, 2_047)], [False, False]),
        ([(900, 3_100), (1_200, 4_096), (800, 2_750)], [False] * 3),
        ([(1_500, 100)], [False]),
    ],
    ids=["far fewer", "the same again", "nearly the same prompt", "an odd number", "another script", "odd counts"],
)
def test_a_cut_prompt_shows_in_the_tokens_read(prompts: list[tuple[int, int]], cut: list[bool]) -> None:
    gauge = PromptGauge()
    assert [gauge.is_cut(estimate, reported) for estimate, reported in prompts] == cut
