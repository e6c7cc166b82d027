"""Which rows of a file the student of a run has met: it was trained on them, or chosen by them, so a score flatters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evokd.api.record import Run
from evokd.graph.setup.config_layers import ConfigSource, build_settings
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.few_shot_sampling import choose_rows
from evokd.graph.setup.run_folder import read_config
from evokd.graph.setup.run_settings import Settings
from evokd.messages import InputError
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.tracing.view_rows import rows_of

_Split = Literal["seeds", "validation"]


@dataclass(frozen=True)
class FamiliarRows:
    """How many rows a student has met, in the sense of the leak guard: the same text, or nearly the same."""

    rows: int
    """Rows that were looked at."""
    trained_on: int
    chosen_by: int
    """Rows by which the student was chosen among others, without being trained on them."""
    unknown: tuple[str, ...]
    """Splits of which the run has no record, so that rows from there are not counted."""

    def tell(self) -> Iterator[str]:
        """Say what of this makes a score too high; nothing where nothing does."""
        told = []
        if self.trained_on:
            told.append(f"trained on {self.trained_on:,}")
        if self.chosen_by:
            told.append(f"chosen by {self.chosen_by:,}")
        if told:
            rows = "row" if self.rows == 1 else f"{self.rows:,} rows"
            met = f"the student was {' and '.join(told)} of the {rows} (or nearly the same texts)"
            yield f"{met}, so the score flatters; a true one needs rows that the run has not seen"
        for split in self.unknown:
            why = f"the run kept no record of so many {split}, and their file has changed"
            yield f"whether the student was trained on the rows is known in part only: {why}"


def find_familiar(run: Run, texts: Sequence[str]) -> FamiliarRows | None:
    """Count the texts that the student of a run has met; None where the run has no record.

    Args:
        run: a finished run.
        texts: of the rows that it is to be scored on.

    Raises:
        EvokdError: the record is damaged.
    """
    if not run.folder.ledger.is_file():
        return None
    config = read_config(run.folder)
    settings = build_settings([ConfigSource(str(run.folder.config), config["settings"])])
    known = {split: _list_split(run, split, config, settings) for split in ("seeds", "validation")}
    samples = run.samples()
    learned = [sample.text for sample in samples if (sample.state, sample.purpose) == ("accepted", "train")]
    judged = [sample.text for sample in samples if (sample.state, sample.purpose) == ("accepted", "gate")]
    is_refit = bool((run.summary or {}).get("refit"))
    validation = known["validation"] or []
    trained = SimilarTexts([*(known["seeds"] or []), *learned, *(validation if is_refit else [])])
    chosen = SimilarTexts([*judged, *validation])
    counts = {"trained": 0, "chosen": 0}
    for form in map(normalise, texts):
        if form in trained or trained.has_like(form, settings.curation.leak):
            counts["trained"] += 1
        elif form in chosen or chosen.has_like(form, settings.curation.leak):
            counts["chosen"] += 1
    unknown = tuple(split for split, rows in known.items() if rows is None)
    return FamiliarRows(len(texts), counts["trained"], counts["chosen"], unknown)


def _list_split(run: Run, split: _Split, config: dict[str, Any], settings: Settings) -> list[str] | None:
    """List the texts of a split as the run had it; None where neither its record nor the domain's files tell them."""
    with run.ledger() as ledger:
        record = ledger.cycle_record(0, rows_of(split))
    if record is None:
        return []
    if not record.get("left_out"):
        return [row["text"] for row in record["rows"]]
    try:
        domain = load_domain(Path(config["domain_folder"]))
    except InputError:
        return None
    names = [name for use, name in config.get("files", {}).items() if use in ("seeds", "validation")]
    if not names or any(domain.fingerprint.get(name) != config["data"].get(name) for name in names):
        return None
    drawn = choose_rows(domain, settings.rows, settings.seed, served=settings.teacher.is_rehearsal())
    return [row.text for row in getattr(drawn, split)]
