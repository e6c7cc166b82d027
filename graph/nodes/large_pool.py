"""The pool of a run that has more lines than are kept in memory: prepared on disk once, then opened."""

import asyncio
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evokd.graph.context import RunContext
from evokd.graph.pool.large_pool import LargePool
from evokd.graph.pool.texts import PoolTexts, build_texts, open_texts, sweep
from evokd.graph.pool.vectors import PoolVectors, Shard
from evokd.graph.setup.domain import digest_files, name_file
from evokd.graph.setup.unlabeled_pool import read_pool
from evokd.messages import InputError
from evokd.student.base import find_local, fingerprint, locate
from evokd.student.base_config import read_object
from evokd.student.curate import is_valid
from evokd.student.reading.layout import Layout

CACHE = ".evokd_pool"
"""Folder beside the pool's file that keeps what was prepared, for all runs; it may be deleted at any time."""
_FORMAT = 1
"""Raised when files of older versions cannot be used."""
_FEATURES = 768
"""Features of a vector, where the base's configuration does not say."""


async def open_pool(context: RunContext) -> LargePool:
    """Open the large pool of a run; the first run with its file prepares the texts, seconds for a million.

    Raises:
        InputError: the file has changed or cannot be read.
    """
    if context.large_pools:
        return context.large_pools[0]
    start = time.monotonic()
    place = _find_place(context)
    texts = await _prepare_texts(context, place)
    if context.settings.curriculum.pool.select in ("auto", "doubt"):  # it will need vectors, once calls are paid for
        vectors = _find_vectors(context, texts)
        _check_room(context, vectors, vectors.missing())
    domain = context.domain
    assert domain.pool_file is not None
    pool = LargePool(
        name=domain.pool_file.name,
        texts=texts,
        known=[example.text for example in domain.seeds],
        guarded=[example.text for example in (*domain.validation, *domain.test)],
        leak=context.settings.curation.leak,
    )
    context.large_pools.append(pool)
    seconds = round(time.monotonic() - start, 1)
    context.emit("pool_opened", lines=texts.counts["lines"], texts=len(texts), seconds=seconds, folder=str(place))
    return pool


def _find_place(context: RunContext) -> Path:
    """Find the folder for what is prepared: beside the file, or if nothing can be written there, in the run's."""
    domain, rules = context.domain, context.settings.curation
    file = domain.pool_file
    assert file is not None
    content = domain.fingerprint[name_file(domain.folder, file, "data.pool")]
    column = domain.file.data.columns.get("text")
    parts = (_FORMAT, content, file.suffix.lower(), column, rules.min_characters, rules.max_characters)
    key = hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:16]
    home = file.parent / CACHE
    try:
        home.mkdir(exist_ok=True)
    except OSError:
        home = context.folder.path / CACHE
    if not _can_write(home / key):
        home = context.folder.path / CACHE
    home.mkdir(exist_ok=True)
    ignored = home / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8", newline="\n")
    return home / key


def _can_write(place: Path) -> bool:
    """Whether files can be added to what is prepared: another user may have begun it, in a folder open to all."""
    folders = [place.parent, place, *place.glob("*/")]
    return all(os.access(folder, os.W_OK) for folder in folders if folder.exists())


async def _prepare_texts(context: RunContext, place: Path) -> PoolTexts:
    limit = context.settings.curriculum.pool.lines
    texts = open_texts(place, limit)
    if texts is None:
        lines = _read_unchanged(context)
        rules = context.settings.curation

        def build(hear: Callable[[int], None]) -> None:
            build_texts(place, lines, lambda text: is_valid(text, rules), hear)

        await _in_thread(build, lambda count: _tell(context, "reading", count))
        texts = open_texts(place, limit)
    if texts is None:
        raise _gone(place)
    return texts


