"""The YAML head of a card: what the model hub reads of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData

from evokd.release.facts import RunFacts, Score
from evokd.student.base import EMBEDDED

EMBEDDED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
"""What the embedded base is called on the Hub; its licence is Apache-2.0."""
_METRICS = {"macro_f1": "f1", "entity_f1": "f1", "accuracy": "accuracy", "micro_f1": "f1", "exact_match": "exact_match"}
"""Our metric -> what the Hub calls it."""
_DIGITS = 4
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def name_base(base: str | None) -> str | None:
    """The base's name on the Hub; None where it is a folder, or nothing is known of it."""
    if base is None or base == EMBEDDED:
        return EMBEDDED_NAME if base else None
    return None if Path(base).expanduser().exists() or Path(base).is_absolute() else base


def write_head(card: Any) -> str:
    """Write a head as it stands at the top of a README."""
    return f"---\n{card.to_yaml().strip()}\n---\n"


def _as_code(language: str | None) -> str | None:
    """A language as the Hub names it; None where it is given in words."""
    return language.lower() if language and _LANGUAGE.fullmatch(language) else None


def describe_model(
    facts: RunFacts | None, pipeline: str, library: str, licence: str | None, title: str, base: str | None
) -> str:
    """Write the head of a model card.

    Args:
        facts: of the run; None where a student folder alone is known. Scores on rows that the model has learned since
            are left out.
        pipeline: what the Hub calls the task.
        library: `transformers` or `onnx`.
        licence: as the Hub names it; None: none was chosen, and none is claimed.
        title: name of the model.
        base: name of its base on the Hub.
    """
    scores = [score for score in facts.scores if not (facts.refit and score.split == "validation")] if facts else []
    tags = ["evokd", "knowledge-distillation", *(["rehearsal"] if facts and facts.stand_in else [])]
    return write_head(
        ModelCardData(
            language=_as_code(facts.language) if facts else None,
            license=licence,
            library_name=library,
            base_model=base,
            pipeline_tag=pipeline,
            tags=tags,
            metrics=sorted({_METRICS.get(score.metric, score.metric) for score in scores}) or None,
            model_name=title,
            eval_results=[_to_result(score, pipeline, facts.domain) for score in scores] if facts and scores else None,
        )
    )


def _to_result(score: Score, pipeline: str, domain: str) -> EvalResult:
    interval = None if score.low is None else {"interval_95": [score.low, score.high]}
    return EvalResult(
        task_type=pipeline,
        dataset_type=domain,
        dataset_name=f"{domain} ({score.split} rows of the user)",
        dataset_split=score.split,
        dataset_args=None if score.rows is None else {"rows": score.rows},
        metric_type=_METRICS.get(score.metric, score.metric),
        metric_name=score.metric,
        metric_value=round(score.value, _DIGITS),
        metric_args=interval,
    )


def describe_dataset(
    facts: RunFacts, pipeline: str, licence: str | None, files: Sequence[tuple[str, str]], rows: int
) -> str:
    """Write the head of a data card.

    Args:
        facts: of the run.
        pipeline: what the Hub calls the task.
        licence: as the Hub names it; None: none was chosen.
        files: split and path of each data file that is to be loaded.
        rows: in all splits.
    """
    size = next((name for most, name in _SIZES if rows < most), "100K<n<1M")
    return write_head(
        DatasetCardData(
            language=_as_code(facts.language),
            license=licence,
            task_categories=[pipeline],
            size_categories=[size],
            tags=["evokd", "synthetic", *(["rehearsal"] if facts.stand_in else [])],
            pretty_name=f"{facts.domain}, run {facts.run_id}",
            configs=[
                {
                    "config_name": "default",
                    "data_files": [{"split": split, "path": path} for split, path in files],
                }
            ],
        )
    )
