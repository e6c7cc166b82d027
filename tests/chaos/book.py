"""What the chaos server remembers of every request, and what it counts."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Entry:
    """One request. Times are seconds of the machine's monotonic clock, the same for all its processes."""

    number: int
    tag: str
    """Whose request it is: the part of the address behind /t/."""
    body: str
    """Hash of the request's body."""
    call: str
    """Hash of its turns and its seed, as `call_hash` makes it."""
    kind: str
    """Kind of the message that it asks about."""
    nth: int
    """How often this body came before under this tag."""
    arrived: float
    fault: str | None = None
    status: int = 0
    begun: float | None = None
    """When the first byte of the answer was sent."""
    answered: float | None = None
    """When the last byte of a complete answer was sent."""
    done: float | None = None
    """When the server had done all that it was to do, good or bad; None where the client was gone before."""
    ended: float | None = None
    """When the request was no longer in flight, however it ended."""
    unread: bool = False
    """Whether the client was ended before it had read the whole answer."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    marker: str = ""
    """Stands in the answer and nowhere else."""
    sent: str = ""
    """What was sent: the reply's text, an error's body, or the part that was sent of a broken answer."""
    injected: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    """Texts that were injected by earlier answers and stand unchanged in the message block of this request."""
    astray: str = ""
    """What was wrong with the fence of this request; empty when nothing was."""
    in_flight: int = 0
    """Requests in flight when this one had arrived, itself included."""

    @property
    def tokens(self) -> int:
        """Tokens of an answer of which at least a part was sent; nobody pays for what was never begun."""
        return self.prompt_tokens + self.completion_tokens if self.status == 200 and self.begun is not None else 0


def call_hash(turns: Iterable[Sequence[str]], seed: object) -> str:
    """Name a call by what both the wire and the ledger know of it."""
    return _hash(json.dumps([[list(turn) for turn in turns], seed], ensure_ascii=True).encode())


def body_hash(body: bytes) -> str:
    """Name a request by its body."""
    return _hash(body)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


class Book:
    """All requests since the last reset."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._flying = 0
        self._came: Counter[tuple[str, str]] = Counter()

    def open(self, tag: str, body: bytes, turns: Any, seed: object, kind: str, arrived: float) -> Entry:
        """Note a request that has arrived."""
        name = body_hash(body)
        self._flying += 1
        entry = Entry(
            number=len(self.entries) + 1,
            tag=tag,
            body=name,
            call=call_hash(turns, seed),
            kind=kind,
            nth=self._came[tag, name],
            arrived=arrived,
            in_flight=self._flying,
        )
        self._came[tag, name] += 1
        self.entries.append(entry)
        return entry

    def close(self, entry: Entry, now: float) -> None:
        """Note that a request is no longer in flight."""
        if entry.ended is None:
            entry.ended = now
            self._flying -= 1

    def of(self, tag: str | None) -> list[Entry]:
        """Requests of a tag, or all, in order of arrival."""
        return [entry for entry in self.entries if tag is None or entry.tag == tag]

    def injected(self, tag: str) -> set[str]:
        """Texts that were injected under a tag."""
        return {text for entry in self.of(tag) for text in entry.injected}

    def stats(self, tag: str | None = None) -> dict[str, Any]:
        """Count: requests, complete answers, tokens of what was answered, per-body counts, most in flight at once."""
        entries = self.of(tag)
        return {
            "requests": len(entries),
            "answers": sum(entry.answered is not None for entry in entries),
            "prompt_tokens": sum(entry.prompt_tokens for entry in entries if entry.tokens),
            "completion_tokens": sum(entry.completion_tokens for entry in entries if entry.tokens),
            "tokens": sum(entry.tokens for entry in entries),
            "most_in_flight": max((entry.in_flight for entry in entries), default=0),
            "faults": dict(Counter(entry.fault for entry in entries if entry.fault)),
            "bodies": dict(Counter(entry.body for entry in entries)),
        }


def to_json(entry: Entry) -> dict[str, Any]:
    """An entry on its way to whoever judges."""
    return asdict(entry)


def from_json(row: Mapping[str, Any]) -> Entry:
    """The entry back."""
    return Entry(**{**row, "injected": tuple(row["injected"]), "returned": tuple(row["returned"])})
