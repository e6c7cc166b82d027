"""The batch API of a server: files are uploaded, batches made, looked at and read. It decides nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from evokd.agents.llm.attempt import MAX_QUOTED, NO_CREDIT, TeacherError, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.batch_rows import URL, RowOutcome, read_rows
from evokd.agents.llm.chat import CONNECT_TIMEOUT
from evokd.agents.llm.network_errors import root_cause
from evokd.agents.llm.redaction import make_cleaner

if TYPE_CHECKING:
    import httpx2
    import openai
    from openai import AsyncOpenAI
    from openai.types import Batch

T = TypeVar("T")

TOKEN = "evokd"
"""Key of the metadata under which a batch has its token."""
ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
READ_TIMEOUT = 120.0
"""Seconds without a byte after which a transfer is repeated."""
_CLOCKS_DIFFER = 3_600.0
"""Seconds by which a batch may seem to be older than its record."""
_PASSING = (408, 409, 429)
_NO_ROOM = "token_limit_exceeded"
"""Code of a batch that failed since too many tokens of this account are waiting already."""
_LONGEST_WAIT = 30.0


class NoSuchBatch(TeacherRefused):
    """The server knows no such batch."""


class UnreadableFile(TeacherRefused):
    """A file with outcomes holds none that can be read, however often it is fetched."""


@dataclass(frozen=True)
class BatchState:
    """How a batch stands."""

    batch: str
    status: str
    done: int
    """Requests with a response."""
    failed: int
    """Requests without one."""
    files: tuple[str, ...] = ()
    """Ids of the files with outcomes, as far as there are any."""
    errors: tuple[tuple[str, str], ...] = ()
    """Code and message of what is wrong with the batch as a whole."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED

    @property
    def lacks_room(self) -> bool:
        """Whether it failed since the account may have no more tokens waiting."""
        return self.status == "failed" and any(code == _NO_ROOM for code, _ in self.errors)


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
        uploaded = await self._insist("/files", lambda: self._client.files.create(file=file, purpose="batch"))
        is_first = True

        async def make() -> str:
            nonlocal is_first
            made = None if is_first else await self._find_once(token, began)
            is_first = False
            if made is not None:
                return made
            batch = await self._client.batches.create(
                completion_window="24h", endpoint=URL, input_file_id=uploaded.id, metadata={TOKEN: token}
            )
            return batch.id

        return await self._insist("/batches", make)

    async def find(self, token: str, created: float) -> str | None:
        """Find the id of a batch whose making was interrupted; None if it was never made.

        Args:
            token: its random name.
            created: Unix time before which it cannot have been made.
        """
        return await self._insist("/batches", lambda: self._find_once(token, created))

    async def _find_once(self, token: str, created: float) -> str | None:
        async for batch in self._client.batches.list(limit=100):
            if (batch.metadata or {}).get(TOKEN) == token:
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
            return _read_state(await self._client.batches.retrieve(batch), self._clean)

        return await self._insist(f"/batches/{batch}", ask)

    async def cancel(self, batch: str) -> None:
        """Ask the server to end a batch; what is done stays. A batch that has ended is left as it is."""
        import openai

        async def ask() -> None:
            with suppress(openai.ConflictError):  # the answer where it has ended: to repeat this changes nothing
                await self._client.batches.cancel(batch)

        with suppress(TeacherRefused):  # it may have ended meanwhile; the next look shows
            await self._insist(f"/batches/{batch}/cancel", ask)

    async def read(self, state: BatchState) -> dict[str, RowOutcome]:
        """Read the outcomes of a batch that has ended: key -> outcome, of all requests that its files name.

        Raises:
            UnreadableFile: there is no outcome in a file.
            TeacherError: the address cannot be used.
        """
        outcomes: dict[str, RowOutcome] = {}
        for file in state.files:
            outcomes |= await self._read_file(file)
        # the bodies of responses are cleaned where they are read
        return {key: row if row.status else replace(row, text=self._clean(row.text)) for key, row in outcomes.items()}

    async def _read_file(self, file: str) -> dict[str, RowOutcome]:
        """Fetch a file again until all of it can be read; at the end of the patience, what can be read counts."""
        path, content = f"/files/{file}/content", b""

        async def fetch() -> dict[str, RowOutcome]:
            nonlocal content
            content = (await self._client.files.content(file)).content
            return read_rows(content, strict=True)

        try:
            return await self._insist(path, fetch)
        except TeacherUnreachable:
            if not content:
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


def _is_passing(exc: "openai.APIStatusError") -> bool:
    if exc.status_code == 429 and NO_CREDIT in exc.response.text:
        return False
    return exc.status_code in _PASSING or exc.status_code >= 500


def _read_state(batch: "Batch", clean: Callable[[str], str]) -> BatchState:
    counts: Any = batch.request_counts
    found = (batch.errors.data or ()) if batch.errors else ()
    return BatchState(
        batch=batch.id,
        status=clean(str(batch.status)),
        done=int(getattr(counts, "completed", 0) or 0),
        failed=int(getattr(counts, "failed", 0) or 0),
        files=tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
        errors=tuple((clean(error.code or ""), clean(error.message or "")) for error in found),
    )
