"""The graph on texts with entities, with the rehearsal teacher: packets, lessons, masked parts, scores, pages."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evokd.agents.strategies import CONTEXT_STRATEGIES, ERROR_STRATEGIES
from evokd.cli import main
from evokd.graph.nodes.feedback_packet import MOST_COUNTED
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.simulated_teacher import corpus_to_serve
from evokd.messages import FeedbackPacket
from evokd.messages.spans import mark, span_fault, split_words
from evokd.simulator.app import create_app
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.student.data import read_examples
from evokd.student.protocol import TrainExample
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.summary import read_summary
from tests.graph.conftest import give_student, run_quick
from tests.graph.toy import SIZES, WordStudent, WordTagger, read_rows, write_reports, write_rows

NOISE = 0.3
ERROR_MODES = {
    "type": "swap_entities",
    "missed": "misspell",
    "boundary": "rewrite_and_swap",
    "invented": "rewrite_context",
}
"""Another mode for each kind of mistake, none of them the general ones."""
_CHOSEN = (
    *(f"curriculum.error_modes.{kind}=[{mode}]" for kind, mode in ERROR_MODES.items()),
    *(f"curriculum.packet.{kind}=100" for kind in ("wrong", "confident_wrong", "right")),
    "curriculum.quotas.drafts=40",
    "curriculum.quotas.weaknesses=0.5",
    "curriculum.examples_from=all",
    "curriculum.measure_rows=0",
    "curriculum.quotas.least=1",
    "gate.tolerance=1",
)
CHOICES = [part for choice in _CHOSEN for part in ("--set", choice)]


@dataclass(frozen=True)
class Told:
    """A finished run and what it left."""

    domain: Path
    folder: RunFolder
    packets: list[dict[str, Any]]
    lessons: list[dict[str, Any]]
    samples: list[Sample]
    weaknesses: list[dict[str, Any]]
    trained: dict[str, TrainExample]

    @property
    def accepted(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.state == "accepted"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A run of two cycles whose Labeler is often wrong."""
    domain = write_reports(tmp_path_factory.mktemp("entities") / "reports")
    with pytest.MonkeyPatch.context() as patch:
        students = give_student(patch, WordTagger)
        folder = run_quick(domain, *CHOICES, "--set", f"rehearsal.noise={NOISE}")
    ledger = Ledger(folder.ledger)
    packets = [ledger.message(f"c00{cycle}", FeedbackPacket) for cycle in (1, 2, 3)]
    yield Told(
        domain,
        folder,
        [packet.model_dump(mode="json") for packet in packets if packet],
        [lesson for cycle in (1, 2) for lesson in ledger.lessons(cycle)],
        ledger.samples(),
        ledger.weaknesses(),
        {item.id: item for student in students for job in student.jobs for item in [*job.examples, *job.replay]},
    )
    ledger.close()


def touches(item: dict[str, Any], parts: list[list[int]]) -> bool:
    return any(item["start"] < end and start < item["end"] for start, end in parts)


# ------------------------------------------------------------------------------------------------ packets and lessons


def test_packets_mark_entities_and_list_the_mistakes(noisy: Told) -> None:
    codec = load_domain(noisy.domain).codec
    assert len(noisy.packets) == 3
    for packet in noisy.packets:
        for case in packet["cases"]:
            gold, predicted = (codec.from_wire(case["text"], case[side]) for side in ("gold", "predicted"))
            assert case["marked"] == mark(case["text"], to_spans(gold))
            wrong = mark(case["text"], to_spans(predicted)) if gold != predicted else None
            assert case.get("answered") == wrong
            assert (case["verdict"] == "right") == (gold == predicted) == (not case.get("errors"))
        held = [case for case in packet["cases"] if case["id"].startswith("v")]
        assert len(held) == SIZES["validation"]
        errors = Counter(
            (error["kind"], (error["gold"] or error["predicted"])["label"])
            for case in held
            for error in case.get("errors", [])
        )
        counted = {(count["kind"], count["label"]): count["count"] for count in packet["errors"]}
        assert counted.items() <= errors.items()
        assert len(counted) == min(len(errors), MOST_COUNTED)
        assert list(counted.values()) == sorted(errors.values(), reverse=True)[:MOST_COUNTED]
    assert len({error["kind"] for packet in noisy.packets for error in packet["errors"]}) >= 3


