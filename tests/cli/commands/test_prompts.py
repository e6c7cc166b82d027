"""`evokd prompts`: swap the prompts of a domain, and see what came of it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from evokd import api
from evokd.cli import main
from tests.cli.conftest import check_refusal
from tests.graph.toy import QUICK, write_domain, write_yaml


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write_domain(tmp_path / "toy")


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main.run_cli(["prompts", *args])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_prompt_is_copied_changed_listed_compared_and_checked(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = toy / "prompts" / "labeler.md"
    code, out, err = run(capsys, "copy", str(toy), "labeler")
    assert (code, out) == (0, f"{path}\n")
    assert "added the line prompts: prompts" in err
    assert "prompts lint" in err
    path.write_text(path.read_text(encoding="utf-8").replace("Be honest", "Be [red]strict\x1b[0m"), encoding="utf-8")
    code, out, _ = run(capsys, "list", str(toy))
    assert code == 0
    assert "toy-labeler" in out
    assert "classification-analyst" in out
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines() if str(toy) not in line)
    code, out, _ = run(capsys, "diff", str(toy), "labeler")
    assert code == 0
    assert "\n+- `confidence`: how sure you are of the first, from 0 to 1. Be [red]strict" in out
    assert "\x1b" not in out
    assert run(capsys, "lint", str(toy)) == (0, "", "errors: 0, warnings: 0\n")
    code, out, _ = run(capsys, "show", str(toy), "labeler")
    assert code == 0
    assert "Be [red]strict" in out
    assert '<message kind="draft_batch">' in out
    assert "\x1b" not in out
    code, out, _ = run(capsys, "show", str(toy), "labeler", "--source")
    assert out.startswith("---\nname: toy-labeler\nversion: 1\n")


def test_lint_ends_with_2_where_something_is_an_error_and_with_0_for_warnings(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "copy", str(toy), "--all")
    path = toy / "prompts" / "guide.md"
    path.write_text(path.read_text(encoding="utf-8").replace("`rows`", "them"), encoding="utf-8")
    code, out, err = run(capsys, "lint", str(toy))
    assert code == 0
    assert out.startswith(f"warning: {path}: the prompt does not mention `rows`")
    assert err == "errors: 0, warnings: 1\n"
    (toy / "prompts" / "labeler.md").write_text("nothing", encoding="utf-8")
    code, out, err = run(capsys, "lint", str(toy))
    assert (code, err) == (2, "errors: 1, warnings: 1\n")
    assert [line.split(":")[0] for line in out.splitlines()] == ["error", "warning"]
    code, out, _ = run(capsys, "lint", str(toy), "--json")
    assert [json.loads(line)["weight"] for line in out.splitlines()] == ["error", "warning"]
    assert all(set(json.loads(line)) == {"weight", "where", "what", "mend"} for line in out.splitlines())


def test_a_prompt_is_shown_while_others_are_broken(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "copy", str(toy), "generator", "labeler", "guide")
    own = toy / "prompts"
    (own / "labeler.md").write_text("nothing", encoding="utf-8")
    (own / "guide.md").write_text("nothing", encoding="utf-8")
    generator = own / "generator.md"
    text = generator.read_text(encoding="utf-8").replace("Write as many texts", "Compose as many texts")
    generator.write_text(text, encoding="utf-8")
    code, out, err = run(capsys, "show", str(toy), "generator")
    assert code == 0
    assert "Compose as many texts" in out
    (line,) = err.splitlines()
    assert line.startswith(f"warning: another prompt of this domain is at fault: {own / 'guide.md'}:1: ")
    assert line.endswith(f"(and 1 more: evokd prompts lint {toy})")
    code, out, err = run(capsys, "show", str(toy), "labeler")
    assert (code, out) == (2, "")
    assert f"{own / 'labeler.md'}:1: a prompt file begins with front matter" in err


def test_check_tells_what_is_odd_about_the_prompts(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "copy", str(toy), "guide")
    path = toy / "prompts" / "guide.md"
    path.write_text(path.read_text(encoding="utf-8").replace("`rows`", "them"), encoding="utf-8")
    assert main.run_cli(["check", str(toy)]) == 0
    assert f"prompt: {path}: the prompt does not mention `rows`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["copy", "TOY"], ["name the prompts to copy", "--all"]),
        (["copy", "TOY", "labeler", "--all"], ["or pass --all"]),
        (["copy", "TOY", "labeller"], ["no prompt has this name", "did you mean 'labeler'"]),
        (["copy", "support_tickets", "labeler"], ["comes with the program"]),
        (["show", "TOY", "analist"], ["did you mean 'analyst'"]),
        (["show", "nowhere", "analyst"], ["no domain folder 'nowhere'"]),
        (["diff", "TOY", "labeler"], ["the labeler prompt is the base one"]),
        (["versions", "nowhere"], ["nowhere"]),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], parts: list[str], toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(["prompts", *(str(toy) if arg == "TOY" else arg for arg in args)], parts, capsys)


@pytest.mark.parametrize("language", ["de", "zh"])
@pytest.mark.usefixtures("word_students")
def test_a_run_is_made_with_the_prompts_of_its_language_and_compared_with_another(
    language: str, toy: Path, done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = yaml.safe_load((toy / "domain.yaml").read_text(encoding="utf-8"))
    write_yaml(toy / "domain.yaml", {**tree, "language": language})
    runs = tmp_path / "runs"
    shutil.copytree(done_runs / "done", runs / "done")
    assert main.run_cli(["check", str(toy)]) == 0
    assert "prompt_language: en" in capsys.readouterr().out
    assert main.run_cli(["run", str(toy), *QUICK, "--runs-dir", str(runs), "--run-id", "other"]) == 0
    calls = api.open_run("other", runs).calls()
    assert {call.role for call in calls} == {"analyst", "generator", "labeler"}
    opening = {"de": "Du bist", "zh": "你是"}[language]
    assert all(opening in json.dumps(call.request, ensure_ascii=False) for call in calls)
    code, out, _ = run(capsys, "diff", "done", "other", "--runs-dir", str(runs))
    assert code == 0
    assert f"+++ other: base/classification/{language}/labeler.md v1" in out
    code, out, _ = run(capsys, "versions", "other", "--runs-dir", str(runs), "--json")
    (use,) = [json.loads(line) for line in out.splitlines()]
    assert use["roles"]["labeler"]["name"] == f"classification-labeler-{language}"
    assert sum(use["calls"].values()) == len(calls)
    assert use["accepted"] > 0
    assert use["written"] >= use["accepted"]


def test_runs_with_the_same_prompts_do_not_differ(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "diff", "done", "done", "--runs-dir", str(done_runs))
    assert (code, out, err) == (0, "", "both runs were made with the same prompts\n")


def test_a_misspelt_run_is_said_to_be_none(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal(["prompts", "diff", "dine", "done", "--runs-dir", str(done_runs)], ["dine", "run"], capsys)


def test_names_that_are_both_unknown_are_told_in_a_short_line(
    done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        made = tmp_path / "many" / f"support_tickets-20260101-12{number:02}00-s0"
        made.mkdir(parents=True)
        shutil.copy(done_runs / "done" / "config.yaml", made)
    assert main.run_cli(["prompts", "diff", "dome" * 30, "labelr" * 30, "--runs-dir", str(tmp_path / "many")]) == 2
    told = capsys.readouterr().err.replace(str(tmp_path), "")
    assert "give two runs (20 in /many, the last support_tickets-20260101-121900-s0), or a domain" in told
    assert len(told) < 300


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (
            ["dome", "labelr"],
            ["'dome' (did you mean 'done'?) is neither a run nor", "'labelr' (did you mean 'labeler'?)"],
        ),
        (["toi", "x"], ["'toi' (did you mean 'toy'?)", "'x' neither a run nor a role; give two runs ("]),
        (["empty", "x"], ["'empty' is neither a run nor a domain", "a role (analyst, generator, labeler"]),
        (["empty", "y"], ["give two runs (1 in RUNS, the last done), or a domain and a role (analyst,"]),
        (["done"], ["'done' is a run; name a second one"]),
        (["done", "labeler"], ["'done' is a run and 'labeler' a role; give two runs, or"]),
        (["toy", "done"], ["'toy' is a domain and 'done' a run; give two runs, or"]),
        (["done", "dome"], ["no run 'dome' (did you mean 'done'?)"]),
        (["toi", "labeler"], ["no domain folder 'toi' (did you mean 'toy'?)"]),
        (["toy", "labelr"], ["'labelr': no prompt has this name (did you mean 'labeler'?)"]),
        (["x" * 300, "y"], ["...' is neither a run nor a domain"]),
    ],
    ids=lambda value: "-".join(value)[:20],
)
def test_names_that_do_not_fit_are_told(
    names: list[str],
    parts: list[str],
    toy: Path,
    done_runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(toy.parent)
    (toy.parent / "empty").mkdir()
    told = [part.replace("RUNS", str(done_runs)) for part in parts]
    check_refusal(["prompts", "diff", *names, "--runs-dir", str(done_runs)], told, capsys)
