"""A run in a local store of MLflow. `make mlflow` runs what needs the package."""

import importlib.util
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from evokd.exporters.delivery import DeliveryError
from evokd.exporters.mlflow import MlflowExporter, flatten_settings
from evokd.messages import InputError
from tests.conftest import ServeApp
from tests.exporters.receiver import source_of

needs_mlflow = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mlflow", "sqlalchemy")),
    reason="needs evokd[mlflow]: make mlflow",
)


def test_settings_are_listed_by_dotted_key_without_addresses() -> None:
    tree = {"teacher": {"model": "m", "base_url": "http://h", "roles": {"analyst": {"model": None}}}, "seed": 0}
    assert dict(flatten_settings(tree)) == {"teacher.model": "m", "seed": 0}


@pytest.mark.parametrize("uri", ["runs", "file:///runs", "sqlite", "http://", "databricks"])
def test_what_is_no_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evokd.exporters.mlflow.is_installed", lambda name: True)
    with pytest.raises(InputError, match="--mlflow"):
        MlflowExporter(uri)


@needs_mlflow
@pytest.mark.filterwarnings("default")  # of MLflow and what it imports
def test_the_store_holds_the_run_once_however_often_it_is_sent(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    source = source_of("example")
    live = MlflowExporter(uri)
    live.send(source, 2, ended=False)  # cycle by cycle, as beside a run
    assert live.count_left(source, 2, ended=False) == 0
    live.send(source, 2, ended=True)
    assert live.count_left(source, 2, ended=True) == 0
    MlflowExporter(uri).send(source, 0, ended=True)  # as `evokd send` does later

    client = MlflowClient(tracking_uri=uri)
    (run,) = client.search_runs([client.get_experiment_by_name("evokd").experiment_id])
    assert (run.info.run_name, run.info.status) == ("tickets", "FINISHED")
    assert run.data.params["student.steps"] == "60"
    assert not any("base_url" in key for key in run.data.params)
    assert run.data.tags["evokd.stop_reason"] == "budget.samples"
    history = client.get_metric_history(run.info.run_id, "gate.after")
    assert [(point.step, round(point.value, 3)) for point in history] == [
        (0, 0.498),
        (1, 0.563),
        (2, 0.712),
        (3, 0.766),
    ]
    tokens = client.get_metric_history(run.info.run_id, "tokens.input")
    assert sum(point.value for point in tokens) == 23_333
    assert run.data.metrics["final.test.macro_f1"] == 0.6649
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {"config.yaml", "summary.json"}
    assert (tmp_path / "mlartifacts").is_dir()


@needs_mlflow
@pytest.mark.filterwarnings("default")
def test_a_store_or_a_server_that_fails_is_told_in_one_line(tmp_path: Path, serve_app: ServeApp) -> None:
    (tmp_path / "mlflow.db").write_text("no database", encoding="utf-8")
    broken = Starlette(routes=[Route("/{path:path}", lambda request: Response("out of order\n", 400))])
    for uri in (f"sqlite:///{tmp_path / 'mlflow.db'}", serve_app(broken)):
        with pytest.raises(DeliveryError) as failed:
            MlflowExporter(uri).send(source_of("example"), 0, ended=True)
        assert "\n" not in str(failed.value)


@pytest.mark.parametrize("place", ["folder", "missing/mlflow.db"])
def test_a_place_where_no_file_can_be_is_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evokd.exporters.mlflow.is_installed", lambda name: True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="expected a file in a folder that is there"):
        MlflowExporter(f"sqlite:///{tmp_path / place}")


@needs_mlflow
@pytest.mark.filterwarnings("default")
def test_mlflow_reports_nothing_about_its_use(tmp_path: Path) -> None:
    MlflowExporter(f"sqlite:///{tmp_path / 'mlflow.db'}").send(source_of("example"), 1, ended=False)
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
