"""`evokd check`: what a run would work with, told before anything is written or paid for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from evokd.cli import main
from tests.conftest import ServeApp
from tests.graph.damage import add_line, edit
from tests.graph.toy import LABELS

KEY = "sk-test-1234567890"


def check(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main.run_cli(["check", *args])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def address(serve_app: ServeApp) -> tuple[str, list[str]]:
    """A server that lists one model; the paths that it was asked for."""
    paths: list[str] = []

    async def answer(request: Request) -> JSONResponse:
        paths.append(f"{request.method} {request.url.path}")
        return JSONResponse({"data": [{"id": "mine"}]})

    methods = ["GET", "POST"]
    return serve_app(Starlette(routes=[Route("/{rest:path}", answer, methods=methods)])) + "/v1", paths


@pytest.mark.parametrize("domain", ["support_tickets", "field_reports", "maengelmelder"])
def test_a_shipped_domain_is_fine(
    domain: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = check(capsys, domain)
    assert (code, err) == (0, "")
    for told in (
        domain,
        "labels: ",
        "data: ",
        "student: embedded",
        "teacher: rehearsal: in process",
        "expected: about",
    ):
        assert told in out
    for role in ("analyst", "generator", "labeler"):
        assert f"  {role}: " in out
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_as_json_it_is_one_line_with_everything(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = check(capsys, str(toy_domain), "--json", "--cycles", "3", "--budget-tokens", "5000")
    assert (code, err, out.count("\n")) == (0, "", 1)
    facts = json.loads(out)
    assert (facts["domain"], facts["task"], facts["labels"]) == ("toy", "classification", list(LABELS))
    assert facts["data"] == {"seeds": 3, "validation": 30, "test": 60, "corpus": facts["data"]["corpus"], "pool": 0}
    assert facts["data"]["corpus"] > 100
    assert facts["teacher"][0]["state"] == "in process"
    assert (facts["stop"]["cycles"], facts["budget"]["tokens"]) == (3, 5_000)
    assert facts["estimate"]["capped_by"] == "budget.tokens"
    assert set(facts["estimate"]["roles"]) == {"analyst", "generator", "labeler"}


def test_what_will_end_the_run_is_told(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--set", "budget.cycle.samples=9", "--set", "stop.gain=0.5"]
    code, out, _ = check(capsys, str(toy_domain), *limits, "--budget-samples", "50")
    assert code == 0
    assert "ends at: budget.samples 50, budget.cycle.samples 9, stop.cycles 20, stop.gain 0.5" in out


POOLS = {
    "csv": ("pool.csv", "id;text\n1;It is late, again\n2;[b]\x1b[31m red\n", "CSV cut at semicolons: id, text"),
    "tsv": ("pool.tsv", "text\tid\nIt is late, again\t1\n[b]\x1b[31m red\t2\n", "TSV cut at tabs: text, id"),
    "txt": ("pool.txt", "It is late, again\n[b]\x1b[31m red\n", "plain lines"),
    "conll": ("pool.conll", "It O\nis O\nlate, O\nagain O\n\n[b]\x1b[31m O\nred O\n", "CoNLL: token (column 1); "),
}


@pytest.mark.parametrize("form", POOLS)
def test_each_file_is_told_as_it_was_understood(
    form: str, toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, told = POOLS[form]
    (toy_domain / name).write_text(content, encoding="utf-8")
    tree = yaml.safe_load((toy_domain / "domain.yaml").read_text(encoding="utf-8"))
    tree["data"]["pool"] = name
    (toy_domain / "domain.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    code, out, _ = check(capsys, str(toy_domain))
    assert code == 0
    assert f"pool: {toy_domain / name}: {told}" in out
    assert '  {"text": "It is late, again"}\n' in out
    assert "\x1b" not in out
    assert f"seeds: {toy_domain / 'seeds.jsonl'}: JSON lines: text, label" in out
    _, out, _ = check(capsys, str(toy_domain), "--json")
    files = {file["split"]: file for file in json.loads(out)["files"]}
    assert list(files) == ["seeds", "validation", "test", "pool"]
    assert files["pool"]["first"] == [{"text": "It is late, again"}, {"text": "[b]\x1b[31m red"}]
    assert files["pool"]["path"] == str(toy_domain / name)
    assert set(files["seeds"]["first"][0]) == {"text", "label"}


def test_a_long_row_is_shown_cut(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (toy_domain / "seeds.jsonl").read_text(encoding="utf-8")
    long = json.dumps({"text": "word " * 30_000, "label": next(iter(LABELS))}) + "\n"
    (toy_domain / "seeds.jsonl").write_text(long + rows, encoding="utf-8")
    code, out, _ = check(capsys, str(toy_domain))
    assert code == 0
    assert "(150,000 characters)" in out
    assert len(out) < 10_000
    assert len(check(capsys, str(toy_domain), "--json")[1]) < 10_000


BAD: dict[str, tuple[Callable[[Path], Any], list[str], str]] = {
    "unknown key": (edit(colour="red"), [], "colour"),
    "unknown label": (add_line("seeds.jsonl", '{"text": "hello", "label": "no such"}'), [], "seeds.jsonl"),
    "no price": (
        lambda _: None,
        ["--teacher", "m", "--base-url", "http://127.0.0.1:9/v1", "--budget-usd", "1"],
        "price",
    ),
    "bad setting": (lambda _: None, ["--set", "stop.gain=-1"], "stop.gain"),
    "no student": (lambda _: None, ["--student", "no/where/at/all"], "student"),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("damage", "args", "told"), BAD.values(), ids=BAD)
def test_a_faulty_domain_is_refused_in_one_line(
    damage: Callable[[Path], Any],
    args: list[str],
    told: str,
    as_json: bool,
    toy_domain: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(toy_domain)
    code, out, err = check(capsys, str(toy_domain), *args, *(["--json"] if as_json else []))
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_domain_is_checked_before_anybody_is_named_as_the_teacher(
    toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(rehearsal=None)(toy_domain)
    code, out, _ = check(capsys, str(toy_domain))
    assert code == 0
    assert "\nteacher: none: a run needs one: --teacher MODEL (with a key or --base-url)\n" in out
    assert "about" in out
    assert main.run_cli(["run", str(toy_domain)]) == 2


@pytest.mark.parametrize(
    ("model", "state"),
    [("mine", "answers, and has the model"), ("yours", "answers, but does not list 'yours' (it lists: mine)")],
)
def test_a_served_teacher_is_asked_for_its_models_and_nothing_that_costs(
    model: str,
    state: str,
    address: tuple[str, list[str]],
    toy_domain: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    url, paths = address
    code, out, err = check(capsys, str(toy_domain), "--teacher", model, "--base-url", url)
    assert code == 0
    assert f"teacher: {model} at {url}: {state}" in out
    assert "price unknown" in out
    assert paths == ["GET /v1/models"]
    assert KEY not in out + err


def test_an_estimate_takes_no_key(
    toy_domain: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code, out, _ = check(capsys, str(toy_domain), "--teacher", "gpt-4o-mini", "--dry-call")
    told = " ".join(out.split())
    assert code == 0
    assert " with teacher.batch=true; more where replies are asked again) analyst: " in told, (
        "both prices, without a key"
    )
    assert (
        "error https://api.openai.com/v1: teacher 'gpt-4o-mini': no key in the environment variable OPENAI_API_KEY"
        in told
    )
    assert "-> set OPENAI_API_KEY, or pass --base-url for a local server" in told
    assert "dry calls not made: no call can succeed" in told
    assert main.run_cli(["run", str(toy_domain), "--teacher", "gpt-4o-mini"]) == 2


def test_each_address_and_model_is_told_with_its_roles(
    address: tuple[str, list[str]], toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, paths = address
    own = ["--set", "teacher.roles.labeler.model=other"]
    code, out, _ = check(capsys, str(toy_domain), "--teacher", "mine", "--base-url", url, *own)
    assert code == 0
    assert f"teacher for analyst, generator: mine at {url}: answers, and has the model" in out
    assert f"teacher for labeler: other at {url}: answers, but does not list 'other'" in out
    assert paths == ["GET /v1/models"] * 2


def test_a_server_that_is_not_there_is_told_and_is_no_fault_of_the_domain(
    toy_domain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = check(capsys, str(toy_domain), "--teacher", "m", "--base-url", "http://127.0.0.1:9/v1")
    assert code == 0
    assert "teacher: m at http://127.0.0.1:9/v1: no answer (ConnectError)" in out
