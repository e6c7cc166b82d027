"""The live pages: an app that answers from the records of runs, and writes nothing.

Every request opens the ledger for itself, for reading alone, in a thread; a run that is being written is not stopped.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from evokd.messages import EvokdError
from evokd.messages.page_guard import guard_pages
from evokd.viewer.changes import Watcher
from evokd.viewer.compare import compare_records
from evokd.viewer.json_bytes import write_json
from evokd.viewer.pages import SCRIPTS, STATIC, STYLE, make_live_page
from evokd.viewer.record import ProgramFacts, RunPlace, RunRecord, explain_damage
from evokd.viewer.resources import NotThere, read

MOST_COMPARED = 50
"""Runs that can be compared at once."""
COMPRESS_FROM = 2**14
"""Bytes of the smallest answer that is compressed."""


@dataclass(frozen=True)
class Library:
    """The runs that are shown."""

    folder: str
    """Where they lie, for people."""
    list_runs: Callable[[], Sequence[Mapping[str, Any]]]
    """A row per run, oldest first; `run_id` is its name in addresses."""
    find: Callable[[str], RunPlace | None]
    """The run of a name; None: there is none."""
    facts: ProgramFacts


def create_app(library: Library, watcher: Watcher | None = None) -> Starlette:
    """Make the app.

    Args:
        library: the runs that are shown.
        watcher: tells the pages of changes; it can be had again as `app.state.watcher`.
    """
    pages = _Pages(library, watcher or Watcher())
    routes = [
        Route("/", pages.show_runs),
        Route("/compare", pages.show_comparison),
        Route("/run/{name}", pages.show_run),
        Route("/run/{name}/{rest:path}", pages.show_run),
        Route("/static/{file:path}", pages.send_file),
        Route("/api/runs", pages.list_runs),
        Route("/api/compare", pages.compare),
        Route("/api/run/{name}/changes", pages.tell_changes),
        Route("/api/run/{name}/{resource:path}", pages.read_resource),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(guard_pages)],
        exception_handlers={HTTPException: _refuse},
    )
    app.state.watcher = pages.watcher
    return app


class _Pages:
    """What the routes lead to."""

    def __init__(self, library: Library, watcher: Watcher) -> None:
        self._library = library
        self.watcher = watcher

    async def show_runs(self, _: Request) -> Response:
        """The page with the list of runs."""
        return HTMLResponse(await run_in_threadpool(make_live_page, "EvoKD: runs", {"mode": "runs"}))

    async def show_comparison(self, request: Request) -> Response:
        """The page with runs side by side."""
        start = {"mode": "compare", "runs": request.query_params.getlist("run")}
        return HTMLResponse(await run_in_threadpool(make_live_page, "EvoKD: comparison", start))

    async def show_run(self, request: Request) -> Response:
        """The page of a run, whatever of it is looked at."""
        name = (await self._find(request.path_params["name"])).name
        return HTMLResponse(await run_in_threadpool(make_live_page, f"EvoKD: {name}", {"mode": "run", "run": name}))

    async def send_file(self, request: Request) -> Response:
        """A script or the style of the pages."""
        name = request.path_params["file"]
        if name not in (*SCRIPTS, STYLE):
            raise HTTPException(404, "no such file")
        # without a charset a browser would take the encoding of the page, which happens to be the same
        kind = "text/css" if name == STYLE else "text/javascript"
        return FileResponse(STATIC / name, media_type=kind, headers={"Cache-Control": "no-cache"})

    async def list_runs(self, request: Request) -> Response:
        """The runs, a row each, newest first, and the folder that holds them."""
        library = self._library
        return await self._answer(request, lambda: {"folder": library.folder, "runs": [*reversed(library.list_runs())]})

    async def compare(self, request: Request) -> Response:
        """Runs side by side: those that the address names, as `?run=A&run=B`."""
        names = request.query_params.getlist("run")
        if not 1 <= len(names) <= MOST_COMPARED:
            raise HTTPException(400, f"name 1 to {MOST_COMPARED} runs, such as ?run=A&run=B")
        places = [await self._find(name) for name in dict.fromkeys(names)]
        return await self._answer(request, lambda: self._compare(places))

    def _compare(self, places: Sequence[RunPlace]) -> Any:
        with ExitStack() as stack:
            return compare_records([stack.enter_context(RunRecord(place, self._library.facts)) for place in places])

    async def read_resource(self, request: Request) -> Response:
        """A part of a run's record."""
        place = await self._find(request.path_params["name"])

        def work() -> Any:
            with RunRecord(place, self._library.facts) as record:
                return read(record, request.path_params["resource"], request.query_params)

        return await self._answer(request, work)

    async def tell_changes(self, request: Request) -> Response:
        """Server-sent events about a run: one whenever it has gone on."""
        place = await self._find(request.path_params["name"])
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(self.watcher.listen(place), media_type="text/event-stream")

    async def _find(self, name: str) -> RunPlace:
        place = await run_in_threadpool(self._library.find, name)
        if place is None:
            raise HTTPException(404, f"no run {name[:100]!r} among those that are shown")
        return place

    async def _answer(self, request: Request, work: Callable[[], Any]) -> Response:
        """Answer with what is read in a thread, or with why it cannot be read."""
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        try:
            body, coding = await run_in_threadpool(lambda: _write(work, compressed))
        except NotThere as exc:
            return _tell(404, str(exc))
        except EvokdError as exc:
            return _tell(422, str(exc))
        headers = {"Content-Encoding": coding} if coding else {}
        return Response(body, headers={**headers, "Vary": "Accept-Encoding"}, media_type="application/json")


def _write(work: Callable[[], Any], compressed: bool) -> tuple[bytes, str]:
    """Write JSON, compressed if it is long; returns it with its encoding."""
    with explain_damage():
        body = write_json(work())
    if compressed and len(body) >= COMPRESS_FROM:
        return gzip.compress(body, compresslevel=1, mtime=0), "gzip"
    return body, ""


async def _refuse(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return _tell(exc.status_code, exc.detail)


def _tell(status: int, reason: str) -> Response:
    return Response(json.dumps({"error": reason}), status, media_type="application/json")
