"""Workers on a Ray cluster: an actor per slot. One that goes away with its machine is replaced when there is room.

Actors rather than Ray's own retries of tasks: a job stays with a worker that has loaded what it needs, a process that
a job kills is told apart from a machine that went away, and no job waits for a machine while another one is idle.
"""

import queue
import threading
from contextlib import suppress
from typing import Any

from evokd.jobs.node import NodeProgram
from evokd.jobs.pool import Death, Inbox, JobPool, PoolJob, Tell, Worker
from evokd.jobs.ray_cluster import RayCluster, shorten

_JOIN = 10.0


class RayWorker(Worker):
    """The driver's side of an actor."""

    def __init__(self, server: Any, log: str, inbox: Inbox) -> None:
        super().__init__()
        self.is_ready = False
        self._server = server
        self._log = log
        self._given: queue.SimpleQueue[PoolJob | None] = queue.SimpleQueue()
        self._death = Death("no answer", with_its_node=True)
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    def _listen(self, inbox: Inbox) -> None:
        import ray

        try:
            inbox.put((self, self._prepare(ray)))
            while (job := self._given.get()) is not None:
                messages = self._server.do.options(num_returns="streaming")
                for ref in messages.remote(job.id, job.kind, dict(job.body)):
                    self._pass_on(ray.get(ref), inbox)
        except ray.exceptions.RayError as exc:
            self._death = Death(shorten(exc), with_its_node=True)
            inbox.put((self, None))

    def _prepare(self, ray: Any) -> dict[str, Any]:
        """Wait for a machine and let it open the worker: what fails there by itself would fail there again."""
        errors = ray.exceptions
        try:
            ready: dict[str, Any] = ray.get(self._server.prepare.remote())
            return ready
        except errors.RayTaskError as exc:
            return {"unfit": shorten(exc)}
        except errors.RayActorError as exc:
            if not exc.actor_init_failed:
                raise
            return {"unfit": shorten(exc)}

    def _pass_on(self, message: dict[str, Any], inbox: Inbox) -> None:
        if "died" in message:
            self._death = Death(message["died"], f"see {self._log}")
            inbox.put((self, None))
        else:
            inbox.put((self, message))

    def give(self, job: PoolJob) -> None:
        """Hand a job over."""
        self._given.put(job)

    def end(self) -> None:
        """End the actor; what it has started ends with it."""
        import ray

        self._given.put(None)
        with suppress(ray.exceptions.RayError, ValueError):
            ray.kill(self._server)
        self._listener.join(_JOIN)

    def tell_death(self) -> Death:
        """Say how it ended."""
        return self._death


class RayPool(JobPool):
    """Does jobs on the machines of a cluster."""

    def __init__(self, cluster: RayCluster, program: NodeProgram, limit: int | None, cpus: int, tell: Tell) -> None:
        """Look at every machine; no job is begun.

        Args:
            cluster: where.
            program: what the machines run; its body may name a `log`.
            limit: workers at most; None: as many as there is room for.
            cpus: cores of a worker.
            tell: called with an event; see `JobPool`.

        Raises:
            EvokdError: a machine does not answer.
            InputError: a machine cannot do the jobs, or there is room for no worker.
        """
        slots = cluster.count_slots(cpus)
        self.size = min(slots, limit or slots)
        super().__init__(self.size, tell)
        self._cluster, self._program, self._cpus = cluster, program, cpus
        self.host = cluster.find_host()
        """Address of this machine, as the workers find it."""
        if not cluster.is_own:
            cluster.check_nodes(program)

    def _start(self) -> Worker:
        server = self._cluster.start_server(self._program, self._cpus)
        return RayWorker(server, str(self._program.body.get("log", "its log")), self._inbox)
