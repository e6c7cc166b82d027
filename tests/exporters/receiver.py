"""A receiver of OTLP/HTTP on this machine that answers as a script says, and keeps the spans it took."""

import time
from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from evokd.api.record import open_run
from evokd.exporters.source import RunSource

PROTOBUF = "application/x-protobuf"


class Receiver:
    """Takes spans. `script`: what the first requests are answered with; then all are taken."""

    def __init__(self, script: Sequence[Response] = (), delay: float = 0.0) -> None:
        self.script, self.delay = list(script), delay
        self.spans: list[Any] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.requests = 0
        self.app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = ExportTraceServiceRequest.FromString(await request.body())
        self.requests += 1
        self.headers.append(dict(request.headers))
        time.sleep(self.delay)
        if self.script:
            return self.script.pop(0)
        for group in body.resource_spans:
            self.resources.append({item.key: item.value.string_value for item in group.resource.attributes})
            for scope in group.scope_spans:
                self.spans.extend(scope.spans)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=PROTOBUF)


def refuse_some(count: int, why: str) -> Response:
    """An answer with status 200 that refuses spans all the same."""
    body = ExportTraceServiceResponse()
    body.partial_success.rejected_spans = count
    body.partial_success.error_message = why
    return Response(body.SerializeToString(), media_type=PROTOBUF)


def attributes_of(span: Any) -> dict[str, Any]:
    """The attributes of a span as plain values."""
    return {item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in span.attributes}


def source_of(name: str) -> RunSource:
    """The files of a run."""
    folder = open_run(name).folder
    return RunSource(
        folder.run_id, folder.path, folder.events, folder.ledger, folder.summary, folder.config, folder.student
    )
