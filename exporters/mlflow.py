"""A run of EvoKD as a run of MLflow. Needs the extra `mlflow`."""

import logging
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from evokd.exporters.delivery import DeliveryError, check_address, hide_secrets, is_installed
from evokd.exporters.source import RunSource
from evokd.exporters.spans import trace_id
from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean
from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import CURATION, GATE, TRAINING
from evokd.tracing.summary import read_summary
from evokd.tracing.timeline import Timeline

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

EXPERIMENT = "evokd"
_OWN_TAG = "evokd.trace"
"""Finds the run again when it is exported once more."""
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
"""MLflow's own usage reports are off, and an outage does not last; who sets a variable has the last word."""
_LONGEST = 500
"""Characters of a parameter, which MLflow limits."""
_AT_ONCE = 100
"""Parameters or metrics per request, which MLflow limits."""


class MlflowExporter:
    """Keeps a run in a tracking store of MLflow.

    Parameters are the settings, metrics come once per cycle (its number is their step), and the files of the run are
    artefacts. Texts, prompts and replies are not sent.

    Args:
        uri: `sqlite:///FILE` or the address of a tracking server.

    Raises:
        InputError: the extra is not installed, or MLflow cannot use the address.
    """

    unit = "figures"

    def __init__(self, uri: str) -> None:
        if not (is_installed("mlflow") and is_installed("sqlalchemy")):
            raise InputError("--mlflow needs MLflow: pip install 'evokd[mlflow]'")
        if uri.startswith("sqlite:///"):
            file = Path(uri.removeprefix("sqlite:///"))
            if file.is_dir() or not file.parent.is_dir():  # MLflow would try again for minutes
                raise InputError(f"--mlflow: {file}: expected a file in a folder that is there")
        else:
            if not uri.startswith(("http://", "https://")):
                raise InputError(
                    f"--mlflow: expected sqlite:///FILE or the address of a server, got {hide_secrets(uri)!r}"
                )
            check_address(uri, "--mlflow")
        self._uri = uri
        self.address = hide_secrets(uri)
        self.option = f"--mlflow {self.address}"
        self._run: str | None = None
        self._cycles = 0
        self._whole = False

    def send(self, source: RunSource, cycles: int, ended: bool) -> None:
        """Send the cycles that were not sent yet; see `delivery.Exporter`."""
        if not self.count_left(source, cycles, ended):
            return
        timeline = source.read_times()
        ledger = source.open_ledger()
        try:
            self._send(source, timeline, ledger, timeline.last_cycle + 1 if ended else cycles)
            self._whole = ended
        except EvokdError:
            raise
        except Exception as exc:  # MLflow hands on what its store, its server or its driver raises
            raise DeliveryError(_tell(exc)) from exc
        finally:
            ledger.close()

    def _send(self, source: RunSource, timeline: Timeline, ledger: Ledger, cycles: int) -> None:
        client = _connect(self._uri)
        run = self._run = self._run or _find_run(client, self._uri, source, timeline)
        for cycle in range(self._cycles, cycles):
            client.log_batch(run, metrics=list(_cycle_metrics(timeline, ledger, cycle)))
            self._cycles = cycle + 1
        if timeline.ended:
            _finish(client, run, source, timeline)

    def count_left(self, source: RunSource, cycles: int, ended: bool) -> int:
        """Count the cycles that were not sent, and the end of the run."""
        total = source.read_times().last_cycle + 1 if ended else cycles
        return max(0, total - self._cycles) + (ended and not self._whole)


def _connect(uri: str) -> "MlflowClient":
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri)


def _tell(exc: Exception) -> str:
    text = str(exc)
    return "it cannot be reached" if "Max retries exceeded" in text else clean(text.partition("\n")[0], 200)


