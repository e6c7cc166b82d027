"""`evokd send`."""

from pathlib import Path

from evokd.cli.options import MlflowTo, NoContent, Run, RunsDir, TraceTo


def send(
    run: Run,
    trace: TraceTo = None,
    mlflow: MlflowTo = None,
    no_content: NoContent = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Send the record of a run into other tools. Sent twice, it stands there once.

    \b
    Examples:
      evokd send my_run --trace http://127.0.0.1:6006
      evokd send example --mlflow sqlite:///mlflow.db
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.exporting import check_content

    check_content(trace, no_content)
    for count, unit, address in api.send_run(run, trace, mlflow, not no_content, runs_dir):
        console.say(f"{count:,} {unit} sent to {address}")
