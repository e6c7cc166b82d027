"""The command line: faulty input, exit codes, what goes to standard output and what to standard error."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.cli.app import app
from evokd.cli.options import SHIPPED_DOMAINS
from tests.cli.conftest import check_refusal
from tests.graph.toy import WordStudent
from tests.student.conftest import tiny_student

__all__ = ["tiny_student"]
ROOT = Path(__file__).parents[2]
COMMANDS = [
    ["run"],
    ["resume"],
    ["runs"],
    ["show"],
    ["graph"],
    ["predict"],
    ["teacher"],
    ["teacher", "serve"],
    ["prompts"],
    *(["prompts", name] for name in ("list", "copy", "show", "diff", "lint", "versions")),
    ["bench"],
    ["compare"],
]

RUN_FAULTS: dict[str, tuple[list[str], list[str]]] = {
    "no option": (["--bogus"], ["--bogus"]),
    "unknown preset": (["--preset", "evokb"], ["'evokb'", "did you mean 'evokd'"]),
    "no key": (["--teacher", "gpt-4o-mini"], ["OPENAI_API_KEY", "--base-url", "--teacher rehearsal"]),
    "address without a model": (["--base-url", "http://127.0.0.1:9/v1"], ["teacher.base_url", "--teacher MODEL"]),
    "address without a scheme": (
        ["--teacher", "mine", "--base-url", "127.0.0.1:9/v1"],
        ["--base-url", "teacher.base_url", "http://127.0.0.1:8000/v1", "'127.0.0.1:9/v1'"],
    ),
    "no key for a role": (
        ["--set", "teacher.roles.labeler.model=gpt-4o", "--teacher", "gpt-4o-mini"],
        ["OPENAI_API_KEY"],
    ),
    "student no model": (["--student", "{tmp}"], ["student.base", "config.json"]),
    "student a file": (["--student", "{domain}/seeds.jsonl"], ["student.base", "folder"]),
    "student not on the hub": (["--student", "nobody/nothing-at-all"], ["student.base", "nobody/nothing-at-all"]),
    "student of odd name": (["--student", "a b?"], ["student.base", "'a b?'"]),
    "run id with a slash": (["--run-id", "a/b"], ["--run-id", "'a/b'"]),
    "run id of dots": (["--run-id", ".."], ["--run-id", "'..'"]),
    "run id empty": (["--run-id", ""], ["--run-id"]),
    "run id too long": (["--run-id", "a" * 101], ["--run-id"]),
    "run id with a new line": (["--run-id", "a\n"], ["--run-id"]),
    "runs dir below a file": (["--runs-dir", "{domain}/seeds.jsonl/runs"], ["--runs-dir", "seeds.jsonl"]),
    "runs dir a file": (["--runs-dir", "{domain}/seeds.jsonl"], ["--runs-dir", "seeds.jsonl"]),
    "runs dir in proc": (["--runs-dir", "/proc/nope/runs"], ["--runs-dir", "/proc/nope"]),
    "unknown setting": (["--set", "student.stepz=3"], ["--set", "did you mean 'student.steps'"]),
    "setting without value": (["--set", "student.steps"], ["--set", "key=value"]),
    "negative cycles": (["--cycles", "-1"], ["--cycles", "stop.cycles"]),
    "cycles no number": (["--cycles", "many"], ["--cycles", "whole number"]),
    "target too high": (["--target", "2"], ["--target", "stop.target"]),
    "target not a number": (["--target", "nan"], ["--target", "stop.target"]),
    "no samples": (["--budget-samples", "0"], ["--budget-samples", "budget.samples"]),
    "negative seed": (["--seed", "-1"], ["--seed", "seed"]),
    "unknown device": (["--device", "tpu"], ["--device", "student.device"]),
    "dollars without a price": (
        ["--budget-usd", "1", "--teacher", "mine", "--base-url", "http://127.0.0.1:9/v1"],
        ["budget.usd", "'mine'", "teacher.prices.input"],
    ),
    "dollars for the rehearsal": (["--budget-usd", "1"], ["budget.usd", "rehearsal"]),
    "unknown gate metric": (["--set", "gate.metric=f1"], ["gate.metric", "macro_f1, accuracy"]),
    "config missing": (["--config", "{tmp}/none.yaml"], ["none.yaml", "no such file"]),
    "config a folder": (["--config", "{tmp}"], ["cannot be read"]),
    "config with unknown key": (["--config", "{domain}/domain.yaml"], ["domain.yaml", "unknown key 'name'"]),
    "corpus missing": (["--set", "rehearsal.corpus={tmp}/none.jsonl"], ["none.jsonl"]),
    "corpus without a label": (["--set", "rehearsal.corpus={domain}/one.jsonl"], ["one.jsonl", "'delivery_trouble'"]),
}


@pytest.mark.parametrize(("options", "told"), RUN_FAULTS.values(), ids=RUN_FAULTS)
def test_a_faulty_run_is_refused_before_it_starts(
    options: list[str],
    told: list[str],
    toy_domain: Path,
    word_students: list[WordStudent],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [option.format(tmp=tmp_path, domain=toy_domain) for option in options]
    one = {"text": "please end my subscription", "label": "cancel_plan"}
    (toy_domain / "one.jsonl").write_text(json.dumps(one), encoding="utf-8")
    where = [] if "--runs-dir" in options else ["--runs-dir", str(tmp_path / "runs")]
    before = sorted(tmp_path.rglob("*"))
    check_refusal(["run", str(toy_domain), *where, *filled], told, capsys)
    assert sorted(tmp_path.rglob("*")) == before


FAULTS: dict[str, tuple[list[str], list[str]]] = {
    "run nothing": (["run"], ["DOMAIN"]),
    "no command": (["dance"], ["dance"]),
    "run no domain": (["run", "{tmp}/none"], ["no domain folder"]),
    "run a misspelt domain": (["run", "suport_tickets"], ["did you mean 'support_tickets'"]),
    "run an empty folder": (["run", "{tmp}"], ["no domain.yaml"]),
    "run a name that is too long": (["run", "n" * 300], ["nnn...: the name is too long"]),
    "predict with a name that is too long": (["predict", "done", "n" * 300, "--runs-dir", "{runs}"], ["is too long"]),
    "runs in a name that is too long": (["runs", "--runs-dir", "n" * 300], ["nnn...: the name is too long"]),
    "resume no run": (["resume", "none", "--runs-dir", "{runs}"], ["no run 'none'", "done"]),
    "resume without runs": (["resume", "none", "--runs-dir", "{tmp}/none"], ["no run 'none'", "no runs in"]),
    "show no run": (["show", "none", "--runs-dir", "{runs}"], ["no run 'none'"]),
    "show no cycle": (["show", "{runs}/done", "--cycle", "99"], ["99"]),
    "show no weakness": (["show", "{runs}/done", "--weakness", "c9-w9"], ["c9-w9"]),
    "show no sample": (["show", "{runs}/done", "--sample", "c9-l9-d9"], ["c9-l9-d9"]),
    "show two things": (["show", "{runs}/done", "--cycle", "1", "--sample", "a"], ["--cycle", "use one of them"]),
    "predict no run": (["predict", "none", "--runs-dir", "{runs}"], ["no run 'none'"]),
    "predict a folder of runs": (["predict", "{runs}"], ["no run", "name them one by one or with", "/runs/*"]),
    "predict no file": (["predict", "{runs}/done", "{tmp}/none.txt"], ["none.txt", "no such file"]),
    "predict a folder": (["predict", "{runs}/done", "{tmp}"], ["is a folder; name a file"]),
    "predict an empty file": (["predict", "{runs}/done", "{runs}/done/.lock"], ["no texts"]),
    "predict broken rows": (["predict", "{runs}/done", "{tmp}/broken.jsonl"], ["broken.jsonl:1"]),
    "port too high": (["teacher", "serve", "--port", "70000"], ["--port"]),
    "a word for a whole number": (["show", "--cycle", "two"], ["'--cycle': must be a whole number, got 'two'"]),
    "a fraction for a whole number": (["run", "{tmp}", "--cycles", "1.5"], ["must be a whole number, got '1.5'"]),
    "a word for a number": (["run", "{tmp}", "--budget-usd", "ten"], ["'--budget-usd': must be a number, got 'ten'"]),
    "serve no corpus": (["teacher", "serve", "--corpus", "{tmp}/none.jsonl"], ["none.jsonl"]),
}


@pytest.mark.parametrize(("args", "told"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_command_is_refused_in_one_line(
    args: list[str],
    told: list[str],
    toy_domain: Path,
    word_students: list[WordStudent],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    done_runs: Path,
) -> None:
    (tmp_path / "broken.jsonl").write_text("{\n", encoding="utf-8")
    check_refusal([arg.format(tmp=tmp_path, runs=done_runs) for arg in args], told, capsys)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_a_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli([*command, "--help"]) == 0
    printed = capsys.readouterr()
    assert "Usage:" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("command", ["check", "run"])
def test_the_help_names_the_shipped_domains(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted(path.parent.name for path in (ROOT / "domains").glob("*/domain.yaml"))
    assert SHIPPED_DOMAINS.split(", ") == names
    assert main.run_cli([command, "--help"]) == 0
    assert SHIPPED_DOMAINS in " ".join(capsys.readouterr().out.split())


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        (
            ["--help"],
            ["torch", "transformers", "sklearn", "numpy", "langchain_core", "langgraph", "openai", "pydantic"],
        ),
        (["show", "example"], ["evokd.graph.setup.domain", "torch", "numpy", "langgraph", "psycopg"]),
    ],
    ids=["help", "a run is shown without what reads domains"],
)
def test_a_command_loads_nothing_heavy_that_it_does_not_need(command: list[str], heavy: list[str]) -> None:
    found = run_python(
        f"import sys; from evokd.cli import main; main.run_cli({command})\n"
        f"print('LOADED', sorted(set({heavy}) & set(sys.modules)))"
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "LOADED []"


def test_main_py_says_what_to_do_where_the_package_is_not_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-E", str(ROOT / "main.py"), "runs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "evokd: this Python does not have the package; run `make setup`, then .venv/bin/python main.py ...\n"
    )


def _shown_commands() -> list[str]:
    """Command lines of evokd in the README, one a line."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    lines = re.findall(
        r"^(?: {4}|\$ )?((?:evokd|python main\.py|echo) .*)$", text.replace("\\\n", " "), flags=re.MULTILINE
    )
    parts = [part.strip() for line in lines for part in line.split(" | ")]
    return [part for part in parts if re.match(r"(evokd|python main\.py) ", part)]


@pytest.mark.parametrize("line", _shown_commands())
def test_a_command_line_of_the_readme_parses(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer.main

    words = shlex.split(line, comments=True)
    args: Any = words[2:] if words[0] == "python" else words[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and args and args[0] in command.commands:
        command, args = command.commands[args[0]], args[1:]
    if not hasattr(command, "commands") and "--help" not in args:
        command.make_context("evokd", list(args))


@pytest.mark.skipif(sys.platform == "win32", reason="the shell is bash")
def test_completion_is_that_of_the_command_however_it_is_asked_for() -> None:
    asked = f"{shlex.quote(sys.executable)} -m evokd --show-completion; true"
    shown = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True, env={**os.environ}).stdout
    assert "_EVOKD_COMPLETE=complete_bash" in shown
    assert "complete -o default -F _evokd_completion evokd" in shown
