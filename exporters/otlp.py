"""Spans over OTLP/HTTP, to any receiver of OpenTelemetry. Needs the extra `trace`."""

import logging
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from evokd.exporters import names
from evokd.exporters.delivery import DeliveryError, check_address, hide_secrets, is_installed
from evokd.exporters.source import RunSource
from evokd.exporters.spans import Span, make_cycle_spans, make_run_span
from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.tracing.summary import read_summary

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

FROM_ENVIRONMENT = "env"
"""Instead of an address: the one that OpenTelemetry's variables name."""
BATCH = 32
"""Spans per request: with the prompts in them they are large."""
_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LOGGERS = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.exporter.otlp.common.http")


def find_endpoint(target: str) -> str:
    """Find the address that spans are sent to.

    Args:
        target: address of a receiver, with or without `/v1/traces`; `env`: as OpenTelemetry's variables say.

    Raises:
        InputError: there is none, or it is none of HTTP.
    """
    if target == FROM_ENVIRONMENT:
        own, base = (os.environ.get(name, "").strip() for name in _VARIABLES)
        if not own and not base:
            raise InputError(f"--trace {FROM_ENVIRONMENT}: {_VARIABLES[1]} is not set; set it, or give the address")
        check_address(own or base, _VARIABLES[0] if own else _VARIABLES[1])
        return own or _add_path(base)
    check_address(target, "--trace")
    return _add_path(target)


def _add_path(base: str) -> str:
    return base if base.rstrip("/").endswith("/v1/traces") else f"{base.rstrip('/')}/v1/traces"


class OtlpExporter:
    """Sends the spans of a run to a receiver of OTLP/HTTP.

    Headers and certificates are those of the variables `OTEL_EXPORTER_OTLP_*`.

    Args:
        target: see `find_endpoint`.
        content: whether to send what models and users wrote.
        timeout: seconds that a request may take, its repetitions included.

    Raises:
        InputError: the extra is not installed, or `target` is no address.
    """

    unit = "spans"

    def __init__(self, target: str, content: bool = True, timeout: float = 10.0) -> None:
        if not is_installed("opentelemetry.exporter.otlp.proto.http"):
            raise InputError("--trace needs OpenTelemetry: pip install 'evokd[trace]'")
        self._endpoint = find_endpoint(target)
        self.address = hide_secrets(self._endpoint)
        self.option = f"--trace {target if target == FROM_ENVIRONMENT else self.address}"
        self.option += "" if content else " --no-content"
        self._content, self._timeout = content, timeout
        self._sent: set[int] = set()

    def send(self, source: RunSource, cycles: int, ended: bool) -> None:
        """Send the spans that were not sent yet; see `delivery.Exporter`."""
        spans = self._left(source, cycles, ended)
        connection: _Connection | None = None
        while batch := list(islice(spans, BATCH)):
            connection = connection or _Connection(self._endpoint, self._timeout)
            connection.send(batch)
            self._sent.update(span.id for span in batch)

    def count_left(self, source: RunSource, cycles: int, ended: bool) -> int:
        """Count the spans that were not sent yet."""
        return sum(1 for _ in self._left(source, cycles, ended))

    def _left(self, source: RunSource, cycles: int, ended: bool) -> Iterator[Span]:
        timeline = source.read_times()
        ledger = source.open_ledger()
        try:
            for cycle in range(timeline.last_cycle + 1 if ended else cycles):
                for span in make_cycle_spans(timeline, ledger, cycle, self._content):
                    if span.id not in self._sent:
                        yield span
            if ended:
                span = make_run_span(timeline, ledger, read_summary(source.summary), self._content)
                if span.id not in self._sent:
                    yield span
        finally:
            ledger.close()


class _Connection:
    """A connection to a receiver that notices what the client of OpenTelemetry only writes into a log."""

    def __init__(self, endpoint: str, timeout: float) -> None:
        import requests
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource

        session = requests.Session()
        session.max_redirects = 0  # a POST that is redirected becomes a GET, and the spans are lost
        session.hooks["response"].append(self._check)
        self._request = session.request
        setattr(session, "request", self._try)  # noqa: B010  (mypy refuses to assign a method)
        self._client = OTLPSpanExporter(endpoint=endpoint, timeout=timeout, session=session)
        own = Resource({"service.name": "evokd", names.PROJECT: "evokd"})
        self._resource = own.merge(OTELResourceDetector().detect())
        self._fault = ""

    def send(self, spans: Sequence[Span]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._fault = ""
        with _Quiet():
            result = self._client.export([_to_readable(span, self._resource) for span in spans])
        if self._fault or result is not SpanExportResult.SUCCESS:
            raise DeliveryError(clean(self._fault or "it did not take them", 200))

    def _try(self, *args: Any, **options: Any) -> Any:
        import requests

        try:
            return self._request(*args, **options)
        except requests.TooManyRedirects:
            self._fault = "it redirects to another address; give that one"
            raise
        except requests.Timeout:
            self._fault = "it did not answer in time"
            raise
        except requests.RequestException:
            self._fault = "it cannot be reached"
            raise

    def _check(self, response: Any, *_: Any, **__: Any) -> None:
        """Read an answer: a receiver may refuse spans with status 200, and any web page answers so as well."""
        self._fault = ""
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if not 200 <= response.status_code < 300:
            self._fault = f"HTTP {response.status_code} {response.reason or ''}".strip()
        elif kind == "text/html":
            self._fault = "a web page answered; this is no receiver of OTLP/HTTP"
        elif kind == "application/x-protobuf" and response.content:
            self._fault = _read_refusal(response.content)


def _read_refusal(body: bytes) -> str:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return "its answer is none of OTLP/HTTP"
    return f"{partial.rejected_spans} spans were refused: {partial.error_message}" if partial.rejected_spans else ""


class _Quiet(logging.Handler):
    """Keeps what the client logs off the terminal: its failures are told once, at the end."""

    def emit(self, record: logging.LogRecord) -> None:
        pass

    def __enter__(self) -> "_Quiet":
        self._before = [(logging.getLogger(name), logging.getLogger(name).propagate) for name in _LOGGERS]
        for logger, _ in self._before:
            logger.addHandler(self)
            logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        for logger, propagate in self._before:
            logger.removeHandler(self)
            logger.propagate = propagate


def _to_readable(span: Span, resource: Any) -> "ReadableSpan":
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(number: int) -> SpanContext:
        return SpanContext(span.trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    is_call = span.attributes.get(names.KIND) == names.LLM
    return ReadableSpan(
        name=span.name,
        context=context(span.id),
        parent=None if span.parent is None else context(span.parent),
        resource=resource,
        attributes=span.attributes,
        events=[Event(event.name, event.attributes, event.time) for event in span.events],
        kind=SpanKind.CLIENT if is_call else SpanKind.INTERNAL,
        status=Status(StatusCode.OK) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=InstrumentationScope("evokd"),
    )