@contextmanager
def prepared_files() -> Iterator[None]:
    """Say in one line that what was prepared is no longer there.

    Raises:
        InputError: names the file.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as exc:
        if exc.filename is None or CACHE not in Path(exc.filename).parts:
            raise
        raise _gone(exc.filename) from exc


def _gone(path: Path | str) -> InputError:
    return InputError(
        f"{path}: what was prepared of the pool is gone or damaged; let nothing delete or change it while a run uses"
        f" it; `evokd resume` makes it again (where that fails, delete {CACHE} first)"
    )


def _read_unchanged(context: RunContext) -> Iterator[tuple[int, str]]:
    """Read the pool; refuses at the end a file that is no longer the one that was checked."""
    domain = context.domain
    yield from ((line.number, line.text) for line in read_pool(domain, Layout()))
    assert domain.pool_file is not None
    for name, digest in digest_files(domain.folder, [domain.pool_file], "data.pool").items():
        if domain.fingerprint[name] != digest:
            raise InputError(
                f"{domain.pool_file}: has changed since the run was started or resumed; restore it and resume the run,"
                " or start a new one"
            )


async def open_vectors(context: RunContext, pool: LargePool) -> PoolVectors:
    """Open the vectors of a large pool; those that are not on disk yet are computed, shard by shard.

    Raises:
        InputError: the base is no model, or the disk has no room.
        StudentError: memory runs short.
    """
    start, settings = time.monotonic(), context.settings
    vectors = _find_vectors(context, pool.texts)
    missing, kind, base = vectors.missing(), settings.curriculum.pool.vectors, settings.student.base
    count = _check_room(context, vectors, missing)
    sweep(vectors.folder, "*.part")
    for shard in missing:
        _tell(context, "embedding", shard.start, len(pool.texts))
        part = await asyncio.to_thread(pool.texts.read, range(shard.start, shard.stop))
        await context.student.embed_file(base, part, kind, shard.path)
    if missing:
        seconds = round(time.monotonic() - start, 1)
        context.emit("pool_embedded", texts=count, vectors=kind, seconds=seconds, folder=str(vectors.folder))
    return vectors


def _find_vectors(context: RunContext, texts: PoolTexts) -> PoolVectors:
    """Find the folder of the vectors, by their kind and by all that decides what the base makes of a text."""
    base, kind = context.settings.student.base, context.settings.curriculum.pool.vectors
    version = hashlib.sha256(f"{base} {fingerprint(find_local(base) or locate(base))}".encode()).hexdigest()
    vectors = PoolVectors(texts.file.parents[1] / f"{kind}-{version[:16]}", len(texts))
    vectors.folder.mkdir(exist_ok=True)
    return vectors


def _count_features(context: RunContext) -> int:
    """Count the features of a vector, by the base's configuration."""
    source = find_local(context.settings.student.base)
    size = read_object(Path(source) / "config.json").get("hidden_size") if source is not None else None
    return size if isinstance(size, int) else _FEATURES


def _check_room(context: RunContext, vectors: PoolVectors, missing: Sequence[Shard]) -> int:
    """Refuse to begin what the disk has no room for; gives the number of texts without a vector."""
    texts = sum(shard.stop - shard.start for shard in missing)
    needed, free = texts * _count_features(context) * 2, shutil.disk_usage(vectors.folder).free
    if free < needed:
        raise InputError(
            f"{vectors.folder}: the vectors of {texts:,} texts need {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are"
            " free; free some, or set a smaller curriculum.pool.lines"
        )
    return texts


def _tell(context: RunContext, step: str, done: int, of: int | None = None) -> None:
    if context.progress is not None:
        context.progress.tell("pool_progress", step=step, done=done, of=of)


async def _in_thread(work: Callable[[Callable[[int], None]], None], tell: Callable[[int], None]) -> None:
    """Do long work in a thread; it ends soon after the wait for it is cancelled."""
    loop, stopped = asyncio.get_running_loop(), threading.Event()

    def hear(count: int) -> None:
        if stopped.is_set():
            raise InterruptedError("nobody waits for this any more")
        loop.call_soon_threadsafe(tell, count)

    try:
        await asyncio.to_thread(work, hear)
    finally:
        stopped.set()
