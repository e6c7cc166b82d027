"""Runs in a database that have begun and not ended, made without running anything. Needs the extra `postgres`."""

import json
from pathlib import Path

from evokd.tracing.ledger import Ledger
from evokd.tracing.postgres.address import StoreAddress, parse_address, write_pointer
from evokd.tracing.postgres.files import FolderMirror
from evokd.tracing.postgres.session import make_schema
from evokd.tracing.postgres.store import PostgresStore
from evokd.tracing.store import POINTER


def make_stored_run(store: str, run_id: str, folder: Path) -> StoreAddress:
    """Put a run into a database that has begun and not ended."""
    place = parse_address(store, run_id)
    make_schema(place)
    folder.mkdir()
    write_pointer(folder / POINTER, place)
    Ledger(folder / POINTER).close()
    (folder / "config.yaml").write_text(f"name: {run_id}\n", encoding="utf-8")
    event = {"event": "run_started", "run_id": run_id, "domain": run_id, "time": "2026-01-01T00:00:00.000+00:00"}
    (folder / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    opened = PostgresStore(place)
    FolderMirror(folder, opened).push()
    opened.close()
    return place
