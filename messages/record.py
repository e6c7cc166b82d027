"""The records of calls and batches of the teacher, as the ledger keeps them."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from evokd.messages.base import Message

BY_BATCH = "batch"
"""Flag of a call whose reply came by batch."""

_SHARE = " x "
"""Stands between the source of a price and the share of it that a reply by batch costs."""


class CallRecord(Message):
    """One attempt at a call of the teacher, as the ledger keeps it."""

    id: str = Field(description="cycle, role, lesson and attempt, such as c2-generator-l3-a1")
    key: str = Field(description="canonical hash of endpoint, model, messages, schema and parameters")
    cycle: int = Field(description="evolution cycle, from 1")
    role: str = Field(description="analyst, generator or labeler")
    span: str = Field(description="lesson id, or the cycle's own name")
    attempt: int = Field(description="from 1; a re-ask counts on")
    endpoint: str = Field(description="address asked, or 'rehearsal'")
    model: str = Field(description="model name asked for")
    ability: str = Field(description="response format used: json_schema, json_object_schema, json_object or plain")
    request: dict[str, Any] = Field(description="what was sent: messages and parameters")
    prompts: str = Field(description="hash of the rendered prompt set")
    status: Literal["ok", "fault", "error", "lost", "spent"] = Field(
        description="ok: used; fault: a reply came and could not be used as it is; error: no reply; lost: the request "
        "had gone out and no whole reply came, tokens are estimates; spent: a fault that a resumed run asks anew"
    )
    raw: str = Field(description="the reply as it came, as much of it as came, or the server's error text")
    flags: list[str] = Field(description="what had to be mended: reasoning, fence, prose, repaired, extra_keys, ...")
    faults: list[str] = Field(description="why the reply could not be used as it is")
    input_tokens: int = Field(description="tokens read by the model")
    output_tokens: int = Field(description="tokens written by the model")
    estimated: bool = Field(description="whether the token counts are estimates (the server reported none)")
    cost_usd: float | None = Field(description="US dollars, null where the price is unknown")
    price_source: str | None = Field(description="where the price came from; ' x 0.5': by batch, at half of it")
    seconds: float = Field(description="wall-clock seconds until the reply")


@dataclass(frozen=True)
class BatchRecord:
    """A batch of calls that was sent, or was about to be sent; stored before it is uploaded."""

    token: str
    """Random name, sent as metadata of the batch, so that it is found even if its id was never stored."""
    endpoint: str
    model: str
    keys: tuple[str, ...]
    """Keys of its calls; of a record that is read, only of those without a stored outcome."""
    created: float
    """Unix time of the record."""
    batch: str | None = None
    """Its id at the server; None: not known (yet)."""


def name_batch_price(source: str, share: float) -> str:
    """The source of a price by batch: that of the usual price, and the share of it that is charged."""
    return f"{source}{_SHARE}{share:g}"


def read_batch_share(source: str | None) -> float | None:
    """The share of the usual price that was charged, from the source of a price by batch; None where it has none."""
    try:
        return float((source or "").rpartition(_SHARE)[2])
    except ValueError:
        return None
