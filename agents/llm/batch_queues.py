"""The queues of a teacher's calls by batch: one for each model at each address, whichever roles use it."""

from typing import TYPE_CHECKING

from evokd.agents.llm.batch_api import BatchApi
from evokd.agents.llm.batch_queue import BatchQueue, Tell
from evokd.agents.llm.open_batch import BatchStore
from evokd.agents.llm.teacher_settings import TeacherSettings

if TYPE_CHECKING:
    import httpx2


class BatchQueues:
    """Opens queues, and ends them together.

    Args:
        settings: the `teacher` section.
        store: where batches are recorded; None: there are no batches.
        transport: None for the network.
        tell: called after each look at a batch.
    """

    def __init__(
        self,
        settings: TeacherSettings,
        store: BatchStore | None,
        transport: "httpx2.AsyncBaseTransport | None",
        tell: Tell,
    ) -> None:
        self._settings, self._store, self._transport, self._tell = settings, store, transport, tell
        self._queues: dict[tuple[str, str, str], BatchQueue] = {}

    def open(self, url: str, model: str, key: str) -> BatchQueue | None:
        """The queue of a model at an address; None where there are no batches: an embedded teacher has none."""
        if self._store is None or self._settings.is_embedded():
            return None
        if (url, model, key) not in self._queues:
            api = BatchApi(url, key, self._settings.limits.patience, self._transport)
            off = self._settings.tell_without_batches()
            self._queues[url, model, key] = BatchQueue(
                api, self._store, model, self._settings.batch_poll, self._tell, off
            )
        return self._queues[url, model, key]

    def stop(self) -> None:
        """Send nothing more."""
        for queue in self._queues.values():
            queue.stop()

    async def close(self) -> None:
        """Wait for nothing more."""
        for queue in self._queues.values():
            await queue.close()
