"""Checks that take time or money: suspects, the baseline, dry calls."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd import api
from evokd.cli import main
from evokd.graph.checkup import describe
from evokd.messages import InputError
from evokd.student.process.client import StudentCrashed
from evokd.student.protocol import DoubtJob, DoubtReport, LabelDoubt
from tests.conftest import ServeApp
from tests.graph.conftest import give_student
from tests.graph.served import WatchedTeacher, options
from tests.graph.toy import LABELS, SHIPPED, WordStudent, WordTagger, add_pool, read_rows

KEY = "sk-test-1234567890"


class DoubtingStudent(WordStudent):
    """A word student that doubts the rows with these ids."""

    doubted = ("1", "4")

    async def doubt(self, job: DoubtJob) -> DoubtReport:
        labels = {item.id: str(item.gold) for item in job.examples}
        doubts = [
            LabelDoubt(
                id=name,
                start=None,
                end=None,
                given=labels[name],
                given_probability=0.02,
                likelier=next(label for label in LABELS if label != labels[name]),
                probability=0.9,
            )
            for name in self.doubted
        ]
        return DoubtReport(judged=len(job.examples), doubts=doubts)


@pytest.fixture
def students(monkeypatch: pytest.MonkeyPatch) -> list[WordStudent]:
    return give(monkeypatch, DoubtingStudent)


def give(monkeypatch: pytest.MonkeyPatch, kind: type[WordStudent]) -> list[WordStudent]:
    made = give_student(monkeypatch, kind)

    def make(*args: Any, **options: Any) -> WordStudent:
        made.append(kind(*args, **options))
        return made[-1]

    monkeypatch.setattr(describe, "StudentClient", make)
    return made


def test_nothing_is_started_that_was_not_asked_for(toy_domain: Path, students: list[WordStudent]) -> None:
    facts = api.check(toy_domain)
    assert students == []
    assert (facts["suspects"], facts["baseline"], facts["dry_calls"]) == (None, None, None)


def test_suspects_are_told_with_file_and_line(
    toy_domain: Path, students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    facts = api.check(toy_domain, suspects=1)["suspects"]
    assert (facts["judged"], facts["clear"], len(facts["first"])) == (93, 2, 1)
    row = read_rows(toy_domain / "seeds.jsonl")[1]
    assert facts["first"][0]["place"] == f"{toy_domain / 'seeds.jsonl'}:2"
    assert (facts["first"][0]["text"], facts["first"][0]["given"]) == (row["text"], row["label"])
    assert main.run_cli(["check", str(toy_domain), "--suspects", "5"]) == 0
    out = capsys.readouterr().out
    assert f"\nseeds.jsonl:2: label {row['label']} (0.02), likelier " in out
    assert "\nvalidation.jsonl:2: label " in out
    assert "warning seeds.jsonl:2: the other rows clearly contradict the labels of 2 of 93 rows" in out


@pytest.mark.parametrize("number", [-1, True, "5", 1.5])
def test_a_number_of_suspects_that_is_none_is_refused(number: Any, toy_domain: Path) -> None:
    with pytest.raises(InputError, match="suspects: give a whole number of rows"):
        api.check(toy_domain, suspects=number)


def test_the_baseline_is_trained_on_the_labelled_rows_alone(
    toy_domain: Path, students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    add_pool(toy_domain)
    baseline = api.check(toy_domain, baseline=True)["baseline"]
    (job,) = students[0].jobs
    assert [item.text for item in job.examples] == [row["text"] for row in read_rows(toy_domain / "seeds.jsonl")]
    assert (baseline["trained_on"], baseline["tune"], baseline["seeds"]) == (3, "head", 1)
    assert set(baseline["scores"]) == {"validation", "test"}
    test = baseline["scores"]["test"]
    assert test["rows"] == 60
    assert test["interval"]["low"] < test["score"] < test["interval"]["high"]
    assert not Path(job.out).parent.exists(), "nothing is left behind"
    assert main.run_cli(["check", str(toy_domain), "--baseline"]) == 0
    out = capsys.readouterr().out
    assert "trained the output layer on 3 labelled rows alone, 1 seed" in out
    assert f"test: macro_f1 {test['score']:.3f} (95 % interval " in out


def test_without_data_to_score_on_the_baseline_is_cross_validated(
    toy_domain: Path, students: list[WordStudent]
) -> None:
    text = (toy_domain / "domain.yaml").read_text(encoding="utf-8")
    text = text.replace("  validation: validation.jsonl\n", "").replace("  test: test.jsonl\n", "")
    (toy_domain / "domain.yaml").write_text(text, encoding="utf-8")
    (toy_domain / "validation.jsonl").replace(toy_domain / "seeds.jsonl")
    baseline = api.check(toy_domain, baseline=True)["baseline"]
    assert baseline["scores"]["cross-validation"]["rows"] == 30
    assert "5 parts were held out in turn" in baseline["why"]
    trained = [{item.text for item in job.examples} for job in students[0].jobs]
    assert [len(texts) for texts in trained] == [24] * 5
    assert set.intersection(*trained) == set(), "every row is held out once"


def test_a_long_training_is_replaced_by_that_of_the_output_layer(toy_domain: Path, students: list[WordStudent]) -> None:
    from evokd.api import ConfigSource

    layers = [ConfigSource("test", {"student": {"steps": 5_000}})]
    baseline = api.check(toy_domain, baseline=True, settings=layers)["baseline"]  # type: ignore[arg-type]
    assert students[0].jobs[0].settings.tune == "head"
    assert "training all weights would take 5,000 steps" in baseline["why"]


def test_a_tagger_has_a_baseline(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, WordTagger)
    baseline = api.check(reports, baseline=True)["baseline"]
    assert baseline["metric"] == "entity_f1"
    assert 0 <= baseline["scores"]["test"]["interval"]["low"] <= baseline["scores"]["test"]["score"]


def test_a_student_that_dies_ends_the_check_in_one_line(
    toy_domain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Dying(DoubtingStudent):
        async def doubt(self, job: DoubtJob) -> DoubtReport:
            raise StudentCrashed("the student process died", "signal SIGKILL", True)

    give(monkeypatch, Dying)
    assert main.run_cli(["check", str(toy_domain), "--suspects", "3"]) == 1
    assert capsys.readouterr().err == "evokd: the student process died\n"


# ---------------------------------------------------------------------------------------------------------- dry calls


def dry(domain: Path, url: str, *more: str) -> list[str]:
    return ["check", str(domain), *options(url, "teacher.retries=0"), "--dry-call", *more]


def test_a_dry_call_asks_each_role_once_and_leaves_nothing(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy_domain.parent)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    add_pool(toy_domain)
    before = sorted(toy_domain.rglob("*"))
    teacher = WatchedTeacher(toy_domain)
    prices = ["--set", "teacher.prices.input=1", "--set", "teacher.prices.output=2"]
    assert main.run_cli(dry(toy_domain, serve_app(teacher.app), "--json", *prices)) == 0
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    calls = {call["role"]: call for call in facts["dry_calls"]}
    assert "teacher_no_models" not in {finding["code"] for finding in facts["findings"]}, "it has answered"
    assert teacher.roles() == ["analyst", "generator", "labeler"] == list(calls)
    lesson = next(asked.message for asked in teacher.asked if asked.role == "generator")
    assert sum(quota["hard"] + quota["easy"] for quota in lesson["quotas"]) <= 4
    for call in calls.values():
        assert (call["error"], call["finish"], call["faults"], call["requests"]) == (None, "complete", [], 1)
        assert call["mode"] == "json_schema"
        assert call["cost_usd"] == pytest.approx((call["input_tokens"] + 2 * call["output_tokens"]) / 1e6)
    assert sum(call["input_tokens"] + call["output_tokens"] for call in calls.values()) == teacher.tokens()
    assert KEY not in printed.out + printed.err
    assert sorted(toy_domain.rglob("*")) == before
    assert not (toy_domain.parent / "runs").exists()


def test_a_dry_call_shows_what_came(toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = WatchedTeacher(toy_domain)
    teacher.twist = lambda asked: "I would rather not [bold]\x1b[31m." if asked.role == "labeler" else None
    assert main.run_cli(dry(toy_domain, serve_app(teacher.app))) == 0
    out = capsys.readouterr().out
    assert "\ngenerator m: " in out
    assert "structured output json_schema; complete" in out
    assert "I would rather not [bold]" in out
    assert "\x1b" not in out
    assert "warning" in out
    assert "the labeler's reply cannot be used as it is" in out
    assert len([asked for asked in teacher.asked if asked.role == "labeler"]) == 1, "it is not asked again"


def test_the_dry_call_of_a_role_may_fail_alone(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = WatchedTeacher(toy_domain)
    teacher.twist = lambda asked: (
        JSONResponse({"error": {"message": "The model `m` does not exist"}}, 404) if asked.role == "analyst" else None
    )
    assert main.run_cli(dry(toy_domain, serve_app(teacher.app), "--json")) == 0
    facts = json.loads(capsys.readouterr().out)
    calls = {call["role"]: call for call in facts["dry_calls"]}
    assert "does not exist" in calls["analyst"]["error"]
    assert (calls["generator"]["error"], calls["labeler"]["error"]) == (None, None)
    assert facts["findings"][0]["code"] == "dry_call_failed"
    assert facts["findings"][0]["level"] == "error"


def test_a_dead_address_gets_no_dry_call(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(dry(toy_domain, "http://127.0.0.1:9")) == 0
    out = capsys.readouterr().out
    assert "dry calls  not made: no call can succeed" in out
    assert "error http://127.0.0.1:9/v1: teacher 'm': no answer (ConnectError)" in out


def test_a_dry_call_without_a_language_model_is_refused(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["check", str(toy_domain), "--dry-call"]) == 2
    assert "--dry-call: there is no language model to ask; name one with --teacher" in capsys.readouterr().err


def test_a_misspelt_model_gets_a_suggestion(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer(_: Request) -> Response:
        return JSONResponse({"data": [{"id": "qwen-large"}, {"id": "other"}]})

    url = serve_app(Starlette(routes=[Route("/v1/models", answer)]))
    assert main.run_cli(["check", str(toy_domain), "--teacher", "qwen-lrage", "--base-url", f"{url}/v1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "does not list 'qwen-lrage' (did you mean 'qwen-large'?)" in out
    assert f"warning {url}/v1: teacher 'qwen-lrage': answers, but does not list" in out


@pytest.mark.parametrize("domain", ["support_tickets", "field_reports", "maengelmelder"])
def test_shipped_domains_can_be_called_dry(
    domain: str, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = WatchedTeacher(SHIPPED.parent / domain)
    assert main.run_cli(dry(SHIPPED.parent / domain, serve_app(teacher.app), "--json")) == 0
    calls = json.loads(capsys.readouterr().out)["dry_calls"]
    assert [call["error"] for call in calls] == [None] * 3
    assert [call["faults"] for call in calls] == [[]] * 3
