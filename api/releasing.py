"""Take a student or the texts of a run away: model folders, ONNX files, data sets; and push them to the model hub."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evokd.api.blocking import call_blocking
from evokd.api.record import Run, open_run
from evokd.api.run_content import read_run
from evokd.graph.setup.domain import find_domain
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.messages import EvokdError, InputError, is_label_set
from evokd.messages.suggest import suggest
from evokd.release.agreement import FEW_TEXTS
from evokd.release.conll import write_conll
from evokd.release.dataset import Collection, add_lineage, collect, write_dataset
from evokd.release.facts import STAND_INS, RunFacts, Score, count_samples, find_texts, name_prompts, name_teachers
from evokd.release.hub import check_push, push
from evokd.release.model_card import CardOptions
from evokd.release.models import Material, export_hf, export_onnx
from evokd.release.onnx_model import check_packages
from evokd.release.student_folder import open_student
from evokd.release.target import check_target
from evokd.student.base_config import RECORD
from evokd.tracing.ledger import Ledger, open_ledger
from evokd.tracing.view_rows import SplitRow, rows_of

MODELS = ("hf", "onnx")
FORMS = (*MODELS, "dataset", "conll")
ALSO_CALLED = {"jsonl": "dataset"}
"""Other names of forms."""
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.-]*")
_SPLITS = ("seeds", "validation", "test")


@dataclass(frozen=True)
class Export:
    """What was exported."""

    folder: Path
    told: list[str]
    """What was written and measured, for people."""
    address: str | None = None
    """Where it was pushed to."""


@dataclass(frozen=True)
class _Source:
    """What is exported: the student, and the run that made it, where that is known."""

    student: Path
    run: Run | None


def export(
    run: str | Path | Run,
    form: str,
    to: str | Path,
    *,
    with_own_rows: bool = False,
    licence: str | None = None,
    push_to: str | None = None,
    public: bool = False,
    runs_dir: str | Path = "runs",
) -> Export:
    """Write a student, or the texts of a run, into a folder of its own.

    Args:
        run: the run, its folder, its id in `runs_dir`, or the folder of a student.
        form: `hf` (plain transformers), `onnx`, `dataset` (also called `jsonl`) or `conll`.
        to: folder that is new or empty.
        with_own_rows: whether a data set holds the user's own texts.
        licence: of what is exported, as the model hub names it; None: none is claimed.
        push_to: repository of the model hub, OWNER/NAME; its token is in `HF_TOKEN`.
        public: whether everybody may see a repository that is made.
        runs_dir: folder that holds the runs.

    Raises:
        InputError: there is no such run, student or format, or something lies in the folder; nothing was written.
        EvokdError: it cannot be written or pushed.
    """
    target, form = Path(to).expanduser(), ALSO_CALLED.get(form, form)
    _check_options(form, with_own_rows, licence, push_to, public)
    source = _find_source(run, runs_dir, form)
    check_target(target)
    if form == "onnx":
        check_packages()
    if push_to is not None:
        check_push(push_to)
    write = _write_model if form in MODELS else _write_texts
    told = call_blocking(lambda: write(source, form, target, licence, push_to, with_own_rows))
    address = None
    if push_to is not None:
        address = push(target, push_to, "model" if form in MODELS else "dataset", public)
    return Export(target, told, address)


def _check_options(form: str, with_own_rows: bool, licence: str | None, push_to: str | None, public: bool) -> None:
    if form not in FORMS:
        raise InputError(f"--format {form!r}: give {', '.join(FORMS[:-1])} or {FORMS[-1]}{suggest(form, FORMS)}")
    if with_own_rows and form in MODELS:
        raise InputError(f"--with-own-rows goes with --format dataset or conll; --format {form} holds no texts")
    if public and push_to is None:
        raise InputError("--public goes with --push")
    if licence is not None and not _LICENCE.fullmatch(licence):
        raise InputError(f"--license {licence!r}: give the model hub's name, such as apache-2.0, mit or cc-by-4.0")


def _find_source(name: str | Path | Run, runs_dir: str | Path, form: str) -> _Source:
    """Find what is exported: a student folder by its path, or a run, which has a student where that is exported."""
    if not isinstance(name, Run):
        path = Path(name)
        if (path / RECORD).is_file():
            parent = RunFolder(path.resolve().parent)
            is_of_run = parent.student == path.resolve() and parent.config.is_file() and parent.ledger.is_file()
            return _Source(path, Run(parent) if is_of_run else None)
    run = open_run(name, runs_dir)
    return _Source(run.find_student() if form in MODELS else run.student, run)


# ------------------------------------------------------------------------------------------------------------ models


def _write_model(
    source: _Source, form: str, target: Path, licence: str | None, push_to: str | None, _own: bool
) -> list[str]:
    student = open_student(source.student)
    facts, material = None, Material()
    if source.run is not None and source.run.has_ended:
        facts = read_facts(source.run)
        with closing(open_ledger(source.run.folder.ledger)) as ledger:
            material = find_material(ledger)
    domain = facts.domain if facts else source.student.resolve().name
    options = CardOptions(licence, place=push_to or ".", title=push_to or f"{domain}: student")
    write = export_hf if form == "hf" else export_onnx
    return write(student, facts, material, target, options)


def find_material(ledger: Ledger) -> Material:
    """The texts of a run on which an exported student is checked; test rows are scored, or else validation rows."""
    stored = {split: _read_split(ledger, split) or [] for split in _SPLITS}
    labelled = stored["test"] or stored["validation"]
    own = [row["text"] for split in ("test", "validation", "seeds") for row in stored[split]]
    return Material(find_texts(ledger, FEW_TEXTS, own), [(row["text"], row["gold"]) for row in labelled])


# ------------------------------------------------------------------------------------------------------------- texts


def _write_texts(
    source: _Source, form: str, target: Path, licence: str | None, push_to: str | None, with_own_rows: bool
) -> list[str]:
    run = source.run
    if run is None:
        raise InputError(f"{source.student}: a student's folder holds no texts; give its run for --format {form}")
    if not run.has_ended:
        raise InputError(
            f"{run.path}: has not ended, so its data set is not written; go on with: evokd resume {run.path}"
        )
    facts = read_facts(run)
    if form == "conll" and facts.task != "ner":
        raise InputError(
            f"--format conll is for entities, and the task of {run.id} is {facts.task}; use --format dataset"
        )
    collection = _collect(run, with_own_rows)
    if form == "conll":
        return write_conll(collection, target)
    options = CardOptions(licence, place=push_to or ".", title=push_to or f"{facts.domain}: texts")
    return write_dataset(collection, facts, target, options)


def _collect(run: Run, with_own_rows: bool) -> Collection:
    rows = _read_dataset(run)
    with closing(open_ledger(run.folder.ledger)) as ledger:
        own = {split: _read_own(ledger, split) for split in _SPLITS}
        return collect(add_lineage(ledger, rows), own, with_own_rows)


def _read_own(ledger: Ledger, split: str) -> list[dict[str, Any]] | None:
    """The user's rows of a split in the data format; [] where there is no such split."""
    rows = _read_split(ledger, split)
    if rows is None:
        return None
    # an empty list alone does not say what it lacks
    key = _answer_key(next((row["gold"] for row in rows if row["gold"]), []))
    return [{"text": row["text"], key: row["gold"]} for row in rows]


