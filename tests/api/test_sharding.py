"""How the answers of a cluster are cut and written is checked where it is said."""

import pytest

from evokd import api
from evokd.messages import InputError


def test_options_that_would_lose_columns_or_rows_are_refused() -> None:
    assert api.ShardOptions().prefix == "predicted_"
    with pytest.raises(InputError, match="prefix: give one letter or more"):
        api.ShardOptions(prefix="")
    with pytest.raises(InputError, match="rows: 0 lines of the input per file"):
        api.ShardOptions(rows=0)
