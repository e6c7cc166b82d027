"""Every fault of a domain folder is told in one line that names the place, before anything is started."""

import json
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.domain import find_domain, load_domain
from evokd.graph.setup.plan import plan_run
from evokd.messages import InputError
from tests.graph.damage import DATA, Damage, add_line, both, check_refusal, edit, make_folder, replace, write
from tests.graph.toy import LABELS, SHIPPED, read_rows, write_domain, write_rows


def drop_seeds(label: str) -> Damage:
    def damage(folder: Path) -> None:
        rows = [row for row in read_rows(folder / "seeds.jsonl") if row["label"] != label]
        write_rows(folder / "seeds.jsonl", rows)

    return damage


ROW = json.dumps({"text": "Where is it?", "label": "delivery_trouble"})
FAULTS: dict[str, tuple[Damage, list[str]]] = {
    "no domain.yaml": (lambda folder: (folder / "domain.yaml").unlink(), ["no domain.yaml"]),
    "broken YAML": (write("domain.yaml", "name: a\nlabels: {a: [\n"), ["domain.yaml:", "not valid YAML"]),
    "tab in YAML": (write("domain.yaml", "name: a\n\ttask: b\n"), ["domain.yaml:2", "not valid YAML"]),
    "impossible date in YAML": (replace("name: toy", "name: 2024-13-45"), ["domain.yaml", "not valid YAML"]),
    "empty domain.yaml": (write("domain.yaml", ""), ["domain.yaml", "empty"]),
    "domain.yaml of comments": (write("domain.yaml", "# later\n"), ["domain.yaml", "empty"]),
    "domain.yaml a list": (write("domain.yaml", "- a\n- b\n"), ["domain.yaml:1", "expected keys"]),
    "domain.yaml in UTF-16": (write("domain.yaml", "name: a\n".encode("utf-16")), ["domain.yaml", "UTF-8"]),
    "domain.yaml a folder": (make_folder("domain.yaml"), ["domain.yaml"]),
    "unknown key": (edit(metrik="accuracy"), ["domain.yaml:", "'metrik'", "did you mean 'metric'"]),
    "unknown key of data": (edit(data={**DATA, "tests": "test.jsonl"}), ["domain.yaml:", "data.tests", "unknown key"]),
    "unknown key of a section": (
        edit(student={"stepps": 3}),
        ["domain.yaml", "'student.stepps'", "did you mean 'student.steps'"],
    ),
    "unknown key of rehearsal": (
        edit(rehearsal={"corpus": "corpus.jsonl", "noize": 0.5}),
        ["domain.yaml", "'rehearsal.noize'", "did you mean 'rehearsal.noise'"],
    ),
    "rehearsal no section": (edit(rehearsal="corpus.jsonl"), ["domain.yaml:", "'rehearsal'"]),
    "section a number": (edit(budget=7), ["domain.yaml", "budget", "got 7"]),
    "wrong value of a section": (edit(student={"steps": 0}), ["domain.yaml", "student.steps", "got 0"]),
    "key missing": (edit(labels=None), ["domain.yaml", "'labels'", "missing"]),
    "data missing": (edit(data=None), ["domain.yaml", "'data'", "missing"]),
    "data without seeds": (edit(data={"test": "test.jsonl"}), ["domain.yaml", "'data.seeds'", "missing"]),
    "name no name": (edit(name="a/b"), ["domain.yaml:", "name"]),
    "description empty": (edit(description=""), ["domain.yaml:", "description"]),
    "unknown task": (edit(task="clasification"), ["domain.yaml:", "'clasification'", "classification"]),
    "unknown metric": (edit(metric="f1"), ["domain.yaml:", "'f1'", "macro_f1, accuracy"]),
    "label without meaning": (
        edit(labels={"cancel_plan": None, "b": "c"}),
        ["domain.yaml:", "'cancel_plan'", "meaning"],
    ),
    "label with empty meaning": (edit(labels=dict.fromkeys(LABELS, " ")), ["domain.yaml:", "'cancel_plan'", "meaning"]),
    "label yes": (
        replace("  cancel_plan:", "  yes:"),
        ["domain.yaml:", "True is a truth value in YAML, as yes", "quotes"],
    ),
    "label a number": (replace("  cancel_plan:", "  7:"), ["domain.yaml:", "7", "quotes"]),
    "labels a list": (edit(labels=list(LABELS)), ["domain.yaml:", "labels", "one line per label"]),
    "topics no list": (edit(topics="bills"), ["domain.yaml:", "topics", "list of topics"]),
    "topics empty": (edit(topics=[]), ["domain.yaml:", "topics", "list of topics"]),
    "topic no text": (edit(topics=["bills", 3]), ["domain.yaml:", "topics", "the topic 3"]),
    "topics of no label": (edit(topics={"nope": ["bills"]}), ["domain.yaml:", "'nope' is not a label"]),
    "topics of bad labels": (edit(labels=list(LABELS), topics=["bills"]), ["domain.yaml:", "one line per label"]),
    "one label": (edit(labels={"cancel_plan": "all"}), ["domain.yaml:", "labels"]),
    "data file missing": (lambda folder: (folder / "test.jsonl").unlink(), ["test.jsonl", "data.test"]),
    "data file a folder": (make_folder("validation.jsonl"), ["validation.jsonl"]),
    "data file of unknown kind": (
        both(edit(data={**DATA, "test": "test.txt"}), write("test.txt", ROW)),
        ["test.txt", ".jsonl"],
    ),
    "columns no section": (edit(data={**DATA, "columns": "Body"}), ["domain.yaml:", "data.columns", "{text: Body"]),
    "column of nothing": (
        edit(data={**DATA, "columns": {"txt": "Body"}}),
        ["domain.yaml:", "data.columns", "did you mean 'text'", "one of: text, label, labels, tokens"],
    ),
    "column a number": (edit(data={**DATA, "columns": {"text": 3}}), ["domain.yaml:", "data.columns", "in quotes"]),
    "column named twice": (
        edit(data={**DATA, "columns": {"text": "Body", "label": "Body"}}),
        ["domain.yaml:", "data.columns", "'Body'", "name it once"],
    ),
    "column that no file has": (
        edit(data={**DATA, "columns": {"text": "texts"}}),
        ["seeds.jsonl:1", "no column 'texts' to read as text (did you mean 'text'?)"],
    ),
    "seeds empty": (write("seeds.jsonl", ""), ["seeds.jsonl", "at least one"]),
    "validation empty": (write("validation.jsonl", "\n\n"), ["validation.jsonl", "no rows"]),
    "unknown label": (
        add_line("seeds.jsonl", ROW.replace("delivery_trouble", "delivery_troubel")),
        ["seeds.jsonl:4", "'delivery_troubel'", "did you mean 'delivery_trouble'"],
    ),
    "label without a seed": (drop_seeds("login_trouble"), ["seeds.jsonl", "'login_trouble'", "add at least one"]),
    "broken JSON": (add_line("test.jsonl", '{"text": "a", "label"'), ["test.jsonl:61", "broken JSON"]),
    "deep JSON": (add_line("test.jsonl", "[" * 100_000), ["test.jsonl:61"]),
    "endless number": (add_line("test.jsonl", '{"text": "a", "label": ' + "1" * 5000 + "}"), ["test.jsonl:61"]),
    "row no object": (add_line("test.jsonl", '["a", "b"]'), ["test.jsonl:61", "object"]),
    "row without label": (add_line("test.jsonl", '{"text": "a"}'), ["test.jsonl:61", '"label"', "missing"]),
    "row without text": (add_line("test.jsonl", '{"label": "cancel_plan"}'), ["test.jsonl:61", '"text"', "missing"]),
    "row with empty text": (add_line("test.jsonl", ROW.replace("Where is it?", " ")), ["test.jsonl:61", "empty"]),
    "row with unknown key": (add_line("test.jsonl", ROW.replace('"text"', '"a": 1, "text"')), ["test.jsonl:61", "'a'"]),
    "label of a row a number": (add_line("test.jsonl", '{"text": "a", "label": 1}'), ["test.jsonl:61", "string"]),
    "row in latin-1": (write("test.jsonl", ROW.replace("?", "é").encode("latin-1")), ["test.jsonl:1", "UTF-8"]),
    "rows in UTF-16": (write("test.jsonl", (ROW + "\n").encode("utf-16")), ["test.jsonl:1", "UTF-8"]),
    "prompts missing": (edit(prompts="prompts"), ["prompts", "no such folder"]),
    "prompts a file": (edit(prompts="test.jsonl"), ["test.jsonl", "no such folder"]),
    "prompt of nobody": (
        both(edit(prompts="own"), make_folder("own"), write("own/teacher.md", "x")),
        ["teacher.md", "analyst, generator, labeler"],
    ),
    "prompt without a head": (
        both(edit(prompts="own"), make_folder("own"), write("own/labeler.md", "Label them.")),
        ["labeler.md:1", "front matter"],
    ),
    "prompt with an unknown variable": (
        both(
            edit(prompts="own"),
            make_folder("own"),
            write(
                "own/labeler.md",
                "---\nname: a\nversion: 1\ndescription: b\ninputs: [colour]\nreply: LabelReply\n---\n{{ colour }}\n",
            ),
        ),
        ["labeler.md", "'colour'"],
    ),
    "corpus missing": (edit(rehearsal={"corpus": "gone.jsonl"}), ["gone.jsonl", "rehearsal.corpus"]),
    "corpus no name": (edit(rehearsal={"corpus": 3}), ["domain.yaml:", "rehearsal.corpus"]),
    "no teacher": (edit(rehearsal=None), ["domain.yaml", "--teacher", "rehearsal.corpus"]),
    "corpus broken": (write("corpus.jsonl", "{"), ["corpus.jsonl:1"]),
    "corpus with a foreign label": (
        add_line("corpus.jsonl", ROW.replace("delivery_trouble", "sports")),
        ["corpus.jsonl:211", "'sports'"],
    ),
}


