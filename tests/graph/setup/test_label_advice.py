from pathlib import Path

import pytest

from evokd.api.domain_making import init_domain
from evokd.graph.setup.domain import SHIPPED, load_domain
from evokd.graph.setup.label_advice import advise_words
from evokd.messages.naming import in_words, repeats_name


def test_a_new_domain_is_advised_until_its_words_are_written(tmp_path: Path) -> None:
    init_domain(tmp_path / "new", label_names=["wrong_charge", "lateDelivery"])
    (seeds,) = advise_words(load_domain(tmp_path / "new"))
    path = tmp_path.resolve() / "new" / "seeds.jsonl"
    assert seeds == f"6 rows of {path} only show the form; put your own texts there"


def test_shipped_domains_and_the_template_need_no_advice(tmp_path: Path) -> None:
    init_domain(tmp_path / "new")
    for folder in (tmp_path / "new", SHIPPED / "support_tickets", SHIPPED / "field_reports"):
        assert advise_words(load_domain(folder)) == []


@pytest.mark.parametrize(
    ("label", "words"),
    [("wrongCharge", "wrong charge"), ("wrong_charge", "wrong charge"), ("PER", "PER"), ("__", "__")],
)
def test_names_in_words(label: str, words: str) -> None:
    assert in_words(label) == words
    assert repeats_name(label, words)
    assert not repeats_name(label, f"{words} or not")
