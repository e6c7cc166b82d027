import gc

import pytest

from evokd.messages.imports import without_gc


def test_garbage_is_looked_for_again_after_the_imports_even_if_one_fails() -> None:
    def fail() -> None:
        with without_gc():
            assert not gc.isenabled()
            raise ImportError("no such module")

    with pytest.raises(ImportError):
        fail()
    assert gc.isenabled()


def test_a_caller_who_has_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with without_gc():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
