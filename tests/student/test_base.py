import shutil
from pathlib import Path

import pytest

from agents.messages import InputError
from student import base
from student.base import check_student, locate


def test_the_embedded_student_is_there_and_is_the_one_we_know() -> None:
    check_student("embedded")
    assert Path(locate("embedded"), "model.safetensors").is_file()


def test_other_weights_under_the_embedded_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_SHA256", "0" * 64)
    with pytest.raises(InputError, match="has sha256 53aa5117"):
        locate("embedded")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_PACKAGE", "no_such_package")
    with pytest.raises(InputError, match="install it or name another base"):
        check_student("embedded")


def test_a_saved_model_passes(tiny_student: Path) -> None:
    check_student(str(tiny_student))
    assert locate(str(tiny_student)) == str(tiny_student)


BROKEN = {
    "config": (["config.json"], [], "config.json is missing"),
    "weights": (["model.safetensors"], [], "model.safetensors is missing"),
    "pickle": (["model.safetensors"], ["pytorch_model.bin"], r"only pickle weights \(pytorch_model.bin\)"),
    "tokenizer": (["tokenizer.json"], [], "tokenizer.json is missing"),
}


@pytest.mark.parametrize(("gone", "new", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_folder_that_is_no_model(
    tiny_student: Path, tmp_path: Path, gone: list[str], new: list[str], message: str
) -> None:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "m"))
    for name in gone:
        (folder / name).unlink()
    for name in new:
        (folder / name).touch()
    with pytest.raises(InputError, match=message) as caught:
        check_student(str(folder))
    assert "\n" not in str(caught.value)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m").touch()
    with pytest.raises(InputError, match="is a file"):
        check_student(str(tmp_path / "m"))


@pytest.mark.parametrize("name", ["./none", "/none/at/all", "~/none", "a/b/c"])
def test_a_path_that_is_not_there(name: str) -> None:
    with pytest.raises(InputError, match="no folder"):
        check_student(name)


def test_a_hub_name_that_is_not_cached_while_the_hub_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="no such model in the local cache, and the hub is off") as caught:
        check_student("nobody/no-such-model")
    assert "\n" not in str(caught.value)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    import huggingface_hub

    def fail(*_: object, **__: object) -> None:
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(huggingface_hub, "model_info", fail)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    with pytest.raises(InputError, match=r"cannot be reached \(ConnectError\)"):
        check_student("nobody/no-such-model")