@pytest.mark.parametrize(("damage", "told"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_domain_is_refused_in_one_line(
    damage: Damage, told: list[str], toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(toy_domain, damage, told, capsys)


def test_a_whole_domain_loads(toy_domain: Path) -> None:
    domain = load_domain(toy_domain)
    assert domain.codec.labels == LABELS
    assert (len(domain.seeds), len(domain.validation), len(domain.test)) == (3, 30, 60)
    assert domain.metric == "macro_f1"
    assert domain.corpus == toy_domain / "corpus.jsonl"
    assert set(domain.fingerprint) == {"domain.yaml", "seeds.jsonl", "validation.jsonl", "test.jsonl", "corpus.jsonl"}


@pytest.mark.parametrize("topics", [["late  bills", "repairs"], {"cancel_plan": ["late  bills", "repairs"]}])
def test_topics_are_of_all_labels_or_of_some(topics: Any, toy_domain: Path) -> None:
    edit(topics=topics)(toy_domain)
    named = LABELS if isinstance(topics, list) else ("cancel_plan",)
    assert load_domain(toy_domain).file.topics == dict.fromkeys(named, ("late bills", "repairs"))


def test_columns_are_read_by_the_names_of_the_user(toy_domain: Path) -> None:
    """Seeds, validation and test by the names given; the corpus and a pool with the known names as they are."""
    for name in DATA.values():
        rows = [{"Body": row["text"], "Queue": row["label"], "id": 7} for row in read_rows(toy_domain / name)]
        write_rows(toy_domain / name, rows)
    write_rows(toy_domain / "pool.jsonl", [{"text": f"the parcel of customer {number} is lost"} for number in range(5)])
    columns = {"text": "Body", "label": "Queue"}
    edit(data={**DATA, "pool": "pool.jsonl", "columns": columns})(toy_domain)
    domain = plan_run(toy_domain, "evokd", []).domain
    assert (len(domain.seeds), len(domain.validation), len(domain.test), len(domain.pool)) == (3, 30, 60, 5)
    assert len(domain.corpus_rows) == 210
    told = {file.split: file.layout.tell() for file in domain.files}
    assert told["seeds"] == "JSON lines: text (column 'Body'), label (column 'Queue'); passed over: 'id'"
    assert told["pool"] == "JSON lines: text"


def test_columns_may_be_those_of_the_pool_alone(toy_domain: Path) -> None:
    write_rows(toy_domain / "pool.jsonl", [{"Body": f"the parcel of customer {number} is lost"} for number in range(5)])
    edit(data={**DATA, "pool": "pool.jsonl", "columns": {"text": "Body"}})(toy_domain)
    domain = plan_run(toy_domain, "evokd", []).domain
    assert (len(domain.seeds), len(domain.pool)) == (3, 5)
    assert f"{toy_domain / 'seeds.jsonl'}: holds no column 'Body'; read by the usual names" in domain.notes


def test_only_seeds_are_needed(toy_domain: Path) -> None:
    edit(data={"seeds": "seeds.jsonl"}, rehearsal=None, metric=None)(toy_domain)
    domain = load_domain(toy_domain)
    assert domain.validation == domain.test == ()
    assert domain.corpus is None
    assert domain.metric == "macro_f1"


@pytest.mark.parametrize("name", ["domain.yaml", "seeds.jsonl", "validation.jsonl", "test.jsonl", "corpus.jsonl"])
def test_the_fingerprint_follows_every_file(name: str, toy_domain: Path) -> None:
    before = load_domain(toy_domain).fingerprint
    (toy_domain / name).write_bytes((toy_domain / name).read_bytes() + b"\n")
    after = load_domain(toy_domain).fingerprint
    assert [key for key in before if before[key] != after[key]] == [name]


def test_the_fingerprint_tells_files_of_the_same_name_apart(toy_domain: Path) -> None:
    for split in DATA:
        (toy_domain / split).mkdir()
        (toy_domain / f"{split}.jsonl").rename(toy_domain / split / "data.jsonl")
    edit(data={split: f"{split}/data.jsonl" for split in DATA})(toy_domain)
    before = load_domain(toy_domain).fingerprint
    path = toy_domain / "seeds" / "data.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    assert load_domain(toy_domain).fingerprint != before


@pytest.mark.parametrize("name", ["support_tickets", "domains/support_tickets", str(SHIPPED / "domain.yaml")])
def test_a_shipped_domain_is_found_by_name_and_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_domain(name) == SHIPPED


def test_an_unknown_domain_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no domain folder 'suport_tickets' \(did you mean 'support_tickets'\?\)"):
        find_domain("suport_tickets")


def test_settings_of_a_domain_come_between_preset_and_flags(tmp_path: Path) -> None:
    folder = write_domain(tmp_path / "own", student={"steps": 7}, seed=3)
    settings = plan_run(str(folder), "evokd", []).settings
    assert (settings.student.steps, settings.seed) == (7, 3)


@pytest.mark.parametrize("place", ["topics", "guide", "seeds"])
def test_labels_in_another_unicode_form_are_the_domains(tmp_path: Path, place: str) -> None:
    label, written = "\u00e9loge", "e\u0301loge"
    forms = {name: written if name == place else label for name in ("topics", "guide", "seeds")}
    tree = {
        "name": "a", "task": "classification", "description": "letters", "labels": {label: "content", "plainte": "not"},
        "topics": {forms["topics"]: ["delivery"], "plainte": ["delivery"]}, "data": {"seeds": "seeds.jsonl"},
    }  # fmt: skip
    (tmp_path / "domain.yaml").write_text(json.dumps(tree), encoding="utf-8")
    (tmp_path / "guide.yaml").write_text(json.dumps({forms["guide"]: "praise"}), encoding="utf-8")
    write_rows(tmp_path / "seeds.jsonl", [{"text": "x", "label": forms["seeds"]}, {"text": "y", "label": "plainte"}])
    domain = load_domain(tmp_path)
    assert list(domain.file.topics) == [label, "plainte"]
    assert domain.guide == {label: "praise"}
    assert [row.gold for row in domain.seeds] == [label, "plainte"]
    assert any("another Unicode form" in note for note in domain.notes) is (place == "seeds")


def test_two_labels_of_one_unicode_form_are_refused_with_the_line(tmp_path: Path) -> None:
    tree = "name: a\ntask: classification\ndescription: b\nlabels:\n  \u00e9loge: c\n  e\u0301loge: d\n"
    (tmp_path / "domain.yaml").write_text(tree + "data: {seeds: s.jsonl}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"domain\.yaml:6: label .* is declared twice, in two forms that look"):
        load_domain(tmp_path)