def test_a_lesson_follows_the_kind_of_mistake_that_its_evidence_shows(noisy: Told) -> None:
    weaknesses = {row["id"]: row for row in noisy.weaknesses}
    for lesson in noisy.lessons:
        plan, weakness = lesson["plan"], weaknesses.get(lesson["weakness"] or "")
        if weakness is None:
            assert plan["mode"] == "write"
            assert "strategies" not in plan
            continue
        cases = {case["id"]: case for case in noisy.packets[weakness["cycle"] - 1]["cases"]}
        shown = Counter(
            error["kind"]
            for name in weakness["evidence"]
            for error in cases[name]["errors"]
            if {side["label"] for side in (error["gold"], error["predicted"]) if side} & set(weakness["labels"])
        )
        kinds = [kind for kind in ERROR_MODES if shown[kind] == max(shown.values())]
        assert plan["mode"] in {ERROR_MODES[kind] for kind in kinds}
        answers = {ERROR_STRATEGIES[kind][0] for kind in kinds}
        contexts = set(plan.get("strategies", {})) - answers
        assert contexts <= set(CONTEXT_STRATEGIES)
        assert len(contexts) == (4 if plan["mode"].startswith("rewrite") else 0)
    assert len({lesson["plan"]["mode"] for lesson in noisy.lessons}) > 2


def test_modes_and_strategies_may_come_from_a_file(reports: Path, word_taggers: list[WordStudent]) -> None:
    config = reports.parent / "config.yaml"
    modes = ", ".join(f"{kind}: [rewrite_and_swap]" for kind in ERROR_MODES)
    config.write_text(
        f"curriculum:\n  error_modes: {{{modes}}}\n  strategies: 2\n  modes: [extrapolate]\n", encoding="utf-8"
    )
    folder = run_quick(reports, "--config", str(config), "--cycles", "1")
    ledger = Ledger(folder.ledger)
    plans = {lesson["id"]: (lesson["weakness"], lesson["plan"]) for lesson in ledger.lessons(1)}
    ledger.close()
    found = {(weakness is None, plan["mode"]) for weakness, plan in plans.values()}
    assert found == {(True, "extrapolate"), (False, "rewrite_and_swap")}
    for weakness, plan in plans.values():
        assert len(set(plan.get("strategies", {})) & set(CONTEXT_STRATEGIES)) == (2 if weakness else 0)


