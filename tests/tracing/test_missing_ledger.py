from pathlib import Path

import pytest

from evokd.messages import EvokdError, InputError
from evokd.tracing.ledger import open_ledger


def test_a_ledger_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the run has no ledger yet"):
        open_ledger(tmp_path / "ledger.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_ledger_is_damaged_and_stays_empty(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch()
    with pytest.raises(EvokdError, match=r"damaged \(nothing is in it\)"):
        open_ledger(file)
    assert file.stat().st_size == 0
