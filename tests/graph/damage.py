"""Ways to damage a domain folder, and the check that it is refused in one line before anything is started."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evokd.cli import main
from evokd.graph.setup.plan import plan_run
from evokd.messages import InputError
from tests.graph.toy import write_yaml

DATA = {"seeds": "seeds.jsonl", "validation": "validation.jsonl", "test": "test.jsonl"}

Damage = Callable[[Path], Any]


def edit(**changes: Any) -> Damage:
    """Change keys of domain.yaml; None takes one away."""

    def damage(folder: Path) -> None:
        tree = {**yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8")), **changes}
        write_yaml(folder / "domain.yaml", {key: value for key, value in tree.items() if value is not None})

    return damage


def replace(old: str, new: str) -> Damage:
    """Change the text of domain.yaml."""

    def damage(folder: Path) -> None:
        text = (folder / "domain.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "domain.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def write(name: str, content: bytes | str) -> Damage:
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(raw)


def add_line(name: str, line: str) -> Damage:
    """Put a line at the end of a data file."""
    return lambda folder: (folder / name).write_text((folder / name).read_text() + line + "\n", encoding="utf-8")


def both(*damages: Damage) -> Damage:
    return lambda folder: [damage(folder) for damage in damages]


def make_folder(name: str) -> Damage:
    return lambda folder: ((folder / name).unlink(missing_ok=True), (folder / name).mkdir())


def check_refusal(folder: Path, damage: Damage, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    runs = folder.parent / "runs"
    damage(folder)
    with pytest.raises(InputError) as caught:
        plan_run(str(folder), "evokd", [])
    for part in told:
        assert part in str(caught.value)

    code = main.run_cli(["run", str(folder), "--runs-dir", str(runs)])
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err == f"evokd: {main.escape(str(caught.value))}\n"
    assert "\n" not in str(caught.value)
    assert not runs.exists()
