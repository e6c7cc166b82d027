import gc
import sys
from pathlib import Path

import pytest

from evokd.messages.imports import import_quickly, without_gc


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


def test_what_was_imported_is_not_looked_through_later() -> None:
    gc.unfreeze()
    with without_gc():
        kept = [[number] for number in range(1000)]
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen >= len(kept)


def test_a_library_is_imported_once_and_what_is_there_by_then_is_left_alone_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large_library.py").write_text("made = [[number] for number in range(1000)]\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    gc.unfreeze()
    import_quickly("large_library")
    assert len(sys.modules["large_library"].made) == 1000
    assert gc.get_freeze_count() >= 1000
    gc.unfreeze()
    import_quickly("large_library")
    assert gc.get_freeze_count() == 0
    del sys.modules["large_library"]


def test_a_library_that_is_missing_is_told_by_python() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_quickly("no_such_library")
