"""The public API does what the README says, loads nothing before it is asked, and raises what commands tell."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

import evokd
from evokd import api
from evokd.api.settings import to_sources
from evokd.student.protocol import Prediction
from tests.graph.toy import LABELS

QUICK = {"student.tune": "head", "stop.cycles": 1, "budget": {"samples": 12}, "curriculum.quotas.drafts": 12}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    return {"settings": QUICK, "runs_dir": tmp_path / "runs", "run_id": "one"}


def test_importing_it_loads_nothing_and_every_public_name_is_there() -> None:
    code = (
        "import sys, evokd\n"
        "rooms = [name for name in sys.modules if name.startswith('evokd.')]\n"
        "print(rooms, sorted({'torch', 'pydantic', 'langgraph', 'numpy'} & set(sys.modules)), evokd.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] [] 0.")
    assert all(getattr(evokd, name) is not None for name in dir(evokd))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        evokd.nothing  # noqa: B018


def test_a_run_is_started_read_and_asked(toy_domain: Path, options: dict[str, object]) -> None:
    seen: list[evokd.Event] = []
    domain = evokd.load_domain(toy_domain)
    run = evokd.run(domain, on_event=seen.append, **options)  # type: ignore[arg-type]
    assert [seen[0].name, seen[-1].name] == ["run_started", "finished"]
    assert {event.run_id for event in seen} == {"one"}
    assert run.path == (Path(str(options["runs_dir"])) / "one").resolve()
    assert run.summary is not None
    assert run.summary["stop_reason"] == seen[-1].data["stop_reason"]
    assert [cycle["cycle"] for cycle in run.cycles] == [0, 1]
    accepted = [sample for sample in run.samples() if sample.state == "accepted"]
    assert len(accepted) == run.summary["totals"]["samples"]
    assert {call.id for call in run.calls()} >= {sample.draft_call for sample in accepted if not sample.is_real}
    assert run.weaknesses(cycle=99) == []
    assert run.events()[-1]["event"] == "finished"
    (answer,) = evokd.load_student(run).predict(["where is my parcel?"])
    assert answer["label"] in LABELS
    again = evokd.open_run("one", str(options["runs_dir"]))
    assert again.summary == run.summary
    assert evokd.resume(again).summary == run.summary


@pytest.mark.parametrize(
    ("odd", "told"),
    [({"run_id": 5}, "run_id: give a name as text, .* not 5"), ({"preset": None}, "preset: give the name .* not None")],
)
def test_an_argument_of_another_type_is_an_error_of_one_line(
    odd: dict[str, object], told: str, toy_domain: Path, options: dict[str, object]
) -> None:
    with pytest.raises(evokd.InputError, match=f"^{told}"):
        evokd.run(toy_domain, **{**options, **odd})  # type: ignore[arg-type]
    assert not Path(str(options["runs_dir"])).exists()


@pytest.mark.usefixtures("word_students")
async def test_it_works_where_an_event_loop_runs(toy_domain: Path, options: dict[str, object]) -> None:
    run = await evokd.run_async(toy_domain, **options)
    assert run.summary is not None
    blocking = evokd.run(toy_domain, **{**options, "run_id": "two"})  # type: ignore[arg-type]
    assert blocking.summary is not None
    assert (await evokd.resume_async(run)).path == run.path


@pytest.mark.usefixtures("word_students")
def test_events_come_as_they_happen_and_a_stream_that_is_left_parks_the_run(
    toy_domain: Path, options: dict[str, object]
) -> None:
    names = []
    for event in evokd.stream(toy_domain, **options):
        names.append(event.name)
        if event.name == "node_finished":
            break
    run = evokd.open_run("one", str(options["runs_dir"]))
    assert run.summary is None
    assert run.events()[-1]["event"] == "interrupted"
    assert evokd.resume(run).summary is not None
    whole = [event.name for event in evokd.stream(toy_domain, **{**options, "run_id": "two"})]
    assert (whole[: len(names)], whole[-1]) == (names, "finished")


@pytest.mark.usefixtures("word_students")
async def test_a_run_whose_await_is_cancelled_is_parked(toy_domain: Path, options: dict[str, object]) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(
        evokd.run_async(toy_domain, on_event=lambda _: loop.call_soon_threadsafe(begun.set), **options)
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run = evokd.open_run("one", str(options["runs_dir"]))
    assert run.summary is None
    assert (await evokd.resume_async(run)).summary is not None


@pytest.mark.usefixtures("word_students")
def test_what_is_wrong_is_raised_before_anything_is_written(toy_domain: Path, options: dict[str, object]) -> None:
    for settings, told in (
        ({"student.tun": "head"}, "student.tun"),
        ({"student": {"tune": "tail"}}, "student.tune"),
        ({"student": 3, "student.tune": "head"}, "is already set to a value"),
    ):
        with pytest.raises(evokd.InputError, match=told):
            evokd.run(toy_domain, **{**options, "settings": settings})  # type: ignore[arg-type]
    with pytest.raises(evokd.InputError, match="OPENAI_API_KEY"):
        evokd.run(toy_domain, teacher="gpt-4o-mini", **options)  # type: ignore[arg-type]
    with pytest.raises(evokd.EvokdError, match="nowhere"):
        evokd.open_run("nowhere", str(options["runs_dir"]))
    assert not Path(str(options["runs_dir"])).exists()


WRONG = {
    "no mapping": (["a=b"], "settings: give a mapping"),
    "a text": ("student.steps=3", "settings: give a mapping"),
    "no text as key": ({3: 1}, "settings: a key is a text such as 'student.steps', got 3"),
    "value and keys": (
        {"student": 3, "student.rate": 1},
        "settings: 'student.rate': 'student' is already set to a value",
    ),
    "unknown": ({"student.stepz": 3}, "settings: unknown key 'student.stepz' (did you mean 'student.steps'?)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused_in_one_line(name: str, toy_domain: Path) -> None:
    settings, message = WRONG[name]
    with pytest.raises(evokd.InputError) as caught:
        evokd.check(toy_domain, settings=settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("texts", ["one text", [3]])
def test_a_student_answers_lists_of_texts_alone(texts: object, tmp_path: Path) -> None:
    record = {"task": "classification", "labels": ["a", "b"], "max_length": 32}
    (tmp_path / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    student = evokd.load_student(tmp_path)
    with pytest.raises(evokd.InputError, match="predict: give a list of texts"):
        student.predict(texts)  # type: ignore[arg-type]


def test_dotted_and_nested_settings_of_one_section_stand_beside_each_other() -> None:
    together = {"budget.samples": 24, "budget": {"tokens": 5000, "cycle.tokens": 900}}
    for values in (together, dict(reversed(together.items()))):
        (source,) = to_sources(values)
        assert source.values == {"budget": {"samples": 24, "tokens": 5000, "cycle": {"tokens": 900}}}
    both = {"curriculum.tone": 1, "curriculum": {"style_examples": 2}}
    with pytest.raises(evokd.InputError, match=r"curriculum\.tone was renamed"):
        evokd.check("support_tickets", settings=both)


def test_an_opened_run_is_opened_again_as_it_is() -> None:
    run = evokd.open_run("example")
    assert evokd.open_run(run) is run


def test_a_section_that_is_a_value_is_refused_by_bench_too(tmp_path: Path) -> None:
    with pytest.raises(evokd.InputError, match="budget is a section with keys, got 5"):
        api.bench(["support_tickets"], settings={"budget": 5}, out=tmp_path)


async def test_a_student_answers_where_an_event_loop_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def answer(texts: list[str]) -> list[Prediction]:
        return [Prediction(answer="a", confidence=0.75, scores={"a": 0.75, "b": 0.25}) for _ in texts]

    monkeypatch.setattr(
        "evokd.api.students.answer_texts", lambda _, parts: (asyncio.run(answer(part)) for part in parts)
    )
    record = {"task": "classification", "labels": ["a", "b"], "max_length": 32}
    (tmp_path / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    assert evokd.load_student(tmp_path).predict(["one"]) == [
        {
            "text": "one",
            "label": "a",
            "second_label": "b",
            "second_confidence": 0.25,
            "confidence": 0.75,
            "scores": {"a": 0.75, "b": 0.25},
        }
    ]
