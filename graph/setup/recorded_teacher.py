"""The recorded teacher of a run: what a language model once wrote and labelled for its domain."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.agents.output_schemas import output_schema
from evokd.graph.setup.domain import Domain, digest_files
from evokd.graph.setup.run_settings import Settings
from evokd.graph.setup.unlabeled_pool import read_pool, tell_layout, use_lines
from evokd.messages import InputError
from evokd.simulator.recording import LABELLED, WRITTEN, Recording, read_recording
from evokd.student.reading.layout import Layout
from evokd.student.similar_texts import normalise
from evokd.student.tasks.spelling import spell
from evokd.tracing.ledger import Ledger

if TYPE_CHECKING:
    import httpx2


def find_recording(domain: Domain, settings: Settings) -> Path:
    """Find the folder of the recording.

    Raises:
        InputError: there is none.
    """
    named = settings.rehearsal.recording
    folder = Path(named).resolve() if named is not None else domain.recording
    if folder is None:
        raise InputError(
            f"{domain.folder / 'domain.yaml'}: no recorded teacher: a folder `llm` beside it, or one named under"
            f" rehearsal.recording, must hold {WRITTEN} (and {LABELLED} for a pool)"
        )
    if named is not None and not folder.is_dir():
        told = "no such folder; name it with --set rehearsal.recording=FOLDER"
        raise InputError(f"rehearsal.recording: {folder}: {told}")
    return folder


def add_recording(domain: Domain, settings: Settings) -> Domain:
    """Prepare a domain for its recording: the pool becomes the texts to which the recorded Labeler has an answer.

    Raises:
        InputError: there is no recording, or a row of it is faulty.
    """
    folder = find_recording(domain, settings)
    if output_schema(domain.codec.name).has_sets:
        told = f"a recording holds texts with one label or with entities, not for task {domain.codec.name}"
        raise InputError(f"{folder}: {told}; use a rehearsal or a language model")
    recording = read_recording(folder)
    _check_labels(recording, domain)
    files = [folder / name for name in (WRITTEN, LABELLED) if (folder / name).is_file()]
    prints = dict(domain.fingerprint)
    for file in files:
        prints |= digest_files(domain.folder, [file], f"rehearsal.recording/{file.name}")
    domain = replace(domain, recording=folder, fingerprint=prints)
    if settings.rows.pool == 0:
        return domain
    if not recording.verdicts:
        told = f"{folder / LABELLED}: missing or empty, so real texts cannot be labelled: there is no pool"
        return replace(domain, notes=(*domain.notes, told))
    lines = list(enumerate(recording.lines, start=1))
    if domain.pool_file is not None:
        layout = Layout()
        own = {normalise(line.text) for line in read_pool(domain, layout)}
        domain = tell_layout(domain, domain.pool_file, layout)
        lines = [(number, text) for number, text in lines if normalise(text) in own]
        if not lines:
            raise InputError(
                f"{folder / LABELLED}: none of its texts is in {domain.pool_file}, so no line of the pool has a"
                " recorded label; name the file that the recording was made from, or leave data.pool out"
            )
    return use_lines(domain, settings, folder / LABELLED, lines)


def _check_labels(recording: Recording, domain: Domain) -> None:
    """Refuse labels that the domain does not have."""
    known = set(domain.codec.labels)
    written = [(WRITTEN, row.text, row.labels) for rows in recording.written.values() for row in rows]
    labelled = [(LABELLED, row.text, row.given_labels) for row in recording.verdicts.values()]
    for name, text, labels in (*written, *labelled):
        strange = [label for label in labels if spell(label, domain.codec.labels) not in known]
        if strange:
            hint = f"this domain has {', '.join(domain.codec.labels)}"
            raise InputError(f"{recording.folder / name}: {text[:60]!r} has the unknown label {strange[0]!r}; {hint}")


def make_transport(domain: Domain, seed: int, ledger: Ledger) -> "httpx2.AsyncBaseTransport":
    """Serve the recording in this process; the lesson plans in the ledger say which texts were already used.

    Args:
        domain: with its recording.
        seed: of the order of the texts.
        ledger: the run's ledger.
    """
    import httpx2

    from evokd.simulator.app import serve_answers
    from evokd.simulator.recorded import RecordedTeacher

    assert domain.recording is not None
    recording = read_recording(domain.recording)

    def history(lesson: str) -> Sequence[Mapping[str, Any]]:
        return [plan for name, plan in ledger.lesson_plans() if _comes_before(name, lesson)]

    texts = sum(map(len, recording.written.values()))
    return httpx2.ASGITransport(app=serve_answers(RecordedTeacher(recording, seed, history).answer, seed, texts))


def _comes_before(one: str, other: str) -> bool:
    """Compare lesson ids such as c002-l10: by cycle, then by number."""
    return (len(one), one) < (len(other), other)
