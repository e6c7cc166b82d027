"""Which labelled rows a run may see: a few drawn examples to start from, a part of the validation data.

The draw depends only on the data, the seed and the requested number: runs that differ only in their loop start from
the same rows, and a resumed run draws the same rows again.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_settings import RowsSettings
from evokd.graph.setup.simulated_teacher import read_corpus
from evokd.messages import InputError
from evokd.student.similar_texts import normalise
from evokd.student.tasks.base import LabeledExample, TaskCodec

LEAST_TO_DIVIDE = 60
"""From this many validation rows on, some of them become seeds."""
SHARE_SET_ASIDE = 0.4
MOST_SET_ASIDE = 40


def choose_rows(domain: Domain, rows: RowsSettings, seed: int, served: bool) -> Domain:
    """Replace a domain's seeds and validation data by drawn rows, as the settings say.

    Args:
        domain: the domain; its corpus is read if examples are drawn from it and it was not read before.
        rows: how many are drawn.
        seed: the run's seed.
        served: whether the teacher answers from the corpus, so that texts of every label must be left.

    Raises:
        InputError: the domain has no corpus, or too few rows to draw from.
    """
    if rows.shots is not None:
        if domain.corpus is None:
            raise InputError(
                f"rows.shots: {domain.folder / 'domain.yaml'} has no labelled corpus to draw examples from; give it one"
                " under rehearsal.corpus"
            )
        domain = domain if domain.corpus_rows else read_corpus(domain)
        domain = replace(domain, seeds=_draw_shots(domain, rows.shots, seed, served))
    if rows.validation is not None:
        domain = replace(domain, validation=_draw_validation(domain, rows.validation, seed))
    return _set_aside(domain, rows.set_aside, seed)


def _set_aside(domain: Domain, wanted: int | None, seed: int) -> Domain:
    """Turn some validation rows into seeds: labelled real texts help more in training than in steering.

    Raises:
        InputError: there are fewer.
    """
    rows = domain.validation
    if wanted is None:
        wanted = min(MOST_SET_ASIDE, int(len(rows) * SHARE_SET_ASIDE)) if len(rows) >= LEAST_TO_DIVIDE else 0
    if not wanted:
        return domain
    if wanted > len(rows):
        raise InputError(f"rows.set_aside: {wanted} requested, but there are {len(rows)} validation rows")
    chosen = _draw_places(domain.codec, rows, wanted, f"{seed}/set aside")
    known = {normalise(example.text) for example in domain.seeds}
    moved = tuple(row for at, row in enumerate(rows) if at in chosen and normalise(row.text) not in known)
    return replace(
        domain,
        seeds=(*domain.seeds, *moved),
        validation=tuple(row for at, row in enumerate(rows) if at not in chosen),
        notes=(*domain.notes, f"{wanted} of {len(rows)} validation rows are used for training and shown as examples"),
    )


def _draw_shots(domain: Domain, shots: int, seed: int, served: bool) -> tuple[LabeledExample, ...]:
    """Draw texts until every label occurs in `shots` of them, the rarest label first.

    A text counts for all its labels, so texts with several labels are few. Texts of validation and test data are not
    drawn.

    Source: Yang and Katiyar, Simple and Effective Few-Shot Named Entity Recognition (EMNLP 2020), algorithm 1.
    """
    codec = domain.codec
    held = {normalise(example.text) for example in (*domain.validation, *domain.test)}
    rows = list({normalise(row.text): row for row in reversed(domain.corpus_rows)}.items())[::-1]
    free = [row for key, row in rows if key not in held]
    having = Counter(label for row in free for label in codec.labels_in(row.gold))
    for label in codec.labels:
        if having[label] < shots + served:
            needed = f"{shots} are drawn" + (" and the rehearsal needs one more" if served else "")
            raise InputError(
                f"rows.shots: {domain.corpus}: {having[label]} texts with the label {label!r}, but {needed}; ask for"
                " fewer"
            )
    random.Random(f"{seed}/shots").shuffle(free)
    drawn: list[LabeledExample] = []
    counts: Counter[str] = Counter()
    for label in sorted(codec.labels, key=lambda name: (having[name], name)):
        for row in free:
            if counts[label] >= shots:
                break
            labels = codec.labels_in(row.gold)
            if label in labels and row not in drawn:
                drawn.append(row)
                counts.update(labels)
    if served:
        _check_rest(domain, shots, free, drawn)
    return tuple(drawn)


def _check_rest(domain: Domain, shots: int, free: Sequence[LabeledExample], drawn: Sequence[LabeledExample]) -> None:
    left = {label for row in free if row not in drawn for label in domain.codec.labels_in(row.gold)}
    for label in domain.codec.labels:
        if label not in left:
            raise InputError(
                f"rows.shots: {domain.corpus}: after drawing {shots} per label, no text with {label!r} is left for the"
                " rehearsal; ask for fewer"
            )


def _draw_validation(domain: Domain, wanted: int, seed: int) -> tuple[LabeledExample, ...]:
    """Draw validation rows, every group of labels in proportion (largest remainders first), in the file's order."""
    rows = domain.validation
    if not wanted:
        return ()
    if wanted > len(rows):
        raise InputError(
            f"rows.validation: {wanted} requested, but {domain.folder / 'domain.yaml'} has {len(rows)} validation rows"
        )
    chosen = _draw_places(domain.codec, rows, wanted, f"{seed}/validation")
    return tuple(row for at, row in enumerate(rows) if at in chosen)


def _draw_places(codec: TaskCodec, rows: Sequence[LabeledExample], wanted: int, seed: str) -> set[int]:
    """Draw row numbers, every group of labels in proportion, largest remainders first."""
    groups = _group(codec, rows)
    chance = random.Random(seed)
    shares = {name: wanted * len(members) / len(rows) for name, members in groups.items()}
    sizes = {name: int(share) for name, share in shares.items()}
    rest = sorted(groups, key=lambda name: (sizes[name] - shares[name], name))
    for name in rest[: wanted - sum(sizes.values())]:
        sizes[name] += 1
    return {at for name, members in sorted(groups.items()) for at in chance.sample(members, sizes[name])}


def _group(codec: TaskCodec, rows: Iterable[LabeledExample]) -> dict[str, list[int]]:
    """Rarest label -> row numbers; rows without a label are in a group without a name."""
    rows = list(rows)
    counts = Counter(label for row in rows for label in codec.labels_in(row.gold))
    groups: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        name = min(codec.labels_in(row.gold), key=lambda label: (counts[label], label), default="")
        groups[name].append(at)
    return groups
