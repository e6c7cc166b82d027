import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.student import base
from evokd.student.base import check_student, locate


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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def add_word(path: Path) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    said["added_tokens"].append({"id": 99_990, "content": "<late>"})
    path.write_text(json.dumps(said), encoding="utf-8")


def split(path: Path) -> None:
    path.unlink()
    path.with_name("model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')


def change_config(**changes: Any) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return change


DAMAGED: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "empty": ("model.safetensors", lambda path: path.write_bytes(b""), r"is no safetensors file \(0 bytes\)"),
    "cut off": ("model.safetensors", cut, r"is cut off: [\d,]+ bytes of [\d,]+; give a complete model"),
    "other bytes": ("model.safetensors", lambda path: path.write_bytes(b"\xff" * 999), "is no safetensors file"),
    "no head": (
        "model.safetensors",
        lambda path: path.write_bytes(b"\x02" + b"\0" * 7 + b"xx"),
        "its head names no weights",
    ),
    "a pointer": ("model.safetensors", lambda path: path.write_text("version https://git-lfs.x\n"), "git lfs pull"),
    "a missing part": (
        "model.safetensors",
        split,
        r"model-1\.safetensors: is missing, though",
    ),
    "more words than rows": ("tokenizer.json", add_word, r"has 99,991 sub-words and its weights have rows for [\d,]+"),
    "more layers": (
        "config.json",
        change_config(num_hidden_layers=12),
        r"its config\.json says 12 layers, and its weights have 2; give configuration and weights of one model",
    ),
    "fewer layers": ("config.json", change_config(num_hidden_layers=1), "says 1 layers, and its weights have 2"),
    "another size": (
        "config.json",
        change_config(hidden_size=768),
        "says vectors of 768 numbers, and its weights have 32",
    ),
    "half a tokenizer": ("tokenizer.json", cut, r"tokenizer\.json: not readable JSON"),
    "no tokenizer": ("tokenizer.json", lambda path: path.write_text('{"version": "1.0"}'), "holds no tokenizer"),
}


@pytest.mark.parametrize(("name", "damage", "told"), DAMAGED.values(), ids=DAMAGED)
def test_a_base_that_is_not_whole_is_refused_before_anything_is_loaded(
    tiny_student: Path, tmp_path: Path, name: str, damage: Callable[[Path], Any], told: str
) -> None:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "m"))
    damage(folder / name)
    with pytest.raises(InputError, match=told) as caught:
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
