"""Mutated domain.yaml and data files through the loader, and folders that mean harm: a value or one line, and soon."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evokd.agents.prompt_context import make_prompt_context
from evokd.graph.setup.config_layers import build_settings, parse_assignments
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.simulated_teacher import read_corpus
from evokd.messages import InputError
from evokd.student.data import read_examples
from evokd.student.tasks.registry import codec
from tests.fuzzing import Step, Tally, few_or_many, mutate_text, mutate_value, steps

TALLY = Tally("mutated domains and data files")
LABELS = {"bug": "the program misbehaves", "bill": "money was taken wrongly"}
TYPES = {"person": "somebody's name", "site": "a named place"}
ROWS = [
    {"text": "it broke", "label": "bug"},
    {"text": "paid, twice", "label": "bill"},
    {"text": "Ä \U0001f426", "label": "bug"},
]
SPANS = [
    {
        "text": "Robin saw Ash Ford.",
        "entities": [{"start": 0, "end": 5, "label": "person"}, {"start": 10, "end": 18, "label": "site"}],
    },
    {"tokens": ["Ash", "Ford", "slept", "."], "tags": ["B-site", "I-site", "O", "O"]},
    {"tokens": ["Robin"], "tags": ["B-person"], "note": "one"},
]  # fmt: skip
CONLL = "# id = 1\nRobin B-person\nsaw O\nAsh B-site\nFord I-site\n\n-DOCSTART- O\n\n# O\nAsh\tB-person\n"
TREES: dict[str, dict[str, Any]] = {
    "classification": {
        "name": "toy", "task": "classification", "language": "en", "description": "letters", "metric": "macro_f1",
        "labels": LABELS, "data": {"seeds": "seeds.jsonl", "validation": "validation.csv"},
        "rehearsal": {"corpus": "seeds.jsonl", "noise": 0.1}, "prompts": "own",
        "student": {"steps": 120}, "curriculum": {"modes": ["write"], "quotas": {"drafts": 12}}, "budget": {"usd": 1.5},
    },
    "ner": {
        "name": "notes", "task": "ner", "description": "notes", "labels": TYPES,
        "data": {"seeds": "seeds.jsonl", "test": "test.conll"}, "rehearsal": {"corpus": "test.conll"},
    },
}  # fmt: skip


def write_lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


DATA: dict[str, dict[str, str]] = {
    "classification": {
        "seeds.jsonl": write_lines(ROWS),
        "validation.csv": 'text,label\n"it broke, ""again""",bug\r\ntwice,bill\n',
        "own/labeler.md": "---\nname: n\nversion: 1\ndescription: d\ninputs: [schema]\nreply: LabelReply\n---\n"
        "{{ schema }}",
    },
    "ner": {"seeds.jsonl": write_lines(SPANS), "test.conll": CONLL},
}


def write_folder(folder: Path, task: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "own").mkdir(parents=True)
    for name, text in DATA[task].items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    (folder / "domain.yaml").write_text(yaml.safe_dump(TREES[task], sort_keys=False), encoding="utf-8")
    return folder


def outcome(work: Callable[[], object], longest: int = 2_000) -> str:
    """Do something; what came of it. Another error than ours is passed on."""
    try:
        work()
    except InputError as exc:
        told = str(exc)
        assert told.isprintable(), told
        assert len(told) < longest
        return told
    return "loaded"


def load(folder: Path) -> None:
    domain = load_domain(folder)
    build_settings([domain.overrides])
    if domain.corpus is not None:
        read_corpus(domain)
    make_prompt_context(
        domain.codec.name, domain.file.description, domain.file.language, domain.file.labels, domain.prompts, 3
    )


SPLINTERS = [
    *"{}[]()%#-:|'\"\\\n\r\t\x00\x07\x1b\x85\ufeff\u2028\u202e\ud800,&*!?>@`~",
    *("&a [*a]\n", "*a", "!!python/object/apply:os.system ['id']\n", "!!binary aGk=", "!!set {a}", "? [a]\n: b\n"),
    *("<<: {a: b}\n", "%YAML 1.1\n---\n", "--- a\n...\n", "%TAG ! tag:x,2000:\n", ".nan", "-.inf", "yes", "1e999"),
    *("name: a\n", "labels:\n  bug: x\n", "2024-13-45", "1_0:99:99", "0x" + "f" * 400, "9" * 5_000),
    *("../../etc/passwd", "/etc/passwd", "/dev/zero", "seeds.jsonl/..", "~", "a" * 300, "\\0", '"\\ud800"', "[" * 300),
    *('{"text": "x", "label": "bug"}\n', '{"text": "\\ud800"', "NaN", '"entities": [', "B-", "I-person"),
    *("E-site\n", "\n\n\n", "\tO"),
    *('"', '""', "\r\n", "text,label", ",,,,", "x" * 140_000, "{a: " * 300),
]  # fmt: skip


