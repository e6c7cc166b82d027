import pytest

from evokd.messages.naming import in_words, repeats_name


@pytest.mark.parametrize(
    ("label", "words"),
    [("wrongCharge", "wrong charge"), ("wrong_charge", "wrong charge"), ("PER", "PER"), ("__", "__")],
)
def test_names_in_words(label: str, words: str) -> None:
    assert in_words(label) == words
    assert repeats_name(label, words)
    assert not repeats_name(label, f"{words} or not")