@pytest.mark.parametrize("mode", ["swap_entities", "rewrite_context", "rewrite_and_swap", "misspell"])
def test_a_mode_that_does_not_suit_the_task_is_refused_before_anything_is_written(
    mode: str,
    toy_domain: Path,
    word_students: list[WordStudent],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    args = ["run", str(toy_domain), "--set", f"curriculum.modes=[write, {mode}]", "--runs-dir", str(runs)]
    assert main.run_cli(args) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"curriculum.modes: '{mode}' does not suit" in printed.err
    assert not runs.exists()
    args = ["run", str(toy_domain), "--set", f"curriculum.warm_up.mode={mode}", "--runs-dir", str(runs)]
    assert main.run_cli(args) == 2
    assert f"curriculum.warm_up.mode: '{mode}' does not suit" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ samples and masking


def test_all_entities_lie_at_words_of_their_text_and_have_known_types(noisy: Told) -> None:
    labels = set(load_domain(noisy.domain).codec.labels)
    seen = 0
    for sample in noisy.samples:
        exam = [sample.exam["answer"]] if sample.exam else []
        given = [sample.label] if sample.label is not None else []
        for answer in [sample.intended, *(sample.candidates or []), *given, *exam]:
            spans = to_spans(answer)
            assert span_fault(sample.text, spans, split_words(sample.text)) is None
            assert {span.label for span in spans} <= labels
            assert answer == to_gold(spans)
            seen += len(spans)
    assert seen > 50


def test_the_rows_of_the_data_set_are_read_back_by_the_loader(noisy: Told, tmp_path: Path) -> None:
    rows = read_rows(noisy.folder.dataset)
    assert [row["id"] for row in rows] == [sample.id for sample in noisy.accepted]
    assert [row["masked"] for row in rows] == [sample.masked for sample in noisy.accepted]
    write_rows(tmp_path / "rows.jsonl", [{key: row[key] for key in ("text", "entities")} for row in rows])
    examples = read_examples(tmp_path / "rows.jsonl", load_domain(noisy.domain).codec)
    assert [(item.text, item.gold) for item in examples] == [(item.text, item.label) for item in noisy.accepted]


def test_disputed_entities_are_masked_and_the_training_knows(noisy: Told) -> None:
    masked = [sample for sample in noisy.accepted if sample.masked]
    assert len(masked) > 5
    for sample in noisy.accepted:
        intended, given = (set(to_spans(answer)) for answer in (sample.intended, (sample.candidates or [[]])[0]))
        assert sample.disputed == bool(sample.masked) == (intended != given)
        assert sample.label == to_gold(intended & given)
        assert not any(touches(item, sample.masked) for item in sample.label)
        assert all(touches(item, sample.masked) for item in to_gold(intended ^ given))
        assert noisy.trained[sample.id].masked == [tuple(part) for part in sample.masked]
        assert noisy.trained[sample.id].gold == sample.label
    assert all(item.masked == [] for name, item in noisy.trained.items() if name.startswith("seed"))


def test_a_text_with_nothing_agreed_is_refused(noisy: Told) -> None:
    refused = [sample for sample in noisy.samples if sample.reason == "disputed"]
    assert refused
    for sample in refused:
        assert not set(to_spans(sample.intended)) & set(to_spans((sample.candidates or [[]])[0]))


def test_no_masked_sample_is_shown_as_an_example(noisy: Told) -> None:
    early = [sample for sample in noisy.accepted if sample.cycle == 1]
    open_texts = {sample.text for sample in early if sample.masked}
    whole_texts = {sample.text for sample in early if not sample.masked}
    later = [lesson["plan"] for lesson in noisy.lessons if lesson["cycle"] == 2]
    shown = {example["text"] for plan in later for example in plan["examples"]}
    assert open_texts
    assert shown & whole_texts
    assert not shown & open_texts


def test_a_masked_sample_is_no_case_for_the_analyst(tmp_path: Path, word_taggers: list[WordStudent]) -> None:
    settings = (f"rehearsal.noise={NOISE}", "curriculum.packet.source=exam")
    options = [*CHOICES, *(part for setting in settings for part in ("--set", setting))]
    folder = run_quick(write_reports(tmp_path / "reports"), *options)
    ledger = Ledger(folder.ledger)
    examined = {sample.text: sample for sample in ledger.samples(state="accepted") if sample.exam}
    packets = [ledger.message(f"c00{cycle}", FeedbackPacket) for cycle in (2, 3)]
    ledger.close()
    shown = [case for packet in packets if packet for case in packet.cases if case.id.startswith("e")]
    assert any(sample.masked for sample in examined.values())
    assert shown
    for case in shown:
        assert not examined[case.text].masked
        assert (case.verdict == "right") == ((examined[case.text].exam or {})["answer"] == examined[case.text].label)


def test_the_gate_on_samples_that_were_set_aside_passes_over_masked_parts(
    tmp_path: Path, word_taggers: list[WordStudent]
) -> None:
    domain = write_reports(tmp_path / "reports", validation=False)
    options = [
        "gate.holdout=0.5",
        "gate.holdout_from=0",
        "gate.minimum=2",
        "gate.tolerance=1",
        f"rehearsal.noise={NOISE}",
    ]
    folder = run_quick(domain, *(part for option in options for part in ("--set", option)))
    summary = read_summary(folder.summary)
    assert summary is not None
    assert summary["champion"] == "c002"
    aside = [row for row in read_rows(folder.dataset) if row["purpose"] == "gate"]
    assert any(row["masked"] for row in aside)
    client = WordTagger(tmp_path / "log")
    found = run_now(client.predict(folder.student, [row["text"] for row in aside]))
    answers = [
        [item for item in answer.answer if not touches(item, row["masked"])]
        for row, answer in zip(aside, found, strict=True)
    ]
    scores = load_domain(domain).codec.evaluate([row["entities"] for row in aside], answers)
    assert summary["cycles"][2]["gate"]["after"] == pytest.approx(scores.metrics["entity_f1"], abs=1e-4)


def run_now(work: Any) -> Any:
    """Drive a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as done:
        work.send(None)
    return done.value.value


# ------------------------------------------------------------------------------------------------ what a run leaves


def test_the_summary_has_the_scores_of_entities(noisy: Told) -> None:
    summary = read_summary(noisy.folder.summary)
    assert summary is not None
    assert (summary["task"], summary["metric"]) == (load_domain(noisy.domain).codec.name, "entity_f1")
    for name in ("start", "final"):
        for split in ("validation", "test"):
            scores = summary[name][split]
            assert {"entity_f1", "entity_f1_lenient", "entity_f1_partial"} <= set(scores)
            assert all(0 <= score <= 1 for score in scores.values())
            assert scores["entity_f1"] <= scores["entity_f1_partial"]
    assert summary["cycles"][2]["gate"]["after"] == pytest.approx(summary["final"]["validation"]["entity_f1"], abs=1e-4)


def test_a_run_without_noise_learns(reports: Path, word_taggers: list[WordStudent]) -> None:
    folder = run_quick(reports, "--set", "curriculum.quotas.drafts=40", "--set", "curriculum.error_modes.type=[write]")
    summary = read_summary(folder.summary)
    assert summary is not None
    assert summary["final"]["test"]["entity_f1"] > summary["start"]["test"]["entity_f1"]
    assert all(row["masked"] == [] for row in read_rows(folder.dataset))


def test_the_same_set_in_process_and_over_the_wire(
    noisy: Told, word_taggers: list[WordStudent], serve_app: Callable[[Any], str]
) -> None:
    path = noisy.domain / "corpus.jsonl"
    app = create_app(corpus_to_serve(path), RehearsalSettings(noise=NOISE), 7)
    url = serve_app(app) + "/v1"
    wire = run_quick(noisy.domain, *CHOICES, "--teacher", "rehearsal", "--base-url", url, run_id="wire")
    assert wire.dataset.read_bytes() == noisy.folder.dataset.read_bytes()
    assert wire.dataset.read_bytes().count(b"\n") > 10


def fold(text: str) -> str:
    return " ".join(text.split())


def show(noisy: Told, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main.run_cli(["show", str(noisy.folder.path), *options]) == 0
    return fold(capsys.readouterr().out)


def test_show_prints_marked_sentences_and_the_mistakes(noisy: Told, capsys: pytest.CaptureFixture[str]) -> None:
    told = show(noisy, "--cycle", "1", capsys=capsys)
    wrong = [case for case in noisy.packets[0]["cases"] if case["verdict"] != "right"]
    assert fold(wrong[0]["marked"])[:60] in told
    missed = [error for case in wrong[:3] for error in case["errors"] if error["kind"] == "missed"]
    assert missed
    for error in missed:
        assert f"missed {fold(error['gold']['text'])} ({error['gold']['label']})" in told
    assert "Most frequent mistakes" in told


def test_show_weakness_prints_marked_sentences_and_the_mistakes(
    noisy: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    weakness = noisy.weaknesses[0]
    told = show(noisy, "--weakness", weakness["id"], capsys=capsys)
    cases = [case for case in noisy.packets[0]["cases"] if case["id"] in weakness["evidence"]]
    assert cases
    for case in cases:
        assert fold(case["marked"])[:60] in told
        assert all(error["kind"] in told for error in case["errors"])
    led_to = [sample.id for sample in noisy.samples if sample.weakness == weakness["id"]]
    assert led_to
    assert all(name in told for name in led_to)


def test_show_sample_prints_marked_sentences_and_the_mistakes(noisy: Told, capsys: pytest.CaptureFixture[str]) -> None:
    sample = next(
        sample
        for sample in noisy.accepted
        if sample.masked and sample.exam and any(item not in sample.exam["answer"] for item in sample.label)
    )
    told = show(noisy, "--sample", sample.id, capsys=capsys)
    exam = sample.exam or {}
    for answer in (sample.intended, sample.label, exam["answer"]):
        words = fold(mark(sample.text, to_spans(answer))).split()
        assert " ".join(words[:4]) in told
    lacking = [item for item in sample.label if item not in exam["answer"]]
    assert lacking
    for item in lacking:
        assert f"lacks {fold(sample.text[item['start'] : item['end']])} ({item['label']})" in told


def test_predict_gives_rows_of_the_data_format(
    noisy: Told, word_taggers: list[WordStudent], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [row["text"] for row in read_rows(noisy.domain / "seeds.jsonl")] + ["Nothing at all here."]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    capsys.readouterr()
    assert main.run_cli(["predict", str(noisy.folder.path), str(tmp_path / "texts.txt")]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == texts
    labels = load_domain(noisy.domain).codec.labels
    for row in rows:
        assert set(row) == {"line", "text", "entities", "confidence", "scores"}
        assert span_fault(row["text"], to_spans(row["entities"]), split_words(row["text"])) is None
        assert 0 <= row["confidence"] <= 1
        assert set(row["scores"]) == set(labels)
    assert any(row["entities"] for row in rows)
