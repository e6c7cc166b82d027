"""The rehearsal teacher says what can be counted of real lines."""

import pytest

from evokd.messages import ProfileReply
from evokd.simulator.profile import answer_profile
from evokd.simulator.requests import RequestError


def test_lengths_and_last_marks_are_counted_most_frequent_first() -> None:
    texts = ["Where is it?", "where is my parcel?", "I want " + "a thing and " * 5 + "more.", "no mark"]
    axes = ProfileReply.model_validate(answer_profile({"texts": texts})).axes
    assert [(axis.name, [(item.value, item.share) for item in axis.values]) for axis in axes] == [
        ("length", [("up to 8 words", 0.75), ("17 to 30 words", 0.25)]),
        (
            "last mark",
            [
                ("ends with a question mark", 0.5),
                ("ends with a full stop", 0.25),
                ("ends with another mark or none", 0.25),
            ],
        ),
    ]


def test_no_lines_have_no_axes() -> None:
    assert answer_profile({"texts": []}) == {"axes": []}


def test_a_sample_without_texts_is_refused() -> None:
    with pytest.raises(RequestError, match="texts: Field required"):
        answer_profile({"labels": {}})