def encode(text: str, what: int) -> bytes:
    kinds = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "utf-7")
    raw = text.encode(kinds[what % len(kinds)], "surrogatepass" if what % 10 < 8 and what % 3 == 0 else "replace")
    return raw.replace(b"\n", b"\r\n") if what % 11 == 0 else raw.replace(b"\n", b"\r") if what % 37 == 0 else raw


@few_or_many(100, 2_000)
@given(
    task=st.sampled_from(list(TREES)),
    which=st.integers(0, 5),
    broken=steps,
    damage=steps,
    coding=st.integers(0, 10_000),
)
def test_a_mutated_folder_ends_in_a_domain_or_one_line(
    task: str, which: int, broken: list[Step], damage: list[Step], coding: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = write_folder(tmp_path_factory.getbasetemp() / "fuzzed", task)
    names = ["domain.yaml", "domain.yaml", "domain.yaml", *DATA[task]]
    name = names[which % len(names)]
    text = DATA[task].get(name, "")
    if name == "domain.yaml":
        # JSON is YAML, and unlike the YAML writer takes every value
        tree = mutate_value(TREES[task], broken)
        text = json.dumps(tree, indent=1) if coding % 2 else yaml.safe_dump(TREES[task])
    elif name.endswith(".jsonl"):
        rows = mutate_value(ROWS if task == "classification" else SPANS, broken)
        text = write_lines(rows if isinstance(rows, list) else [rows])
    text = mutate_text(text, damage if coding % 3 else damage[:1], SPLINTERS)
    (folder / name).write_bytes(encode(text, coding))
    with TALLY.timed(text):
        TALLY.count("loaded" if outcome(lambda: load(folder)) == "loaded" else "refused")


@few_or_many(60, 500)
@given(
    key=st.sampled_from(["student.steps", "teacher.base_url", "stop.target", "seed", "a.b", "", "curriculum.modes"]),
    damage=steps,
)
def test_a_mutated_set_option_ends_in_settings_or_one_line(key: str, damage: list[Step]) -> None:
    text = mutate_text(f"{key}=[1, {{a: 'b'}}]", damage, SPLINTERS)
    with TALLY.timed(text):
        told = outcome(lambda: build_settings([parse_assignments([text, "seed=1"])]))
        TALLY.count("loaded" if told == "loaded" else "refused")


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE_YAML = {
    "billion-laughs": (LAUGHS, "aliases"),
    "endless": ("labels: &a {b: *a}\n", "aliases"),
    "python-object": ("name: !!python/object/apply:os.system ['touch /tmp/x']\n", "tag:yaml.org,2002:python"),
    "python-name": ("name: !!python/name:os.system\n", "tag:yaml.org,2002:python"),
    "own-tag": ("name: !secret x\n", "could not determine a constructor"),
    "deep-brackets": ("name: " + "[" * 600, "not valid YAML"),
    "deep-blocks": ("".join(" " * depth + "a:\n" for depth in range(500)), "not valid YAML"),
    "two-keys": ("name: a\ntask: ner\nname: b\n", "domain.yaml:3: not valid YAML: the key 'name' occurs twice"),
    "two-labels": ("labels:\n  a: x\n  b: y\n  a: z\n", "domain.yaml:4: not valid YAML: the key 'a' occurs twice"),
    "large": ("# " + "x" * 1_000_000, "larger than 200,000 bytes"),
    "nul": ("name: a\x00b\n", "not valid YAML"),
    "escape": ("name: a\x1b[31m\n", "not valid YAML"),
    "long-number": ("name: " + "9" * 100_000 + "\n", "not valid YAML"),
    "sixties": ("name: " + ":".join(["9"] * 9_000) + "\n", "domain.yaml"),
    "two-documents": ("name: a\n---\nname: b\n", "not valid YAML"),
}


@pytest.mark.parametrize(("text", "told"), HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_hostile_yaml_is_refused_in_one_line_and_soon(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "domain.yaml").write_text(text, encoding="utf-8")
    with TALLY.timed(text):
        assert told in outcome(lambda: load_domain(tmp_path))


@pytest.mark.parametrize("key", ["data.seeds", "data.test", "rehearsal.corpus", "prompts"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../secret.jsonl", "points outside the domain folder"),
        ("own/../../secret.jsonl", "points outside the domain folder"),
        ("/etc/passwd", "points outside the domain folder"),
        ("link.jsonl", "points outside the domain folder"),
        ("loop.jsonl", "loop.jsonl"),
        ("a\x00b", "cannot be a file name"),
        ("\ud800", "cannot be a file name"),
        ("a" * 300, "cannot be a file name"),
        ("pipe.jsonl", "/pipe.jsonl: "),  # no regular file, or no folder of prompts
        ("", ""),
    ],
    ids=["up", "down-and-up", "absolute", "link-out", "link-loop", "nul", "half-pair", "long", "pipe", "empty"],
)
def test_what_a_domain_names_lies_in_its_folder(key: str, name: str, told: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "toy", "classification")
    (tmp_path / "secret.jsonl").write_text(write_lines(ROWS), encoding="utf-8")
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "loop.jsonl").symlink_to(folder / "loop.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    tree = json.loads(json.dumps(TREES["classification"]))
    section, _, last = key.rpartition(".")
    (tree[section] if section else tree)[last] = name
    (folder / "domain.yaml").write_text(json.dumps(tree), encoding="utf-8")
    got = outcome(lambda: load(folder))
    if name or section:
        assert told in got
        assert str(folder) in got
        assert "secret" not in got.replace(name, "")


def test_a_link_to_the_folder_and_links_inside_it_are_followed(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "toy", "classification")
    (folder / "seeds.jsonl").rename(folder / "rows.jsonl")
    (folder / "seeds.jsonl").symlink_to("rows.jsonl")
    (tmp_path / "link").symlink_to(folder)
    assert outcome(lambda: load(tmp_path / "link")) == "loaded"


@pytest.mark.parametrize("key", ["base_url", "api_key_env"])
@pytest.mark.parametrize("role", [None, "labeler"])
def test_a_domain_does_not_decide_where_the_key_is_sent(key: str, role: str | None, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, "classification")
    value = {key: "http://example.org/v1"}
    tree = {**TREES["classification"], "teacher": {"roles": {role: value}} if role else value}
    (folder / "domain.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    got = outcome(lambda: load(folder))
    assert f"teacher.{f'roles.{role}.' if role else ''}{key}: a domain does not decide where your key is sent" in got


CODEC, ENTITIES = codec("classification", list(LABELS)), codec("ner", list(TYPES))
HOSTILE_ROWS: dict[str, tuple[str, bytes]] = {
    "nul": ("a.jsonl", b'{"text": "a\x00", "label": "bug"}\n'),
    "half-a-character": ("a.jsonl", '{"text": "ä", "label": "bug"}'.encode()[:-20]),
    "one-long-line": ("a.jsonl", b'{"text": "' + b"a " * 500_000 + b'", "label": "bog"}'),
    "one-long-label": ("a.jsonl", b'{"text": "a", "label": "' + b"b" * 1_000_000 + b'"}'),
    "deep": ("a.jsonl", b'{"text": ' + b"[" * 100_000),
    "long-cell": ("a.csv", b"text,label\n" + b"a" * 1_000_000 + b",bog"),
    "many-columns": ("a.csv", b"text,label" + b",x" * 100_000),
    "open-quote": ("a.csv", b'text,label\n"' + b"a,b\n" * 30_000),
    "nul-in-csv": ("a.csv", b"text,label\na\x00b,bog\n"),
    "long-token": ("a.conll", b"a" * 1_000_000 + b" B-who\n"),
    "many-columns-of-a-token": ("a.conll", b"a " * 300_000 + b"\nb O\n"),
    "open-entity": ("a.conll", b"a B-person\na E-site\n" * 20_000),
    "entities-everywhere": (
        "a.jsonl",
        json.dumps(
            {"text": "a " * 100_000, "entities": [{"start": 0, "end": 199_999, "label": "site"}] * 5_000}
        ).encode(),
    ),
    "entity-of-huge-place": (
        "a.jsonl",
        b'{"text": "a", "entities": [{"start": ' + b"9" * 4_000 + b', "end": 1, "label": "site"}]}',
    ),
}


@pytest.mark.parametrize(("name", "raw"), HOSTILE_ROWS.values(), ids=HOSTILE_ROWS)
def test_hostile_rows_are_refused_in_one_line_and_soon(name: str, raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    for task in (CODEC, ENTITIES):
        with TALLY.timed(name):
            assert outcome(lambda task=task: read_examples(path, task)).startswith(str(path))  # type: ignore[misc]


def test_pipes_and_devices_are_no_data_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    for name in ("a.jsonl", "b.jsonl"):
        assert "is no regular file" in outcome(lambda name=name: read_examples(tmp_path / name, CODEC))  # type: ignore[misc]


@pytest.mark.parametrize("said", ["", "a\nb\x1b[31m", "x" * 10_000], ids=["nothing", "two-lines", "much"])
def test_a_broken_parquet_file_is_refused_in_one_line(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ArrowError(Exception):
        pass

    def open_file(path: Path, **_: object) -> None:
        raise ArrowError(said)

    parquet = ModuleType("pyarrow.parquet")
    parquet.ParquetFile = open_file  # type: ignore[attr-defined]
    pyarrow = ModuleType("pyarrow")
    pyarrow.parquet, pyarrow.ArrowException = parquet, ArrowError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    assert "not a readable parquet file" in outcome(lambda: read_examples(tmp_path / "a.parquet", CODEC))
