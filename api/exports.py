"""Send the record of a run into other tools: while it goes on, or afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evokd.api.record import Run, open_run
from evokd.api.runs import Event
from evokd.exporters.delivery import DeliveryError, Exporter
from evokd.exporters.live import LiveExport, Undelivered
from evokd.exporters.mlflow import MlflowExporter
from evokd.exporters.otlp import OtlpExporter
from evokd.exporters.source import RunSource
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import EvokdError, InputError

__all__ = ["Exports", "Undelivered", "send_run", "exporting"]

_LIVE_TIMEOUT = 5.0
"""Seconds for a request beside a run."""
LATER_TIMEOUT = 30.0
"""Seconds for a request about a finished run, its repetitions included."""


class Exports:
    """Listens to a run and sends it on; `on_event` of `run` and `resume` takes it."""

    def __init__(self, live: LiveExport) -> None:
        self._live = live
        self.undelivered: list[Undelivered] = []
        """What was not delivered, once the run is over."""

    def __call__(self, event: Event) -> None:
        """Take an event of the run."""
        self._live.take(event.to_json())

    def close(self) -> None:
        """Wait some seconds for what is under way, and note what was not delivered."""
        self.undelivered = self._live.close()


@contextmanager
def exporting(trace: str | None = None, mlflow: str | None = None, content: bool = True) -> Iterator[Exports]:
    """Send a run into other tools while it goes on; what it yields is given to `on_event`.

    Args:
        trace: address of a receiver of OTLP/HTTP, or `env` for OpenTelemetry's variables; None: no spans are sent.
        mlflow: a tracking store of MLflow; None: none.
        content: whether the spans hold what models and users wrote.

    Raises:
        InputError: a package is missing, or an address is none.
    """
    exports = Exports(LiveExport(_make(trace, mlflow, content, _LIVE_TIMEOUT), _locate))
    try:
        yield exports
    finally:
        exports.close()


def send_run(
    run: str | Path | Run,
    trace: str | None = None,
    mlflow: str | None = None,
    content: bool = True,
    runs_dir: str | Path = "runs",
) -> list[tuple[int, str, str]]:
    """Send the record of a run into other tools. What is sent twice has the same ids.

    Args:
        run: the run, its folder, or its id in `runs_dir`; `example` is the shipped example.
        trace: see `exporting`.
        mlflow: see `exporting`.
        content: see `exporting`.
        runs_dir: folder that holds the runs.

    Returns:
        For each receiver: how much was sent, of what, and where to.

    Raises:
        InputError: there is no such run, a package is missing, or an address is none.
        EvokdError: a receiver did not take it.
    """
    exporters = _make(trace, mlflow, content, LATER_TIMEOUT)
    if not exporters:
        raise InputError("say where to send the run: --trace URL, --mlflow URI, or both")
    source = _source(open_run(run, runs_dir).folder)
    sent = []
    for exporter in exporters:
        count = exporter.count_left(source, 0, ended=True)
        try:
            exporter.send(source, 0, ended=True)
        except DeliveryError as exc:
            left = exporter.count_left(source, 0, ended=True)
            raise EvokdError(
                f"{exporter.address}: {left:,} of {count:,} {exporter.unit} were not delivered ({exc})"
            ) from exc
        sent.append((count, exporter.unit, exporter.address))
    return sent


def _make(trace: str | None, mlflow: str | None, content: bool, timeout: float) -> list[Exporter]:
    exporters: list[Exporter] = []
    if trace is not None:
        exporters.append(OtlpExporter(trace, content, timeout))
    if mlflow is not None:
        exporters.append(MlflowExporter(mlflow))
    return exporters


def _locate(folder: str) -> RunSource:
    return _source(RunFolder(Path(folder)))


def _source(folder: RunFolder) -> RunSource:
    return RunSource(
        run_id=folder.run_id,
        folder=folder.path,
        events=folder.events,
        ledger=folder.ledger,
        summary=folder.summary,
        config=folder.config,
        student=folder.student,
    )
