"""Domains with one flaw each, and what `evokd check` says about it; a domain without a flaw, about which nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evokd import api
from evokd.cli import main
from evokd.messages.finding import LEVELS
from tests.graph.toy import REPORTS, SHIPPED, read_rows, write_domain, write_reports, write_rows, write_yaml

LABEL = "cancel_plan"
OTHER = "login_trouble"
LONG = "I would like to cancel my plan, since it does not do what I hoped for. " * 20
Damage = Callable[[Path], Any]


def make_sound(folder: Path) -> Path:
    """A domain with enough of everything."""
    write_domain(folder)
    corpus = [row for row in read_rows(SHIPPED / "corpus.jsonl") if row["label"] in read_labels(folder)]
    validation = read_rows(folder / "validation.jsonl")
    write_rows(folder / "validation.jsonl", [*validation, *corpus[1::3][:60]])
    write_rows(folder / "seeds.jsonl", [*read_rows(folder / "seeds.jsonl"), *corpus[0::3][:30]])
    pool = [{"text": row["text"]} for row in read_rows(SHIPPED / "pool.jsonl")]
    write_rows(folder / "pool.jsonl", pool)
    change(folder, lambda tree: tree["data"].update(pool="pool.jsonl"))
    change(folder, lambda tree: tree.pop("rehearsal"))
    return folder


def read_labels(folder: Path) -> list[str]:
    return list(yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))["labels"])


def change(folder: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    tree = yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))
    how(tree)
    write_yaml(folder / "domain.yaml", tree)


def rewrite(split: str, how: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / f"{split}.jsonl"
        write_rows(path, how(read_rows(path)))

    return damage


def copy(source: str, target: str, **changes: Any) -> Damage:
    """Put the first row of a split, changed, at the end of another."""

    def damage(folder: Path) -> None:
        row = read_rows(folder / f"{source}.jsonl")[0]
        more = {key: value(row[key]) if callable(value) else value for key, value in changes.items()}
        rewrite(target, lambda rows: [*rows, {**row, **more}])(folder)

    return damage


def without(split: str, label: str, keep: int = 0) -> Damage:
    def thin(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        having = [row for row in rows if row["label"] == label]
        return [row for row in rows if row["label"] != label] + having[:keep]

    return rewrite(split, thin)


def flood(folder: Path) -> None:
    """Nearly all that is trained on has one label."""
    rows = [row for row in read_rows(SHIPPED / "corpus.jsonl") if row["label"] == LABEL]
    rewrite("seeds", lambda seeds: [*seeds, *rows])(folder)
    for label in (OTHER, "delivery_trouble"):
        without("seeds", label, keep=3)(folder)
    change(folder, lambda tree: tree.update(rows={"set_aside": 0}))


FLAWS: dict[str, tuple[Damage, str, str, str, str]] = {
    "a label missing in test data": (without("test", LABEL), "warning", "label_missing", "test.jsonl", LABEL),
    "two answers": (
        copy("validation", "validation", label=lambda label: OTHER if label != OTHER else LABEL),
        *("warning", "opposed_answers", "validation.jsonl", "1 text occurs in it more than once"),
    ),
    "a seed twice": (copy("seeds", "seeds"), "hint", "repeated_texts", "seeds.jsonl", "1 text occurs"),
    "a seed in test data": (copy("seeds", "test"), "warning", "shared_texts", "seeds.jsonl", "in test.jsonl as well"),
    "one file for two splits": (
        lambda folder: change(folder, lambda tree: tree["data"].update(test="validation.jsonl")),
        *("warning", "file_named_twice", "validation.jsonl", "named twice"),
    ),
    "nearly a seed in test data": (
        copy("seeds", "test", text=lambda text: f"{text} Thanks!"),
        *("warning", "near_leak", "seeds.jsonl", "nearly the same as a test text (the first: line 1, like line 61 of"),
    ),
    "a test text nearly twice": (
        copy("test", "test", text=lambda text: f"{text} Thanks!"),
        *(
            "hint",
            "near_repeats",
            "test.jsonl",
            "1 text nearly repeats an earlier one (the first: line 61, like line 1)",
        ),
    ),
    "few test rows": (
        rewrite("test", lambda rows: rows[::2]),
        "warning",
        "few_scored",
        "test.jsonl",
        "on 30 test rows",
    ),
    "few rows of a label": (
        without("test", LABEL, keep=3),
        *("hint", "few_of_label", "test.jsonl", f"fewer than 5 examples: {LABEL!r} (3)"),
    ),
    "no validation data": (
        lambda folder: change(folder, lambda tree: tree["data"].pop("validation")),
        *("hint", "no_validation", "domain.yaml", "no validation data"),
    ),
    "no test data": (
        lambda folder: change(folder, lambda tree: tree["data"].pop("test")),
        *("hint", "no_test", "domain.yaml", "no test data"),
    ),
    "no unlabelled texts": (
        lambda folder: change(folder, lambda tree: tree["data"].pop("pool")),
        *("hint", "few_unlabelled", "domain.yaml", "no unlabelled texts"),
    ),
    "few unlabelled texts": (
        rewrite("pool", lambda rows: rows[:40]),
        *("hint", "few_unlabelled", "domain.yaml", "unlabelled texts: 33"),
    ),
    "an unbalanced domain": (flood, "warning", "unbalanced", "seeds.jsonl", f"the label {LABEL!r} occurs"),
    "a meaning that says nothing": (
        lambda folder: change(folder, lambda tree: tree["labels"].update({LABEL: "Cancel plan."})),
        *("warning", "meaning_empty", "domain.yaml", LABEL),
    ),
    "two labels with one meaning": (
        lambda folder: change(folder, lambda tree: tree["labels"].update({LABEL: tree["labels"][OTHER]})),
        *("warning", "meaning_repeated", "domain.yaml", f"{LABEL!r} and {OTHER!r} have the same meaning"),
    ),
    "a text that is too long": (
        copy("test", "test", text=LONG),
        *("warning", "cut_texts", "", "longer than student.max_length (128 sub-words) are cut off there: test 1 of 61"),
    ),
    "a text without words": (copy("test", "test", text="... ?!"), "warning", "no_words", "test.jsonl:61", "no letter"),
    "another language": (
        lambda folder: change(folder, lambda tree: tree.update(language="de")),
        *("warning", "language", "", "trained on English texts"),
    ),
    "another script": (
        rewrite(
            "validation", lambda rows: [{**row, "text": f"\u12a0\u121b\u122d\u129b {n}"} for n, row in enumerate(rows)]
        ),
        *("error", "unreadable_texts", "", "cannot read these texts"),
    ),
}


def find(folder: Path, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.check(folder, **options)["findings"]
    return found


def test_a_sound_domain_gets_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_sound(tmp_path / "toy")
    assert find(folder) == []
    assert main.run_cli(["check", str(folder)]) == 0
    assert "findings  nothing found" in capsys.readouterr().out


@pytest.mark.parametrize("domain", [SHIPPED, REPORTS], ids=lambda domain: str(domain.name))
def test_the_shipped_domains_get_no_finding(domain: Path) -> None:
    assert find(domain) == []


@pytest.mark.parametrize(("damage", "level", "code", "place", "told"), FLAWS.values(), ids=FLAWS)
def test_a_flaw_gets_its_finding(damage: Damage, level: str, code: str, place: str, told: str, tmp_path: Path) -> None:
    folder = make_sound(tmp_path / "toy")
    damage(folder)
    findings = find(folder)
    (finding,) = [item for item in findings if item["code"] == code]
    assert (finding["level"], finding["place"]) == (level, str(folder / place) if place else "")
    assert told in finding["text"]
    assert finding["mend"]
    assert "\n" not in finding["text"] + finding["mend"]


def test_few_entities_of_a_label_and_no_text_without_any_are_told(tmp_path: Path) -> None:
    folder = write_reports(tmp_path / "reports")
    rewrite("validation", lambda rows: [row for row in rows if row["entities"]])(folder)
    rewrite("seeds", lambda rows: [row for row in read_rows(REPORTS / "corpus.jsonl") if row["entities"]][:30])(folder)
    findings = {finding["code"]: finding for finding in find(folder)}
    assert findings["always_entities"]["place"] == str(folder / "seeds.jsonl")
    statistics = api.check(folder)["statistics"]
    rows = read_rows(folder / "test.jsonl")
    entities = [entity["label"] for row in rows for entity in row["entities"]]
    assert statistics["test"]["labels"] == {label: entities.count(label) for label in read_labels(folder)}
    assert statistics["test"]["without_entities"] == sum(not row["entities"] for row in rows)


def test_findings_come_by_weight_each_with_its_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_sound(tmp_path / "toy")
    for name in ("a seed twice", "another script", "few test rows", "no unlabelled texts"):
        FLAWS[name][0](folder)
    findings = find(folder)
    levels = [LEVELS.index(finding["level"]) for finding in findings]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2}
    assert main.run_cli(["check", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.count("  -> ") == len(findings)
    assert out.index("\nerror ") < out.index("\nwarning ") < out.index("\nhint ")


def test_texts_of_users_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_sound(tmp_path / "toy")
    copy("test", "test", text="[/] \x1b[31m")(folder)
    change(folder, lambda tree: tree["labels"].update({"[bold]\\": "x"}) or tree["labels"].update({LABEL: "x"}))
    rewrite("seeds", lambda rows: [*rows, {"text": "what is this about", "label": "[bold]\\"}])(folder)
    assert main.run_cli(["check", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]\\" in out


def test_the_page_fits_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_sound(tmp_path / "toy")
    copy("seeds", "test")(folder)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    assert main.run_cli(["check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    path = str(folder)  # of any length
    assert [line for line in lines if len(line) > 80 and path not in line] == []


def test_the_figures_of_a_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_sound(tmp_path / "toy")
    rows = [{"text": "one two three", "label": LABEL}, {"text": "one two, three!", "label": LABEL}]
    rewrite("test", lambda before: [*before[:58], *rows])(folder)
    assert main.run_cli(["check", str(folder), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["statistics"]["test"]
    words = sorted(len(row["text"].split()) for row in read_rows(folder / "test.jsonl"))
    assert figures["rows"] == len(words) == 60
    assert figures["words"] == {"median": words[30], "p95": words[57], "longest": words[-1]}
    assert (figures["repeated"], figures["near_repeated"], figures["cut"]) == (1, 0, 0)
    assert figures["sub_words"]["longest"] > words[-1]
    assert figures["rarest"] in read_labels(folder)
