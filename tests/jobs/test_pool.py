"""Who does which job, and what becomes of jobs whose worker dies, with workers that are threads of this process."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from evokd.jobs.pool import Death, Inbox, JobPool, PoolJob, Worker
from evokd.messages import EvokdError


def job(name: str, group: str = "one") -> PoolJob:
    return PoolJob(name, "run", group, name, {})


class PlayedWorker(Worker):
    """Answers at once, as it was told to.

    Args:
        inbox: where its answers go.
        play: gives the messages that a job is answered with.
        ready: whether it takes jobs from the start; else it is ready, unfit, or never says anything, as `first` says.
    """

    def __init__(self, inbox: Inbox, play: Callable[[PoolJob], Sequence[Any]], first: Any = "ready") -> None:
        super().__init__()
        self._inbox, self._play = inbox, play
        self.is_ready = False
        self.ended = False
        self.with_node = True
        if first is not None:
            inbox.put((self, {"ready": True} if first == "ready" else first))

    def give(self, job: PoolJob) -> None:
        for message in self._play(job):
            self._inbox.put((self, message if message is None else {"id": job.id, **message}))

    def end(self) -> None:
        self.ended = True

    def tell_death(self) -> Death:
        return Death("gone", "see the log", self.with_node)


class PlayedPool(JobPool):
    """Starts the workers that it is given, in their order."""

    def __init__(self, size: int, firsts: Sequence[Any], play: Callable[[PoolJob], Sequence[Any]]) -> None:
        self.events: list[Mapping[str, Any]] = []
        super().__init__(size, self.events.append)
        self._firsts, self._play = list(firsts), play
        self.started: list[PlayedWorker] = []
        self.with_node = True

    def _start(self) -> Worker:
        first = self._firsts.pop(0) if self._firsts else "ready"
        worker = PlayedWorker(self._inbox, self._play, first)
        worker.with_node = self.with_node
        self.started.append(worker)
        return worker

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event["event"], event["job"].name if "job" in event else "") for event in self.events]


def done(job: PoolJob) -> list[Any]:
    return [{"result": {"of": job.id}}]


def test_a_worker_that_never_finds_a_machine_holds_no_job_up() -> None:
    pool = PlayedPool(2, [None, "ready"], done)
    assert pool.work([job("a"), job("b"), job("c")]) == []
    assert [name for event, name in pool.told if event == "done"] == ["a", "b", "c"]
    assert all(worker.ended for worker in pool.started)


def test_a_job_whose_machine_went_away_goes_to_an_idle_worker_not_to_one_that_waits_for_a_machine() -> None:
    lost: list[str] = []

    def play(given: PoolJob) -> list[Any]:
        if given.id == "b" and not lost:
            lost.append(given.id)
            return [None]
        return done(given)

    pool = PlayedPool(2, ["ready", "ready", None], play)
    assert pool.work([job("a"), job("b")]) == []
    assert pool.told.count(("repeated", "b")) == 1
    assert pool.told[-1] == ("done", "b")
    assert [event["lost_node"] for event in pool.events if event["event"] == "repeated"] == [True]


@pytest.mark.parametrize(("with_node", "times", "words"), [(True, 5, "machines"), (False, 2, "its process died")])
def test_a_job_that_ends_all_its_workers_is_given_up(with_node: bool, times: int, words: str) -> None:
    pool = PlayedPool(1, [], lambda given: [None] if given.id == "bad" else done(given))
    pool.with_node = with_node
    (failure,) = pool.work([job("bad"), job("good")])
    assert (failure.job.id, failure.code) == ("bad", 1)
    assert words in failure.message
    assert f"{times} times (gone); see the log" in failure.message
    assert pool.told.count(("started", "bad")) == times
    assert ("done", "good") in pool.told


def test_a_machine_that_is_not_fit_is_left_out_and_without_any_other_all_ends() -> None:
    pool = PlayedPool(2, [{"unfit": "no folder"}, "ready"], done)
    assert pool.work([job("a"), job("b")]) == []
    assert [event["message"] for event in pool.events if event["event"] == "unfit"] == ["no folder"]
    alone = PlayedPool(1, [{"unfit": "no folder"}], done)
    with pytest.raises(EvokdError, match=r"^no folder$"):
        alone.work([job("a")])


def test_a_warning_of_a_job_is_told_as_one_and_other_events_as_progress() -> None:
    pool = PlayedPool(1, [], lambda given: [{"event": {"warning": "slow"}}, {"event": {"cycle": 2}}, *done(given)])
    assert pool.work([job("a")]) == []
    assert pool.told == [("started", "a"), ("warning", "a"), ("cycle", "a"), ("done", "a")]
    assert (pool.events[1]["message"], pool.events[2]["cycle"]) == ("slow", 2)


def test_waiting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evokd.jobs.pool._SILENCE", 0.01)
    pool = PlayedPool(1, [None], done)

    def tell(event: Mapping[str, Any]) -> None:
        pool.events.append(event)
        if event["event"] == "waiting":
            pool._inbox.put((pool.started[0], {"ready": True}))

    pool._tell = tell
    assert pool.work([job("a")]) == []
    assert ("waiting", "") in pool.told


def test_news_of_a_worker_that_was_given_up_are_not_heard() -> None:
    """A machine that seemed to be gone may still answer: its job has been given to another worker."""
    heard: list[Any] = []

    def play(given: PoolJob) -> list[Any]:
        heard.append(given.id)
        return [None, {"result": {}}] if len(heard) == 1 else done(given)

    pool = PlayedPool(1, [], play)
    assert pool.work([job("a")]) == []
    assert pool.told == [("started", "a"), ("repeated", "a"), ("started", "a"), ("done", "a")]
