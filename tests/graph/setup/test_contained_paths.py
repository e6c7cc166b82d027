"""Files of a domain: found under the name that people write, and in its folder alone."""

import unicodedata
from pathlib import Path

import pytest

from evokd.graph.setup.contained_paths import find_name
from evokd.graph.setup.domain import load_domain
from evokd.messages import InputError
from tests.graph.toy import write_domain

LINKS = {
    "profile": "profile.yaml",
    "guide": "guide.yaml",
    "recording": "llm",
    "text of a recording": "llm/written.jsonl",
    "prompt": "own/labeler.md",
    "data": "seeds.jsonl",
    "corpus": "corpus.jsonl",
}


@pytest.mark.parametrize("name", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("kind", ["out", "to itself", "inside"])
def test_a_link_out_of_a_domain_is_refused_whatever_it_is(name: str, kind: str, tmp_path: Path) -> None:
    domain = write_domain(tmp_path / "toy", prompts="own")
    (domain / "own").mkdir()
    target = (domain if kind == "inside" else tmp_path) / "target"
    if name == "llm":
        target.mkdir()
    else:
        target.write_bytes((domain / name).read_bytes() if (domain / name).is_file() else b"cancel_plan: a, b\n")
    if name == "profile.yaml":
        target.write_text("tone: {angry: 1, calm: 1}\n", encoding="utf-8")
    link = domain / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(link if kind == "to itself" else target)
    if kind == "inside":
        assert load_domain(domain).file.name == "toy"
        return
    with pytest.raises(InputError, match=r"points outside the domain folder|cannot be a file name") as caught:
        load_domain(domain)
    assert str(domain) in str(caught.value)
    assert name.rpartition("/")[2] in str(caught.value)


FORMS = ["NFC", "NFD"]


@pytest.mark.parametrize("written", FORMS)
@pytest.mark.parametrize("stored", FORMS)
def test_a_name_is_the_same_in_every_unicode_form(written: str, stored: str, tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "données/séeds.jsonl") for form in (written, stored)]
    domain = write_domain(tmp_path / "toy")
    data = {"seeds": names[0], "validation": "validation.jsonl", "test": "test.jsonl"}
    write_domain(tmp_path / "toy", data=data)
    (domain / names[1]).parent.mkdir()
    (domain / "seeds.jsonl").rename(domain / names[1])
    loaded = load_domain(domain)
    assert len(loaded.seeds) == 3
    assert unicodedata.normalize("NFC", names[0]) in loaded.fingerprint


@pytest.mark.parametrize(
    ("written", "stored", "told"),
    [
        ("Seeds.jsonl", "seeds.jsonl", r"no 'Seeds\.jsonl', but there is 'seeds\.jsonl'; write it with the same cap"),
        ("data/SEEDS.jsonl", "data/seeds.jsonl", r"no 'SEEDS\.jsonl', but there is 'seeds\.jsonl'"),
        ("data\\seeds.jsonl", "data/seeds.jsonl", r"write it with slashes"),
    ],
)
def test_a_name_from_another_system_is_told(written: str, stored: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "toy" / stored
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ValueError, match=told):
        find_name(tmp_path / "toy", written)
    domain = write_domain(tmp_path / "other", data={"seeds": written})
    (domain / "seeds.jsonl").unlink()
    (domain / stored).parent.mkdir(exist_ok=True)
    (domain / stored).touch()
    with pytest.raises(InputError, match=rf"domain\.yaml:\d+: data\.seeds: .*{told}"):
        load_domain(domain)


@pytest.mark.parametrize("name", ["none.jsonl", "no/such/file", "../OTHER.jsonl", "/ETC/passwd", ""])
def test_a_name_that_is_like_no_other_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").touch()
    (tmp_path / "toy").mkdir()
    if not name.startswith(("..", "/")):
        assert find_name(tmp_path / "toy", name) == name
    else:
        domain = write_domain(tmp_path / "toy", data={"seeds": name})
        with pytest.raises(InputError, match="points outside the domain folder"):
            load_domain(domain)
