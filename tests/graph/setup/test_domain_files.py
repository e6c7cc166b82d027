"""A profile's shares: numbers that a lesson can be divided by."""

from pathlib import Path

import pytest

from evokd.graph.setup.domain_files import load_profile
from evokd.messages import InputError


@pytest.mark.parametrize("share", [".nan", ".inf", "-.inf", "-1", "true", "many", "1" + "0" * 400])
def test_a_share_that_is_no_usable_number_is_refused_by_its_value(tmp_path: Path, share: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(f"length: {{short: {share}, long: 0.5}}\n", encoding="utf-8")
    with pytest.raises(InputError, match="the share of 'short' must be a number from 0 to"):
        load_profile(path)


def test_shares_are_taken_in_any_sum(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text("length: {short: 3, long: 1}\n", encoding="utf-8")
    assert load_profile(path) == {"length": [("short", 0.75), ("long", 0.25)]}


@pytest.mark.parametrize("text", ["form:\n  yes: 0.5\n  no: 0.5\n", "on:\n  long: 0.5\n  short: 0.5\n"])
def test_words_that_yaml_reads_as_no_words_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"profile\.yaml.*in quotes"):
        load_profile(path)
