"""Self-training: the student answers unlabelled texts of the domain itself and learns from its own answers.

It costs no tokens. It transfers what a few labelled texts teach to the words and forms of the domain's texts, which
written texts lack.

Source: noisy student and related methods (Lee 2013, pseudo-labels; Xie et al. 2020, arXiv 1911.04252).
"""

import random
import shutil

from evokd.graph.context import RunContext
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.training_run import Material, make_job, run_training
from evokd.student.protocol import Prediction, TrainExample, TrainResult

PROVISIONAL = "provisional"
"""Student version that answers the unlabelled texts; it is discarded afterwards."""
_MEANINGS = 0.8
"""Share of the draws that the labels' meanings get in the continued steps: they anchor the student, so that its own
mistakes do not make it drift (film reviews scored lower without them)."""
_SHARP = 5.0
"""Exponent of a fitted layer's probabilities: its strong penalty makes it far less confident than it is accurate."""


def is_used(context: RunContext, material: Material) -> bool:
    """Whether a training learns from unlabelled texts in this way.

    Only where whole texts are labelled, and in a full training only while there are few labelled texts per label
    (docs/benchmarks.md has the figures).
    """
    settings = context.settings.student
    if context.entities or not (context.domain.pool and settings.self_training and settings.self_training_texts):
        return False
    labelled = len(material.examples) + len(material.replay)
    per_label = labelled / len(context.domain.codec.labels)
    is_head = settings.tune == "head" or (settings.tune == "auto" and per_label < settings.head_until)
    return is_head or per_label < settings.self_training_until


async def train_twice(context: RunContext, cycle: int, version: str, material: Material, seed: int) -> TrainResult:
    """Train, let the student answer unlabelled texts, and continue training with its answers added.

    Args:
        context: what the run works with.
        cycle: evolution cycle.
        version: name of the student that it makes.
        material: labelled samples.
        seed: of every random choice.
    """
    texts = _choose_texts(context, cycle, material, seed)
    if not texts:
        return await run_training(context, cycle, make_job(context, version, material, seed))
    first = await run_training(context, cycle, make_job(context, PROVISIONAL, material, seed))
    folder = context.folder.version(PROVISIONAL)
    answers = await context.student.predict(folder, texts)
    answered = enumerate(zip(texts, answers, strict=True))
    self_labelled = [_to_example(context, number, text, answer, first.tune) for number, (text, answer) in answered]
    job = make_job(
        context, version, Material([*material.examples, *material.replay, *self_labelled], (), str(folder)), seed
    )
    steps = {"update_steps": context.settings.student.self_training_steps, "replay": _MEANINGS}
    job = job.model_copy(update={"settings": job.settings.model_copy(update=steps), "unlabelled": len(self_labelled)})
    second = await run_training(context, cycle, job)
    shutil.rmtree(folder, ignore_errors=True)
    return second.model_copy(
        update={
            "steps": first.steps + second.steps,
            "seconds": round(first.seconds + second.seconds, 3),
            "samples": first.samples,
            "unlabelled": len(self_labelled),
            "faults": [*first.faults, *second.faults],
        }
    )


def _choose_texts(context: RunContext, cycle: int, material: Material, seed: int) -> list[str]:
    """Draw texts of the pool that are not labelled yet; none that people refused."""
    left_out = {item.text for item in (*material.examples, *material.replay)}
    left_out.update(settle(context, cycle).refused, context.ledger.refused_texts(cycle))
    texts = [item.text for item in context.domain.pool if item.text not in left_out]
    return random.Random(f"{seed}/self").sample(texts, min(context.settings.student.self_training_texts, len(texts)))


def _to_example(context: RunContext, number: int, text: str, answer: Prediction, tune: str) -> TrainExample:
    """Turn the student's answer into a sample: its probabilities, and a weight by how confident they are."""
    weight = context.settings.student.self_training
    shares = dict(answer.scores)
    if tune == "head":
        shares = _sharpen(shares, context.briefing.form.has_sets)
        weight *= 2
    else:
        weight *= max(0.05, max(0.0, 2 * answer.confidence - 1) ** 2)
        shares = {}
    return TrainExample(id=f"own-{number}", text=text, gold=answer.answer, weight=weight, shares=shares)


def _sharpen(shares: dict[str, float], independent: bool) -> dict[str, float]:
    """Sharpen probabilities: against each other, or where labels are independent, each against its opposite."""
    powers = {label: share**_SHARP for label, share in shares.items()}
    total = sum(powers.values())
    totals = {label: powers[label] + (1 - shares[label]) ** _SHARP if independent else total for label in powers}
    return {label: round(power / totals[label], 6) for label, power in powers.items()}
