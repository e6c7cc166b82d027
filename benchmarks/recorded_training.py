"""Train the student on a mix of recorded texts, outside a run: what each kind of text and each label weight is worth.

python -m benchmarks.recorded_training DATA/goemotions4 --mix plain=160 --mix plain=120,real=120 --seeds 2 --threads 1
python -m benchmarks.recorded_training DATA/goemotions4 --mix real=240 --weights none --seeds 2 --threads 1

DATA/goemotions4 is a domain folder with a recording: `llm/written.jsonl` and, for real texts, `llm/labelled.jsonl`. A
mix names kinds of text and how many of each: plain, varied, hard or toned (written by the language model), real (the
user's own, labelled by it) or dense (real ones that hold an entity). The seed draws the texts and seeds the training.
Labels of real texts count alike (none) or by (2 * confidence - 1) squared, as in a run. The student learns from these
texts and from the labels' meanings, not from the domain's labelled rows. Prints the test score of each seed: macro-F1,
for entities strict F1.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from transformers.utils import logging

from evokd.graph.nodes.training_set import weigh
from evokd.graph.setup.domain import Domain, load_domain
from evokd.messages import Entity, InputError
from evokd.messages.spans import AlignmentError, align
from evokd.simulator.recording import RecordedVerdict, Recording, WrittenText, read_recording
from evokd.student.process.local import LocalStudent
from evokd.student.protocol import Answer, TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings

Mix = dict[str, int]
"""Kind of text -> how many."""


def main() -> None:
    """Train each mix with each seed; print a line per mix."""
    options = _parse()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    domain = load_domain(options.domain)
    recording = read_recording(options.domain / "llm")
    settings = StudentSettings.model_validate(
        {**domain.codec.recipe, "tune": options.tune, "threads": options.threads, "device": "cpu"}
    )
    for mix in options.mix:
        scores = []
        for seed in range(1, options.seeds + 1):
            examples = draw(recording, mix, options.weights == "squared", seed)
            scores.append(asyncio.run(train_and_score(domain, examples, settings, seed, options.test_rows)))
        each = " ".join(f"{score:.3f}" for score in scores)
        title = ",".join(f"{kind}={count}" for kind, count in mix.items())
        print(f"{domain.file.name} | {title} | {options.weights} | {each} | mean {mean(scores):.3f}", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", type=Path, help="domain folder with test data and a folder llm")
    parser.add_argument("--mix", action="append", type=read_mix, required=True, help="KIND=N,...; may be repeated")
    parser.add_argument("--weights", choices=["none", "squared"], default="squared", help="of labels of real texts")
    parser.add_argument("--seeds", type=int, default=2, help="repetitions, seeds 1 to N")
    parser.add_argument("--tune", choices=["full", "head"], default="full", help="what is trained")
    parser.add_argument("--test-rows", type=int, default=1000, help="rows of the test file that are used, from its top")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser.parse_args()


def read_mix(text: str) -> Mix:
    """Read `plain=120,real=120`.

    Raises:
        ValueError: a part is no KIND=N.
    """
    parts = (part.split("=", 1) for part in text.split(","))
    return {kind: int(count) for kind, count in parts}


def draw(recording: Recording, mix: Mix, is_weighed: bool, seed: int) -> list[TrainExample]:
    """Draw the texts of a mix by chance, each kind by itself; labels of real texts may count by their confidence.

    Raises:
        InputError: the recording holds fewer texts of a kind.
    """
    examples: list[TrainExample] = []
    for kind, count in mix.items():
        usable = [example for row in rows_of(recording, kind) if (example := to_example(row, is_weighed)) is not None]
        if len(usable) < count:
            raise InputError(f"{recording.folder}: {len(usable)} texts of kind {kind}; the mix asks for {count}")
        examples += random.Random(f"{seed}/{kind}").sample(usable, count)
    return [example.model_copy(update={"id": str(number)}) for number, example in enumerate(examples)]


def rows_of(recording: Recording, kind: str) -> Sequence[WrittenText | RecordedVerdict]:
    """Rows of a kind, in the order of their file; none where nothing of it was recorded."""
    real = list(recording.verdicts.values())
    if kind == "dense":
        return [row for row in real if row.entities]
    return real if kind == "real" else recording.written.get(kind, [])


def to_example(row: WrittenText | RecordedVerdict, is_weighed: bool) -> TrainExample | None:
    """Make a sample of a recorded text; None where its entities do not occur in it as they are listed."""
    answer: str | Sequence[Entity]
    weight = 1.0
    if isinstance(row, WrittenText):
        answer = row.answer
    elif row.labels:
        answer = row.labels[0]
        weight = weigh(row.confidence) if is_weighed else 1.0
    else:
        # As in a run, a list of entities is not weighed: its one confidence is that of its most doubtful member.
        answer = row.entities or []
    try:
        return TrainExample(id="", text=row.text, gold=_to_gold(row.text, answer), weight=weight)
    except AlignmentError:
        return None


def _to_gold(text: str, answer: str | Sequence[Entity]) -> Answer:
    return answer if isinstance(answer, str) else [span._asdict() for span in align(text, answer)]


async def train_and_score(
    domain: Domain, examples: list[TrainExample], settings: StudentSettings, seed: int, test_rows: int
) -> float:
    """Train a student from its base and score it on the first test rows, 0 to 1."""
    student = LocalStudent(device="cpu", threads=settings.threads)
    test = domain.test[:test_rows]
    with tempfile.TemporaryDirectory() as folder:
        job = TrainJob(
            task=domain.codec.name,
            labels=list(domain.codec.labels),
            meanings=domain.file.labels,
            examples=examples,
            out=f"{folder}/student",
            settings=settings,
            seed=seed,
        )
        await student.train(job)
        predictions = await student.predict(Path(job.out), [row.text for row in test])
    answers: list[Any] = [prediction.answer for prediction in predictions]
    return domain.codec.evaluate([row.gold for row in test], answers).metrics[domain.codec.metrics[0]]


if __name__ == "__main__":
    main()
