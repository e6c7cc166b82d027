"""How well `evokd check --suspects` finds wrong labels: errors are planted, and looked for among the first suspects.

    python -m benchmarks.label_errors FOLDER [FOLDER ...] [--rows 1000] [--seeds 5] [--share 0.05]

A FOLDER is a domain, or the name of a shipped one; its corpus (`rehearsal.corpus`) is taken, or else its labelled
splits. In `--share` of the rows the label is changed to another one; of entities, one entity of a text gets another
type, is left out, or loses or gains a word. k is the number of planted errors. The public data sets have errors of
their own, so that precision is underestimated. By chance, a share of `--share` would be found.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from evokd.graph.setup.domain import Domain, find_domain, load_domain
from evokd.graph.setup.simulated_teacher import read_corpus
from evokd.messages.spans import split_words
from evokd.student.protocol import Answer, DoubtJob, TrainExample
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import LabeledExample
from evokd.student.training.label_doubts import doubt_labels


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05)
    args = parser.parse_args()
    print("| domain | rows | planted | found among the first k | precision at 10 | seconds |")
    print("|---|---|---|---|---|---|")
    for folder in args.folders:
        domain = load_domain(find_domain(folder))
        rows = choose(domain, args.rows)
        done = [measure(domain, rows, args.share, seed) for seed in range(args.seeds)]
        found, first = ([item[at] for item in done] for at in (0, 1))
        spread = f"{mean(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        seconds = f"{done[0][2]:.1f}, then {mean(item[2] for item in done[1:] or done):.1f}"
        planted = round(args.share * len(rows))
        print(
            f"| {domain.file.name} | {len(rows)} | {planted} | {spread} | {mean(first):.2f} | {seconds} |", flush=True
        )


def choose(domain: Domain, most: int) -> list[LabeledExample]:
    """Choose labelled rows."""
    if domain.corpus is not None:
        rows = list(read_corpus(domain).corpus_rows)
    else:
        rows = [*domain.seeds, *domain.validation, *domain.test]
    return random.Random(0).sample(rows, min(most, len(rows)))


def measure(domain: Domain, rows: Sequence[LabeledExample], share: float, seed: int) -> tuple[float, float, float]:
    """Plant errors and look for them: the share found among the first k, precision at 10, seconds."""
    chance = random.Random(seed)
    planted = set(chance.sample([n for n, row in enumerate(rows) if row.gold], round(share * len(rows))))
    spoilt = [
        replace(row, gold=spoil(row, domain.codec.labels, chance)) if number in planted else row
        for number, row in enumerate(rows)
    ]
    job = DoubtJob(
        task=domain.codec.name,
        labels=list(domain.codec.labels),
        meanings=dict(domain.file.labels),
        examples=[TrainExample(id=str(number), text=row.text, gold=row.gold) for number, row in enumerate(spoilt)],
        settings=StudentSettings(**domain.codec.recipe),
    )
    began = time.monotonic()
    suspects = [int(item.id) for item in doubt_labels(job).doubts]
    seconds = time.monotonic() - began
    return (
        len(planted & set(suspects[: len(planted)])) / len(planted),
        len(planted & set(suspects[:10])) / 10,
        seconds,
    )


def spoil(row: LabeledExample, labels: Sequence[str], chance: random.Random) -> Answer:
    """Give a row a wrong answer."""
    if isinstance(row.gold, str):
        return chance.choice([label for label in labels if label != row.gold])
    entities = [dict(entity) for entity in row.gold if isinstance(entity, dict)]
    chosen = chance.choice(entities)
    kinds = ["leave out", "boundary"] + (["type"] if len(labels) > 1 else [])
    kind = chance.choice(kinds)
    if kind == "boundary" and not _move_end(row.text, chosen, entities):
        kind = "leave out"
    if kind == "type":
        chosen["label"] = chance.choice([label for label in labels if label != chosen["label"]])
    if kind == "leave out":
        entities.remove(chosen)
    return entities


def _move_end(text: str, entity: dict[str, Any], entities: Sequence[dict[str, Any]]) -> bool:
    """Take the last word from an entity, or add the next one where it has one word; False: neither is possible."""
    words = split_words(text)
    inside = [word for word in words if entity["start"] <= word[0] and word[1] <= entity["end"]]
    if len(inside) > 1:
        entity["end"] = inside[-2][1]
        return True
    after = next((word for word in words if word[0] >= entity["end"]), None)
    taken = [other for other in entities if other is not entity and after and other["start"] < after[1] <= other["end"]]
    if after is None or taken:
        return False
    entity["end"] = after[1]
    return True


if __name__ == "__main__":
    main()
