"""The lock of a folder, on file systems of every kind."""

import errno
from pathlib import Path
from typing import Any

import pytest
from filelock import SoftFileLock

import evokd.graph.setup.run_lock
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.graph.setup.run_lock import HOLDER, HeldError, NoLocksError, hold, is_held


@pytest.mark.parametrize(
    ("written", "holder"), [("123", 123), ("", None), ("me", None), ("\xff", None), ("1" * 30, int("1" * 20))]
)
def test_who_holds_it_is_told_where_that_is_known(written: str, holder: int | None, tmp_path: Path) -> None:
    with hold(tmp_path):
        (tmp_path / HOLDER).write_text(written, encoding="utf-8")
        with pytest.raises(HeldError) as caught, hold(tmp_path):
            pass
    assert caught.value.holder == holder
    with hold(tmp_path):
        pass


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks"), NotImplementedError("no flock")], ids=repr)
def test_a_file_system_without_locks_is_told(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(evokd.graph.setup.run_lock.FileLock, "acquire", refuse)
    with pytest.raises(ResumeError, match="cannot be locked; use a local file system"), RunFolder(tmp_path).lock():
        pass


def test_a_lock_that_would_outlive_a_kill_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = evokd.graph.setup.run_lock.FileLock

    class Fallback(native):  # type: ignore[valid-type, misc]
        def acquire(self, **options: Any) -> Any:
            self.__class__ = SoftFileLock
            return SoftFileLock.acquire(self, **options)

    monkeypatch.setattr(evokd.graph.setup.run_lock, "FileLock", Fallback)
    with pytest.raises(NoLocksError), hold(tmp_path):
        pass
    assert not (tmp_path / HOLDER).exists()


def test_the_lock_holds_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with hold(tmp_path), pytest.raises(HeldError) as caught, hold(tmp_path):
        pass
    assert caught.value.holder is None


def test_whether_it_is_held_is_seen_without_a_change_of_the_folder(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path):
        before = sorted(path.name for path in tmp_path.iterdir())
        assert is_held(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not is_held(tmp_path)
