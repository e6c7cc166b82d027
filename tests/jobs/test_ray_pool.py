"""What becomes of an actor that fails before it takes a job, with a stand-in for ray."""

import queue
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from evokd.jobs.pool import Inbox
from evokd.jobs.ray_pool import RayWorker


class RayError(Exception): ...


class RayTaskError(RayError): ...


class RayActorError(RayError):
    def __init__(self, text: str, actor_init_failed: bool) -> None:
        super().__init__(text)
        self.actor_init_failed = actor_init_failed


class PlayedRay:
    """Gives what a machine says when it is asked to open its worker, or raises it."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError)

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def get(self, ref: object) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def kill(self, server: object) -> None: ...


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        ({"ready": True}, {"ready": True}),
        (RayTaskError("No module named evokd"), {"unfit": "No module named evokd"}),
        (RayActorError("the actor cannot be made", True), {"unfit": "the actor cannot be made"}),
        (RayActorError("the node died", False), None),
        (RayError("the cluster is gone"), None),
    ],
)
def test_a_machine_on_which_the_worker_cannot_be_opened_is_unfit_and_one_that_is_lost_is_not(
    answer: Any, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is lost is replaced: one that could never be opened would be, again and again."""
    monkeypatch.setitem(sys.modules, "ray", PlayedRay(answer))
    inbox: Inbox = queue.SimpleQueue()
    server = SimpleNamespace(prepare=SimpleNamespace(remote=object))
    worker = RayWorker(server, "its log", inbox)
    assert inbox.get(timeout=5) == (worker, heard)
    assert worker.tell_death().with_its_node
    worker.end()
    assert not worker._listener.is_alive()
