"""Make the example of a shipped domain from a finished run with a language model: the files that `evokd show` reads.

    python benchmarks/make_example.py runs/RUN domains/support_tickets

It leaves out the student's weights, the checkpoints, and what reveals where the run was made: folders, and the address
of the endpoint.
"""

import argparse
import json
import shutil
import sqlite3
import sys
from pathlib import Path

import yaml

KEPT = ("config.yaml", "events.jsonl", "summary.json", "ledger.db", "profile.yaml", "guide.yaml", "dataset")
LIMIT = 3_000_000
"""Bytes that an example takes at most."""
ENDPOINT = "https://api.example.com/v1"


def make_example(run: Path, domain: Path) -> Path:
    """Copy what is read of a run to the folder `example` of its domain.

    Args:
        run: folder of the run.
        domain: folder of the shipped domain that it was made on.

    Raises:
        ValueError: the run has not finished, or its record is too large.
    """
    if not (run / "summary.json").is_file():
        raise ValueError(f"{run}: no summary.json, the run has not finished; go on with `evokd resume {run}`")
    target = domain / "example"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name in KEPT:
        if (run / name).is_dir():
            shutil.copytree(run / name, target / name)
        elif (run / name).is_file():
            shutil.copy(run / name, target / name)
    folder = _tidy_config(target / "config.yaml", domain)
    _tidy_events(target / "events.jsonl", folder, domain)
    _tidy_ledger(target / "ledger.db")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if size > LIMIT:
        raise ValueError(f"{target}: {size:,} bytes, more than the {LIMIT:,} that an example may take")
    return target


def _tidy_config(path: Path, domain: Path) -> str:
    """Name the shipped domain in place of the folder that the run was made on, which is given back."""
    record = yaml.safe_load(path.read_text(encoding="utf-8"))
    folder, record["domain_folder"] = record["domain_folder"], domain.as_posix()
    record["settings"] = _tidy_settings(record["settings"])
    path.write_text(yaml.safe_dump(record, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return str(folder)


def _tidy_settings(settings: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    return {**settings, "teacher": {**settings["teacher"], "base_url": ENDPOINT}}


def _tidy_events(path: Path, folder: str, domain: Path) -> None:
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps({**event, "folder": "example"} if "folder" in event else event) for event in events]
    path.write_text("\n".join(lines).replace(folder, domain.as_posix()) + "\n", encoding="utf-8")


def _tidy_ledger(path: Path) -> None:
    with sqlite3.connect(path) as ledger:
        ledger.execute("UPDATE calls SET endpoint = ?", (ENDPOINT,))
        ledger.execute("UPDATE abilities SET endpoint = ?", (ENDPOINT,))
        rows = ledger.execute("SELECT key, value FROM meta").fetchall()
        for key, value in rows:
            if '"settings"' in value:
                record = json.loads(value)
                record["settings"] = _tidy_settings(record["settings"])
                ledger.execute("UPDATE meta SET value = ? WHERE key = ?", (json.dumps(record), key))
    ledger.execute("PRAGMA journal_mode = DELETE")
    ledger.execute("VACUUM")
    ledger.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("domain", type=Path)
    given = parser.parse_args()
    try:
        sys.stdout.write(f"{make_example(given.run, given.domain)}\n")
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from exc