def _read_split(ledger: Ledger, split: str) -> list[SplitRow] | None:
    """The stored rows of a split; None where it was too large to be stored, [] where there is none."""
    stored = ledger.cycle_record(0, rows_of(split))
    if stored is None:
        return []
    return None if stored.get("left_out") else stored["rows"]


def _answer_key(gold: Any) -> str:
    if is_label_set(gold):
        return "labels"
    return "label" if isinstance(gold, str) else "entities"


def _read_dataset(run: Run) -> list[dict[str, Any]]:
    path = run.folder.dataset
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except FileNotFoundError as exc:
        raise InputError(f"{path}: is missing, so there are no texts to export; restore it or start a new run") from exc
    except (OSError, ValueError) as exc:
        raise EvokdError(f"{path}: cannot be read ({' '.join(str(exc).split())}); restore it") from exc


# ------------------------------------------------------------------------------------------------------------- facts


def read_facts(run: Run) -> RunFacts:
    """Read what cards tell of a run that has ended."""
    summary, config = run.summary or {}, read_config(run.folder)
    domain = _read_domain(config)
    reviewed = sum(bool(row.get("reviewed_by")) for row in (_read_dataset(run) if run.folder.dataset.is_file() else []))
    with closing(open_ledger(run.folder.ledger)) as ledger:
        teachers = name_teachers(ledger) or [str(summary["teacher"])]
        prompts, samples = name_prompts(ledger, config), count_samples(ledger, reviewed)
    totals = summary["totals"]
    stand_in = summary["teacher"] if summary["teacher"] in STAND_INS else "rehearsal" if summary["rehearsal"] else None
    return RunFacts(
        run_id=run.id,
        domain=summary["domain"],
        task=summary.get("task") or "classification",
        preset=summary["preset"],
        teachers=[f"the {stand_in} teacher"] if stand_in else teachers,
        stand_in=stand_in,
        base=summary["student"],
        seed=summary["seed"],
        cycles=max((cycle["cycle"] for cycle in summary["cycles"]), default=0),
        tokens=(totals["input_tokens"], totals["output_tokens"]),
        tokens_estimated=totals["tokens_estimated"],
        cost_usd=totals["cost_usd"],
        prompts=prompts,
        scores=_read_scores(run, summary),
        samples=samples,
        refit=summary.get("refit", 0),
        language=domain.get("language", "en") if domain else None,
        description=domain.get("description"),
        labels={str(label): str(meaning or "") for label, meaning in (domain.get("labels") or {}).items()},
        version=str(config["versions"].get("evokd", "")),
    )


def _read_scores(run: Run, summary: Mapping[str, Any]) -> list[Score]:
    scores = []
    shown = read_run(run)["overview"]["scores"]
    for split in ("test", "validation"):
        found = shown.get(split)
        if not found:
            continue
        interval = found["intervals"][1] if found["intervals"] else None
        scores.append(
            Score(
                split=split,
                metric=summary["metric"],
                value=found["final"],
                start=found["start"],
                rows=found["rows"],
                low=interval["low"] if interval else None,
                high=interval["high"] if interval else None,
            )
        )
    return scores


def _read_domain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The run's `domain.yaml`; {} where it is gone or not what it was when the run began."""
    for folder in (str(config["domain_folder"]), str(config.get("domain", ""))):
        try:
            raw = (find_domain(folder) / "domain.yaml").read_bytes()
            if hashlib.sha256(raw).hexdigest() == config["data"].get("domain.yaml"):
                read = yaml.safe_load(raw)
                return read if isinstance(read, dict) else {}
        except (EvokdError, OSError, ValueError, yaml.YAMLError):
            continue
    return {}