def _find_run(client: "MlflowClient", uri: str, source: RunSource, timeline: Timeline) -> str:
    """Find the run, or make it with its parameters; returns MLflow's id for it."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT, _artifact_root(uri))
    name = f"{trace_id(timeline):032x}"
    found = client.search_runs([number], f"tags.`{_OWN_TAG}` = '{name}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    keys = ("domain", "task", "preset", "teacher", "student", "rehearsal")
    tags = {
        _OWN_TAG: name,
        "evokd.run": timeline.run_id,
        **{f"evokd.{key}": clean(str(timeline.opening.get(key)), _LONGEST) for key in keys},
    }
    run = client.create_run(number, timeline.start // 1_000_000, tags, timeline.run_id)
    _log_parameters(client, run.info.run_id, source)
    return str(run.info.run_id)


def _artifact_root(uri: str) -> str | None:
    """Where artefacts go: beside the file of a local store; a server has its own place."""
    if not uri.startswith("sqlite:///"):
        return None
    return str(Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts")


def _log_parameters(client: "MlflowClient", run: str, source: RunSource) -> None:
    from mlflow.entities import Param

    settings = yaml.safe_load(source.config.read_text(encoding="utf-8")).get("settings", {})
    params = [Param(key, clean(str(value), _LONGEST)) for key, value in flatten_settings(settings)]
    for first in range(0, len(params), _AT_ONCE):
        client.log_batch(run, params=params[first : first + _AT_ONCE])


def flatten_settings(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """List settings by their dotted keys; those that are not set, and addresses, are left out."""
    for key, value in tree.items():
        dotted = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from flatten_settings(value, f"{dotted}.")
        elif value is not None and key not in ("base_url", "api_key_env"):
            yield dotted, value


def _cycle_metrics(timeline: Timeline, ledger: Ledger, cycle: int) -> "Iterator[Metric]":
    from mlflow.entities import Metric

    usage = ledger.usage(cycle)
    gate = ledger.cycle_record(cycle, GATE)
    curation = ledger.cycle_record(cycle, CURATION)
    training = ledger.cycle_record(cycle, TRAINING)
    figures: dict[str, float | None] = {
        "gate.before": gate["before"] if gate else None,
        "gate.after": gate["after"] if gate else None,
        "gate.promoted": float(gate["promoted"]) if gate and name_outcome(gate) != "nothing trained" else None,
        "accepted": curation["accepted"] if curation else None,
        "drafts": curation["drafts"] if curation else None,
        "calls": usage["calls"],
        "tokens.input": usage["input_tokens"],
        "tokens.output": usage["output_tokens"],
        "cost_usd": usage["cost_usd"],
        "training.loss": training["loss"] if training else None,
        "training.seconds": training["seconds"] if training else None,
        **{f"seconds.{node}": seconds for node, seconds in ledger.times(cycle).items()},
    }
    ends = [node.end for node in timeline.nodes if node.cycle == cycle]
    at = max(ends, default=timeline.end) // 1_000_000
    for name, value in figures.items():
        if value is not None:
            yield Metric(name, float(value), at, cycle)


def _finish(client: "MlflowClient", run: str, source: RunSource, timeline: Timeline) -> None:
    from mlflow.entities import Metric

    summary = read_summary(source.summary) or {}
    at, last = timeline.end // 1_000_000, timeline.last_cycle
    scores = [
        Metric(f"{when}.{split}.{metric}", float(score), at, last)
        for when in ("start", "final")
        for split, metrics in (summary.get(when) or {}).items()
        for metric, score in (metrics or {}).items()
        if isinstance(score, int | float)
    ]
    client.log_batch(run, metrics=scores[:_AT_ONCE])
    client.set_tag(run, "evokd.stop_reason", clean(str(summary.get("stop_reason")), _LONGEST))
    client.set_tag(run, "evokd.exported", datetime.now(UTC).isoformat(timespec="seconds"))
    for path in (source.summary, source.config, source.folder / "report.html", source.student / "README.md"):
        if path.is_file():
            client.log_artifact(run, str(path))
    client.set_terminated(run, "FINISHED", at)
