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

    @property
    def worth(self) -> int:
        """Which of two outcomes of one request counts: a reply before a refusal, and that before none."""
        return 0 if self.status is None else 2 if self.status == 200 else 1


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
    outcomes: dict[str, RowOutcome] = {}
    for line in filter(bytes.strip, content.split(b"\n")):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if strict:
                raise ValueError("a line is no JSON") from None
            continue
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            merge_outcomes(outcomes, {row["custom_id"]: _read_outcome(row)})
    if strict and not outcomes and content.strip():
        raise ValueError("no line is an outcome")
    return outcomes


def merge_outcomes(known: dict[str, RowOutcome], more: Mapping[str, RowOutcome]) -> None:
    """Add outcomes to known ones; of two for one request, a reply is kept, for it is paid for."""
    for key, row in more.items():
        if key not in known or row.worth >= known[key].worth:
            known[key] = row


def _read_outcome(row: Mapping[str, Any]) -> RowOutcome:
    response, error = row.get("response"), row.get("error")
    if isinstance(response, dict):
        body, status = response.get("body"), _read_status(response)
        if status is not None:
            return RowOutcome(status, body if isinstance(body, str) else json.dumps(body))
    said = [str(error[part]) for part in ("code", "message") if error.get(part)] if isinstance(error, dict) else []
    return RowOutcome(None, ": ".join(said) or "the batch gives no reason")


def _read_status(response: Mapping[str, Any]) -> int | None:
    """The HTTP status of a response: a number, or digits; a server that leaves it out gives a completion in full."""
    status, body = response.get("status_code"), response.get("body")
    if isinstance(status, str) and status.isdecimal():
        return int(status)
    if status is None and isinstance(body, dict) and body.get("choices"):
        return 200
    return status if isinstance(status, int) else None
