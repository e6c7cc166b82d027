"""The batch API of a server: files are uploaded, batches made, looked at and read. It decides nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from evokd.agents.llm.attempt import MAX_QUOTED, NO_CREDIT, TeacherError, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.batch_rows import URL, RowOutcome, merge_outcomes, read_rows
from evokd.agents.llm.batch_state import BatchState, NoSuchBatch, UnreadableFile, read_state
from evokd.agents.llm.chat import CONNECT_TIMEOUT
from evokd.agents.llm.network_errors import root_cause
from evokd.agents.llm.redaction import make_cleaner

if TYPE_CHECKING:
    import httpx2
    import openai
    from openai import AsyncOpenAI

T = TypeVar("T")

TOKEN = "evokd"
"""Key of the metadata under which a batch has its token."""
READ_TIMEOUT = 120.0
"""Seconds without a byte after which a transfer is repeated."""
_CLOCKS_DIFFER = 3_600.0
"""Seconds by which a batch may seem to be older than its record."""
_PASSING = (408, 409, 429)
_LONGEST_WAIT = 30.0


class BatchApi:
    """Sends batches to one address. Requests that make nothing are repeated while the server fails.

    Args:
        base_url: the address, up to /v1.
        api_key: the key, never stored anywhere else.
        patience: seconds without any answer after which an address is given up.
        transport: None for the network.
    """

    def __init__(
        self, base_url: str, api_key: str, patience: float, transport: "httpx2.AsyncBaseTransport | None" = None
    ) -> None:
        self.base_url, self._key, self._patience, self._transport = base_url, api_key, patience, transport
        self._clean = make_cleaner(api_key)
        self._opened: AsyncOpenAI | None = None

    @property
    def _client(self) -> "AsyncOpenAI":
        if self._opened is None:
            import httpx2
            from openai import AsyncOpenAI

            timeout = httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
            http = httpx2.AsyncClient(transport=self._transport, timeout=timeout, follow_redirects=True)
            self._opened = AsyncOpenAI(
                api_key=self._key, base_url=self.base_url, max_retries=0, timeout=timeout, http_client=http
            )
        return self._opened

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def create(self, content: bytes, token: str) -> str:
        """Upload requests and make a batch of them.

        A request to make it is never repeated before the server has been asked whether the last one made it.

        Args:
            content: lines of `batch_rows.write_row`.
            token: random name of the batch.

        Returns:
            Its id.

        Raises:
            TeacherRefused: the server refuses the file or the batch.
            TeacherUnreachable: no answer for longer than the patience.
        """
        began = time.time()
        file = (f"evokd-{token}.jsonl", content, "application/jsonl")

        async def upload() -> str:
            return _check_id((await self._client.files.create(file=file, purpose="batch")).id)

        uploaded = await self._insist("/files", upload)
        is_first = True

        async def make() -> str:
            nonlocal is_first
            made = None if is_first else await self._find_once(token, began, uploaded)
            is_first = False
            if made is not None:
                return made
            batch = await self._client.batches.create(
                completion_window="24h", endpoint=URL, input_file_id=uploaded, metadata={TOKEN: token}
            )
            return _check_id(batch.id)

        return await self._insist("/batches", make)

    async def find(self, token: str, created: float) -> str | None:
        """Find the id of a batch whose making was interrupted; None if it was never made.

        Args:
            token: its random name.
            created: Unix time before which it cannot have been made.
        """
        return await self._insist("/batches", lambda: self._find_once(token, created))

    async def _find_once(self, token: str, created: float, file: str | None = None) -> str | None:
        """Find a batch by its token or, since some servers keep no metadata, by the file of its requests."""
        async for batch in self._client.batches.list(limit=100):
            if (batch.metadata or {}).get(TOKEN) == token or (file and batch.input_file_id == file):
                return batch.id
            if batch.created_at is not None and batch.created_at < created - _CLOCKS_DIFFER:
                return None
        return None

    async def look(self, batch: str) -> BatchState:
        """See how a batch stands.

        Raises:
            NoSuchBatch: the server does not know it.
            TeacherError: the address cannot be used.
        """

        async def ask() -> BatchState:
            return read_state(await self._client.batches.retrieve(batch), self._clean)

        return await self._insist(f"/batches/{batch}", ask)

    async def cancel(self, batch: str) -> None:
        """Ask the server to end a batch; what is done stays. A batch that has ended is left as it is."""
        import openai

        async def ask() -> None:
            with suppress(openai.ConflictError):  # the answer where it has ended: to repeat this changes nothing
                await self._client.batches.cancel(batch)

        with suppress(TeacherRefused):  # it may have ended meanwhile; the next look shows
            await self._insist(f"/batches/{batch}/cancel", ask)

    async def read(self, state: BatchState, keys: Collection[str] = (), are_all: bool = False) -> dict[str, RowOutcome]:
        """Read the outcomes of a batch that has ended: key -> outcome, of all requests that its files name.

        The batch is looked at again as long as it lacks replies that it says it has: files can be listed late.

        Args:
            state: how it has ended.
            keys: of requests that are in it.
            are_all: whether these are all of its requests.

        Raises:
            UnreadableFile: replies are missing at the end of the patience; it holds those that are there.
            TeacherError: the address cannot be used.
        """
        began, wait = time.monotonic(), 1.0
        while True:
            outcomes, fault = await self._read_files(state)
            if not state.lacks_replies(outcomes, keys, are_all, fault is not None):
                return outcomes
            if time.monotonic() - began + wait > self._patience:
                break
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            state = await self.look(state.batch)
        told = f"{self.base_url}/batches/{state.batch}: has ended, but its files lack replies that it has counted"
        error = UnreadableFile(told if fault is None else str(fault))
        error.outcomes = outcomes
        raise error

    async def _read_files(self, state: BatchState) -> tuple[dict[str, RowOutcome], TeacherRefused | None]:
        """The outcomes in the files of a batch, and why one of the files cannot be read."""
        outcomes, fault = dict[str, RowOutcome](), None
        for file in state.files:
            try:
                merge_outcomes(outcomes, await self._read_file(file))
            except (UnreadableFile, NoSuchBatch) as exc:
                fault = exc
        # the bodies of responses are cleaned where they are read
        cleaned = {
            key: row if row.status else replace(row, text=self._clean(row.text)) for key, row in outcomes.items()
        }
        return cleaned, fault

    async def _read_file(self, file: str) -> dict[str, RowOutcome]:
        """Fetch a file again until all of it can be read; at the end of the patience, what can be read counts."""
        import openai

        path, content = f"/files/{file}/content", b""
        absent: openai.NotFoundError | None = None

        async def fetch() -> dict[str, RowOutcome]:
            nonlocal content, absent
            try:
                content = (await self._client.files.content(file)).content
            except openai.NotFoundError as exc:  # a file can be named before it can be fetched
                absent = exc
                raise ValueError("not there yet") from exc
            return read_rows(content, strict=True)

        try:
            return await self._insist(path, fetch)
        except TeacherUnreachable:
            if not content:
                if absent is not None:
                    raise self._refuse(path, absent) from None
                raise
            outcomes = read_rows(content)
            if outcomes:
                return outcomes
            begins = self._clean(" ".join(content[:MAX_QUOTED].decode(errors="replace").split()))
            raise UnreadableFile(f"{self.base_url}{path}: no line can be read; it begins with {begins!r}") from None

    async def _insist(self, path: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again while the server is down or busy, until the patience is at an end."""
        import httpx2
        import openai

        began, wait = time.monotonic(), 1.0
        while True:
            try:
                return await ask()
            except openai.APIStatusError as exc:
                if not _is_passing(exc):
                    raise self._refuse(path, exc) from None
                said = f"HTTP {exc.status_code}"
            except (openai.APIError, httpx2.HTTPError, TimeoutError, OSError) as exc:
                said = self._clean(root_cause(exc))
            except (ValueError, TypeError, AttributeError) as exc:
                said = f"an answer that cannot be read ({type(exc).__name__})"
            if time.monotonic() - began + wait > self._patience:
                raise TeacherUnreachable(f"{self.base_url}{path}: no usable answer for {self._patience:,.0f} s: {said}")
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _refuse(self, path: str, exc: "openai.APIStatusError") -> TeacherError:
        words = self._clean(" ".join(exc.response.text.split()))[:MAX_QUOTED]
        kind = NoSuchBatch if exc.status_code == 404 else TeacherRefused
        return kind(f"{self.base_url}{path}: HTTP {exc.status_code}: {words}")


def _check_id(name: object) -> str:
    """Give an id back that is one; the server may still have made what it names."""
    if not isinstance(name, str) or not name:
        raise ValueError("no id")
    return name


def _is_passing(exc: "openai.APIStatusError") -> bool:
    if exc.status_code == 429 and NO_CREDIT in exc.response.text:
        return False
    return exc.status_code in _PASSING or exc.status_code >= 500
