"""The files of a batch: a line of JSON per request, and a line of JSON per outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

URL: Final = "/v1/chat/completions"
"""What the requests of a batch are sent to, whatever the address of the server."""
MOST_ROWS = 50_000
"""Requests of a batch at most."""
MOST_BYTES = 190 * 10**6
"""Bytes of a batch's file at most; the published limit is 200 MB."""


@dataclass(frozen=True)
class RowOutcome:
    """What became of one request of a batch."""

    status: int | None
    """HTTP status of its response; None if it was not processed, and so not charged for."""
    text: str
    """Body of the response; without a response, why there is none."""


def write_row(key: str, body: Mapping[str, Any]) -> bytes:
    """Write the line of a request.

    Args:
        key: names the request and its outcome.
        body: the request, as it would be sent to `URL`.
    """
    row = {"custom_id": key, "method": "POST", "url": URL, "body": body}
    return json.dumps(row, ensure_ascii=True).encode() + b"\n"


def read_rows(content: bytes, strict: bool = False) -> dict[str, RowOutcome]:
    """Read the lines of an output file or an error file: key -> outcome; what is no such line is passed over.

    Args:
        content: the file.
        strict: whether to refuse what is not whole, such as a proxy's page, or a file cut off on its way.

    Raises:
        ValueError: asked to be strict, a line is no JSON, or there are lines and none is an outcome.
    """
    outcomes = {}
    for line in filter(bytes.strip, content.split(b"\n")):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if strict:
                raise ValueError("a line is no JSON") from None
            continue
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            outcomes[row["custom_id"]] = _read_outcome(row)
    if strict and not outcomes and content.strip():
        raise ValueError("no line is an outcome")
    return outcomes


def _read_outcome(row: Mapping[str, Any]) -> RowOutcome:
    response, error = row.get("response"), row.get("error")
    if isinstance(response, dict) and isinstance(response.get("status_code"), int):
        body = response.get("body")
        return RowOutcome(response["status_code"], body if isinstance(body, str) else json.dumps(body))
    said = [str(error[part]) for part in ("code", "message") if error.get(part)] if isinstance(error, dict) else []
    return RowOutcome(None, ": ".join(said) or "the batch gives no reason")
