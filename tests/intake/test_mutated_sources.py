"""Whatever becomes of a file on its way, init makes a domain that loads, or tells one line and leaves nothing."""

import random
from pathlib import Path

import pytest

import evokd
from evokd.messages import EvokdError
from tests.intake.sources import CLASSIFICATION, ENTITIES, write_source

SOURCES = [*CLASSIFICATION.values(), *ENTITIES.values()]
JUNK = (
    *("null", "true", "-1", "1e999", "[]", "{}", '""', '"\\ud83d"', "\x00", "\u2028", '"', ",", "\n", "[[", "5.5"),
    *('{"a": [1]}', '"label"', "9" * 20, "\ufeff", "\r", ";"),
)


def mutate(content: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(content))
        end = at + rng.choice((0, 1, 3, 20))
        put = rng.choice((rng.choice(JUNK), "", content[at:end] * 2))
        content = content[:at] + put + content[end:] or "x"
    return content


def init(folder: Path, source: Path) -> str:
    """The error, or nothing."""
    try:
        evokd.init_domain(folder, source=source)
    except EvokdError as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize("seed", range(6))
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    made = 0
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        name, content = rng.choice(SOURCES)
        source = write_source(folder, name, mutate(content, rng))
        told = init(folder / "new", source)
        assert "\n" not in told
        assert (folder / "new").exists() is not bool(told)
        if not told:
            made += 1
            assert evokd.load_domain(folder / "new").seeds
        assert {path.name for path in folder.iterdir()} <= {name, "README.md", "new"}
    assert 0 < made < 40
