"""The domain's unlabelled texts: read, without texts that must not be learned, and reduced to a manageable size."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evokd.graph.setup.domain import DataFile, Domain
from evokd.graph.setup.run_settings import Settings
from evokd.messages import PoolText
from evokd.student.curate import is_valid
from evokd.student.lines import Line, read_lines
from evokd.student.reading.layout import Layout
from evokd.student.similar_texts import SimilarTexts, digest_form, normalise
from evokd.student.student_settings import CurationSettings

MOST = 10_000
"""Maximum lines of a pool that are kept in memory: those that are shown, learned by self-training, and, unless
`curriculum.pool.lines` asks for more, chosen from."""
_BEYOND = "beyond"
"""Valid lines beyond those, among the counts."""


class _Kept(NamedTuple):
    """A line in the heap of those with the smallest digests, the largest on top."""

    order: int
    number: int
    text: str


def add_pool(domain: Domain, settings: Settings) -> Domain:
    """Read the pool of a domain under the settings of a run.

    Raises:
        InputError: the file cannot be read; names the line.
    """
    if domain.pool_file is None or settings.rows.pool == 0:
        return domain
    source, layout = domain.pool_file, Layout()
    lines = ((line.number, line.text) for line in read_pool(domain, layout))
    return tell_layout(use_lines(domain, settings, source, lines), source, layout)


def read_pool(domain: Domain, layout: Layout) -> Iterator[Line]:
    """Read the lines of a domain's pool, by the column that the domain names, or else by "text".

    Raises:
        InputError: the file cannot be read; names the line.
    """
    assert domain.pool_file is not None
    return read_lines(domain.pool_file, layout, domain.file.data.columns.get("text"), or_text=True)


def tell_layout(domain: Domain, source: Path, layout: Layout) -> Domain:
    """Add to a domain how its pool file was read, after reading all of it."""
    notes = [f"{source}: {note}" for note in layout.notes]
    files = (*domain.files, DataFile("pool", source, layout))
    return replace(domain, files=files, notes=(*domain.notes, *notes))


def use_lines(domain: Domain, settings: Settings, source: Path, lines: Iterable[tuple[int, str]]) -> Domain:
    """Make the pool of a domain from lines of any source; seeds, validation and test texts are left out.

    Args:
        domain: the domain, its seeds and validation data those of the run.
        settings: the run's settings.
        source: the file, for lineage and notes.
        lines: number and text of each.
    """
    limit = settings.curriculum.pool.lines
    most = MOST if limit is None else min(MOST, limit)
    used_lines, counts = _keep_some(lines, settings.curation, most)
    guarded = [example.text for example in (*domain.validation, *domain.test)]
    used_lines = _without_known(used_lines, [row.text for row in domain.seeds], guarded, settings.curation.leak, counts)
    if settings.rows.pool is not None:
        drawn = _draw(used_lines, settings.rows.pool, settings.seed)
        counts["not drawn (see rows.pool)"] = len(used_lines) - len(drawn)
        used_lines = drawn
    pool = tuple(PoolText(f"{source.name}:{number}", text) for number, text in used_lines)
    beyond = counts.pop(_BEYOND, 0)
    if beyond and _chooses_from_disk(domain, settings, source, most):
        chosen_from = most + beyond if limit is None else min(limit, most + beyond)
        note = _tell_large(source, len(pool), chosen_from, counts["lines"])
        return replace(domain, pool=pool, pool_lines=chosen_from, notes=(*domain.notes, note))
    if beyond:
        why = "see curriculum.pool.lines" if settings.rows.pool is None else "rows.pool draws from these"
        counts[f"beyond the {most:,} that are kept ({why})"] = beyond
    return replace(domain, pool=pool, notes=(*domain.notes, *_tell(source, len(pool), counts)))


def _chooses_from_disk(domain: Domain, settings: Settings, source: Path, kept: int) -> bool:
    """Whether texts to label are chosen from more lines than are kept: not for experiments and recordings."""
    limit = settings.curriculum.pool.lines
    return (limit is None or limit > kept) and settings.rows.pool is None and source == domain.pool_file


def _keep_some(
    lines: Iterable[tuple[int, str]], rules: CurationSettings, most: int
) -> tuple[list[tuple[int, str]], Counter[str]]:
    """Keep the valid lines with the smallest digests, each text once: a sample that does not depend on their order.

    Source: bottom-k sketches (Cohen and Kaplan, PODC 2007): the k smallest hashes are a uniform sample.
    """
    counts: Counter[str] = Counter()
    heap: list[_Kept] = []
    orders: set[int] = set()
    for number, text in lines:
        counts["lines"] += 1
        if not is_valid(text, rules):
            counts["too short, too long or broken"] += 1
            continue
        order = -digest_form(normalise(text))
        if order in orders:
            counts["repeated"] += 1
            continue
        item = _Kept(order, number, text)
        orders.add(order)
        if len(heap) < most:
            heapq.heappush(heap, item)
        else:
            orders.discard(heapq.heappushpop(heap, item).order)
            counts[_BEYOND] += 1
    return [(item.number, item.text) for item in sorted(heap, key=lambda item: item.number)], counts


def _without_known(
    lines: Sequence[tuple[int, str]], seeds: Sequence[str], guarded: Sequence[str], leak: float, counts: Counter[str]
) -> list[tuple[int, str]]:
    seed_forms, held = {normalise(text) for text in seeds}, SimilarTexts(guarded)
    unknown = []
    for number, text in lines:
        form = normalise(text)
        if form in seed_forms:
            counts["among the seeds"] += 1
        elif form in held or held.has_like(form, leak):
            counts["validation or test texts, or nearly the same"] += 1
        else:
            unknown.append((number, text))
    return unknown


def _draw(lines: Sequence[tuple[int, str]], wanted: int, seed: int) -> list[tuple[int, str]]:
    """Draw lines by the seed, in the order of the file."""

    def order(line: tuple[int, str]) -> bytes:
        return hashlib.sha256(f"{seed}/pool/{line[1]}".encode()).digest()

    return sorted(sorted(lines, key=order)[:wanted])


def _tell(source: Path, used: int, counts: Counter[str]) -> list[str]:
    """Say how many lines the pool has where that are not all of the file's."""
    if used == counts["lines"]:
        return []
    left = [f"{count:,} {why}" for why, count in counts.items() if why != "lines" and count]
    message = f"{source}: the pool has {used:,} of {counts['lines']:,} lines"
    return [f"{message}; left out: {', '.join(left)}" if left else message]


def _tell_large(source: Path, sample: int, chosen_from: int, lines: int) -> str:
    what = (
        f"all {lines:,} lines of the pool" if chosen_from == lines else f"{chosen_from:,} of the pool's {lines:,} lines"
    )
    return (
        f"{source}: texts to label are chosen from {what}, prepared on disk in the first cycle; tone, self-training and"
        f" the map use {sample:,} of them"
    )
