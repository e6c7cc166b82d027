"""The rehearsal teacher behind real HTTP, watched: what was asked, what it cost, and what is answered differently."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import find_message
from evokd.simulator.roles import answer
from tests.graph.toy import read_rows
from tests.scripted import Say, completion

KINDS = {
    **{"feedback_packet": "analyst", "lesson_plan": "generator", "draft_batch": "labeler"},
    **{"domain_sample": "profile", "label_evidence": "guide"},
}


@dataclass
class Asked:
    """One request."""

    role: str
    message: dict[str, Any]
    body: dict[str, Any]
    tokens: int = 0
    """What the answer said that it took, 0 for a refusal."""
    flying: list["Asked"] = field(default_factory=list)
    """Requests that were under way when this one came."""


Twist = Callable[[Asked], Response | str | None]
"""Gives another answer, or another text as the reply; None for what the rehearsal teacher says."""


class WatchedTeacher:
    """A served rehearsal teacher; `twist` may be changed while it is served."""

    def __init__(self, domain: Path) -> None:
        seeds = [row["text"] for row in read_rows(domain / "seeds.jsonl")]
        self._corpus = load_corpus(domain / "corpus.jsonl", never=seeds)
        self.asked: list[Asked] = []
        self.twist: Twist = lambda _: None
        self._flying: list[Asked] = []
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    def roles(self) -> list[str]:
        """The roles of all answered requests, in order."""
        return [asked.role for asked in self.asked if asked.tokens]

    def tokens(self, role: str | None = None) -> int:
        """What was answered has taken."""
        return sum(asked.tokens for asked in self.asked if role in (None, asked.role))

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        kind, message = find_message(body["messages"])
        asked = Asked(KINDS[kind], message, body, flying=list(self._flying))
        self.asked.append(asked)
        self._flying.append(asked)
        try:
            return self._answer(kind, asked)
        finally:
            self._flying.remove(asked)

    def _answer(self, kind: str, asked: Asked) -> Response:
        found = self.twist(asked)
        if isinstance(found, Response):
            return found
        text = found or json.dumps(answer(kind, asked.message, self._corpus, RehearsalSettings(), asked.body["seed"]))
        read = sum(len(turn["content"]) for turn in asked.body["messages"])
        usage = (math.ceil(read / 4), math.ceil(len(text) / 4))  # as it counts in process
        asked.tokens = sum(usage)
        return JSONResponse(completion(Say(text, usage=usage)))


def refuse(status: int, told: str = "no") -> Response:
    """An error that may be asked again at once."""
    return JSONResponse({"error": {"message": told}}, status, headers={"retry-after-ms": "1"})


def options(url: str, *sets: str) -> Sequence[str]:
    """Options of a run on a served teacher."""
    return ["--teacher", "m", "--base-url", f"{url}/v1", *(part for choice in sets for part in ("--set", choice))]
